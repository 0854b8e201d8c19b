"""What is seen in the mode that serves: which rules it breaks, and how its users fare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ..decisions import Reason
from ..modes import MODES, Mode
from ..policy import Policy
from ..rules import shown
from ..signals import Bound, Signals
from .evidence import Change, Spending, likelihood
from .felt import Round
from .losses import LATE
from .standards import (
    allowed,
    bad_counts,
    counts_requests,
    counts_text,
    limit,
    limits_spending,
    sample,
    tested,
)

__all__ = ["Broken", "Watch", "rule_reason"]

AVERAGED, AVERAGED_S = 400.0, 120.0
"""How a mode's users fare is averaged over so many requests, and over so long."""
LEAST_EARLIER, NO_BETTER = 20, 3.0
"""Least requests before a change that say how it was, and how much worse than allowed that is."""
LEAST_SPENDING_S = 60.0


class Broken(NamedTuple):
    """A rule that the mode breaks, and on what evidence."""

    bound: Bound
    k: int
    n: int
    value: float | None


class Watch:
    """Judges the mode that serves.

    Attributes:
        tests: rules that each mode is left by, with their numbers.
        seen: failed, late and all requests since entry; old ones weigh less.
        answers: whether the mode has answered any since entry.
        ended: late requests that were answered, and that failed or were given up, since entry.
        streaks: for how many ticks each literal rule has been broken.
        usual: the share of bad requests that is allowed: what P95 allows, or the strictest rule.
        calm: evidence that the mode is well, since entry or since it was asked for.
        paused_until: the tick up to which shares of requests are not judged.
    """

    __slots__ = (
        "_changes",
        "_limits",
        "_policy",
        "_signals",
        "_spending",
        "_tests",
        "answers",
        "calm",
        "ended",
        "paused_until",
        "seen",
        "streaks",
        "tests",
        "usual",
    )

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals
        self.tests = tuple(tested(signals.entry, mode) for mode in MODES)
        self._changes = {
            number: Change(allowed(bound))
            for number, bound in enumerate(signals.entry)
            if counts_requests(bound)
        }
        self._limits = {
            number: limit(bound, policy.tick_s)
            for number, bound in enumerate(signals.entry)
            if limits_spending(bound)
        }
        self.usual = min([0.05, *(change.share for change in self._changes.values())])
        self._tests = tuple(
            tuple((number, bound, self._changes.get(number)) for number, bound in tests)
            for tests in self.tests
        )
        self._spending = Spending(signals.ticks(LEAST_SPENDING_S))
        self.seen = [0.0, 0.0, 0.0]
        self.answers = False
        self.ended = [0.0, 0.0]
        self.streaks = [0] * len(policy.rules)
        self.calm = 0.0
        self.paused_until = 0

    def begin(self, tick: int) -> None:
        """A mode was entered."""
        self.seen = [0.0, 0.0, 0.0]
        self.answers = False
        self.ended = [0.0, 0.0]
        self.streaks = [0] * len(self.streaks)
        self.calm = 0.0
        self.paused_until = 0
        self.forget()
        self._spending.reset(tick)

    def forget(self) -> None:
        """Judge shares of requests anew."""
        for change in self._changes.values():
            change.reset()

    def pause(self, until: int) -> None:
        """Judge shares anew, after a tick: what began before says nothing more."""
        self.forget()
        self.paused_until = until

    def average(self, seen: Round, per_s: float) -> None:
        """Take in what the mode's users felt in a tick, at so many requests a second."""
        failed, late, n = self.seen
        failed_now, late_now, n_now = bad_counts(seen)
        k_now = min(n_now, failed_now + late_now)
        self.calm = max(0.0, self.calm + likelihood(k_now, n_now, self.usual))
        failed += failed_now
        # One that was late before the mode was entered may fail in it.
        late = max(0.0, late + late_now)
        n = max(n + n_now, failed + late)
        self.seen = [failed, late, n]
        self.answers = self.answers or seen.answered > 0
        slow, gone = seen.slow, seen.gone
        if slow and (slow[0] or gone or seen.late_failed[0]):
            # Who gives up is taken to have waited for long.
            self.ended[0] += slow[0]
            self.ended[1] += seen.late_failed[0] + gone
        if n > AVERAGED and n > AVERAGED_S * per_s:
            self.seen = [count / 2.0 for count in self.seen]
            self.ended = [count / 2.0 for count in self.ended]

    def judge(
        self, tick: int, mode: Mode, entered: int, seen: Round | None, probed: Mode | None
    ) -> list[Broken]:
        """Rules of levels above the mode that it breaks.

        Args:
            tick: now.
            mode: which serves.
            entered: since this tick.
            seen: what its users felt in this tick; None: nothing, or it is not asked.
            probed: the mode that is probed beside it, whose spending counts too.
        """
        finished = nano_usd = tokens = 0
        for entry in self._signals.seen.served:
            if entry.mode is mode or entry.mode is probed:
                finished += entry.judged
                nano_usd += entry.nano_usd
                tokens += entry.prompt_tokens + entry.output_tokens + entry.thinking_tokens
        self._spending.add(tick, finished, nano_usd, tokens)
        found = []
        for number, bound, change in self._tests[mode]:
            if change is not None:
                if seen is None or tick <= self.paused_until:
                    continue
                k, n = sample(bound, seen)
                if not change.add(k, n):
                    continue
                broken: Broken | None = self._too_many(change, bound, mode, entered)
            elif number in self._limits:
                broken = self._too_much(tick, number, bound) if finished else None
            else:
                broken = self._literally(tick, number, bound, mode, entered)
            if broken is not None:
                found.append(broken)
        return found

    def shares(self, broken: list[Broken]) -> tuple[float, float]:
        """Shares that failed and that were late, since the change or since entry.

        Since the change, unless it was no better before: a quota is counted by the minute, and of
        a minute that is refused for the most part a second half says that all is.
        """
        failed, late, n = self.seen
        shares = [failed / max(1.0, n), late / max(1.0, n)]
        for each in broken:
            place = 0 if each.bound.rule.signal == "error_rate" else 1
            earlier = n - each.n
            if earlier >= LEAST_EARLIER:
                before = (self.seen[place] - each.k) / earlier
                if before > NO_BETTER * allowed(each.bound):
                    continue
            shares[place] = max(shares[place], each.k / each.n)
        return shares[0], shares[1]

    def loss(self, failed: float, late: float) -> float:
        """What users lose by so large shares that failed and that are late.

        A late one loses all where it fails in the end or its user gives up, by what became of the
        late ones so far; and in a mode that has answered nobody.
        """
        answered, lost = self.ended
        if answered + lost > 0.0:
            weight = (LATE * answered + lost) / (answered + lost)
        else:
            weight = LATE if self.answers else 1.0
        return min(1.0, failed + weight * late)

    def error(self, share: float) -> float:
        """Standard error of a share of the requests seen, were it so large; never nought."""
        share, n = min(1.0, share), max(1.0, self.seen[2])
        return math.sqrt(max(share * (1.0 - share), 1.0 / n) / n)

    def _too_many(self, change: Change, bound: Bound, mode: Mode, entered: int) -> Broken:
        """A rule about a share of requests that is broken."""
        k, n = change.since()
        if bound.rule.signal == "error_rate":
            return Broken(bound, k, n, k / n)
        start = max(entered, self._signals.windows.tick - bound.window_ticks)
        return Broken(bound, k, n, self._signals.measure(bound, mode, entered, start).value)

    def _too_much(self, tick: int, number: int, bound: Bound) -> Broken | None:
        """Whether a rule about spending is broken."""
        column, per_tick = self._limits[number]
        above = self._spending.above(tick, column, per_tick)
        if above is None:
            return None
        mean, n = above
        return Broken(bound, 0, n, bound.threshold * mean / per_tick)

    def _literally(
        self, tick: int, number: int, bound: Bound, mode: Mode, entered: int
    ) -> Broken | None:
        """Whether a rule about a span of time, or a gauge, is broken as it is written."""
        signals, settings = self._signals, self._policy.ladder
        true = signals.judge(bound, mode, entered, z=settings.z, min_samples=settings.min_samples)
        self.streaks[number] = self.streaks[number] + 1 if true else 0
        if not true or self.streaks[number] < bound.sustained_ticks:
            return None
        seen = signals.measure(bound, mode, entered, max(entered, tick - bound.window_ticks))
        return Broken(bound, seen.k, seen.n, seen.value)

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {
            "seen": list(self.seen),
            "answers": self.answers,
            "calm": self.calm,
            "paused_until": self.paused_until,
            "ended": list(self.ended),
            "streaks": list(self.streaks),
            "spending": self._spending.state(),
            "changes": [change.state() for change in self._changes.values()],
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        seen, ended, streaks, spending, changes = (
            state[name] for name in ("seen", "ended", "streaks", "spending", "changes")
        )
        assert isinstance(seen, list) and isinstance(ended, list) and isinstance(streaks, list)
        assert isinstance(spending, list) and isinstance(changes, list)
        self.answers = bool(state["answers"])
        calm, paused_until = state["calm"], state["paused_until"]
        assert isinstance(calm, float) and isinstance(paused_until, int)
        self.calm, self.paused_until = calm, paused_until
        self.seen, self.ended, self.streaks = list(seen), list(ended), list(streaks)
        self._spending.restore(spending)
        for change, values in zip(self._changes.values(), changes, strict=True):
            change.restore(values)


def rule_reason(broken: Broken, to: Mode) -> Reason:
    """Why a mode is left: the rule it breaks and what was counted, under the mode entered."""
    bound, k, n, value = broken
    rule = bound.rule
    if counts_requests(bound):
        text = f"{counts_text(bound, k, n)}, {allowed(bound):.1%} allowed"
    else:
        seen = "" if value is None else f" {shown(value, rule.signal)}"
        text = f"{rule.signal}{seen} > {shown(bound.threshold, rule.signal)}"
        text += f" ({n} requests)" if n else ""
    return Reason(
        kind="rule",
        text=f"{to.label}: {text}",
        rule=rule.name,
        value=value,
        threshold=bound.threshold,
        k=k,
        n=n,
    )
