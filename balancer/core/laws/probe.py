"""A probe: serve a share of the requests in a milder mode, judge it, and find how much it holds.

A share on trial is judged by a sequential test, which ends soon. One that is kept, because there is
no room for more, is held to the tests by which a mode is left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from ..modes import MODES, Mode
from ..policy import Policy
from ..rules import SPEND_WINDOW_S, shown
from ..signals import LATENCIES, SPENT, Bound, Signals, describe
from ..windows import FINISHED, NANO, TOKENS, Row
from .control_group import ControlGroup
from .evidence import Change, verdict
from .felt import Round
from .illness import Cause
from .losses import LATE
from .share import NONE, Share
from .standards import allowed, counts_requests, counts_text, limits_spending, sample

__all__ = ["Outcome", "Probe"]

LEAST_PROBED = 12
"""Requests that a probe takes where no rule counts requests."""
EXPECTED, LEAST_PER_S = 10.0, 0.001
"""A probe waits for so many requests before it gives up; where none are let in, as if few came."""
LEAST_PAID, ENOUGH_PAID, PAID_S = 10, 20, 120.0
"""Attempts that what a target costs is projected from: those of the last two minutes, or of longer
until there are enough."""
COST_SPREAD = 2.2
"""Mean square of a request's cost over the square of its mean (exponential: 2)."""
LEAST_ROOM = 0.1
"""A target that can be paid for less of the requests is not worth it."""
CHECK_S = 30.0
"""How often the room for a share that spending limits is looked at again."""

_AMOUNTS = {
    "token_cost_per_hour": (NANO, 3600e-9),
    "tokens_per_minute": (TOKENS, 60.0),
    SPENT: (NANO, SPEND_WINDOW_S * 1e-9),
}
"""Column of a signal of spending, and what one of it a second makes of the signal."""

FIELDS = ("beside", "target", "since", "round_since", "patience", "heard", "begun", "tried")
Tests = tuple[tuple[int, Bound], ...]


class Outcome(NamedTuple):
    """What came of a share.

    Attributes:
        kind: the target is refused, or not needed, or to be entered, or another share of it is
            served from now on.
        texts: why, for a person.
        cause: why it is refused.
        lost: what the users lost by whom it is refused, 0..1; 0: it is refused for something else.
    """

    kind: Literal["refused", "needless", "entered", "served"]
    texts: tuple[str, ...] = ()
    cause: Cause = "users"
    lost: float = 0.0


class Probe:
    """The probe under way, if any.

    Attributes:
        beside: the mode that serves the other requests.
        target: the mode that is tried; None: there is no probe.
        since: the tick it began at.
        round_since: the tick from which the present share is served.
        share: what is served, and what is known of other shares.
        patience: ticks in which ten requests would be served in the target.
        heard: the tick of the last request begun in the target.
        begun: requests begun under the present share, up to each tick since it is served.
        tried: bad and all requests under it, by rule.
        ripe_after: ticks after which requests that began before a share have ended, or are late.
        control: those who are not served in the target, where it is a worse mode.
    """

    __slots__ = (*FIELDS, "_changes", "_policy", "_signals", "ripe_after", "share", "control")

    def __init__(self, policy: Policy, signals: Signals, usual: float) -> None:
        self._policy = policy
        self._signals = signals
        self.beside = Mode.NORMAL
        self.target: Mode | None = None
        self.since = self.round_since = self.patience = self.heard = 0
        self.begun = [0]
        self.share = Share(signals.ticks(policy.ladder.hold_s), signals.ticks(CHECK_S))
        self.tried: list[list[int]] = []
        cuts = [b.threshold for b in signals.entry if b.rule.signal in LATENCIES]
        self.ripe_after = math.ceil(
            (policy.ladder.settle_s + max(cuts, default=0.0)) / policy.tick_s
        )
        self.control = ControlGroup(math.ceil(min(cuts, default=0.0) / policy.tick_s), usual)
        self._changes = {
            number: Change(allowed(bound))
            for number, bound in enumerate(signals.entry)
            if counts_requests(bound)
        }

    def begin(
        self,
        tick: int,
        beside: Mode,
        target: Mode,
        per_s: float,
        *,
        first: float,
        failed: float = NONE,
    ) -> None:
        """Try a mode, of so many requests a second, with a share of them."""
        self.beside, self.target, self.since = beside, target, tick
        self.share.begin(first, failed, downwards=target > beside)
        self.patience = self._signals.ticks(EXPECTED / max(self.share.first * per_s, LEAST_PER_S))
        self._serve(tick)

    @property
    def downwards(self) -> bool:
        """Whether a worse mode is tried than the one that serves."""
        return self.target is not None and self.target > self.beside

    def _serve(self, tick: int) -> Outcome:
        self.control.begin(tick)
        self.round_since, self.heard, self.begun = tick, tick, [0]
        self.tried = [[0, 0] for _ in self._policy.rules]
        for change in self._changes.values():
            change.reset()
        return Outcome("served")

    def hear(self, tick: int, seen: Round | None) -> int:
        """Count what began in the target, once a tick; the ticks since anything did."""
        begun = 0 if seen is None else seen.begun
        if self.share.kept_until is None:
            self.begun.append(self.begun[-1] + begun)
        if begun > 0:
            self.heard = tick
        return tick - self.heard

    def weigh(
        self,
        tick: int,
        target: Mode,
        tests: Tests,
        seen: Round | None,
        stayed: Round | None,
        per_s: float,
    ) -> Outcome | None:
        """Judge the present share; None: go on with it.

        Args:
            tick: now.
            target: the mode that is tried.
            tests: the rules it is left by, with their numbers.
            seen: what its users felt in this tick.
            stayed: what the users of the mode beside it felt.
            per_s: requests a second, in all modes.
        """
        kept = self.share.kept_until is not None
        for number, bound in tests:
            if not counts_requests(bound) and not limits_spending(bound):
                # What is spent leaves its window slowly: a share is tried where there is room.
                ahead = bound.rule.signal == SPENT and not kept
                broken = self._broken(self._signals.exits[number] if ahead else bound, target)
                if broken is not None:
                    return Outcome("refused", (broken,), cause="rule")
        found = self._keep(tick, tests, seen) if kept else self._try(tests, seen)
        if self.downwards and not kept:
            self.control.observe(tick, stayed)
            found = self._compared(found)
        if found is not None and found.kind == "needless":
            return found
        if found is not None and found.kind == "refused":
            if not self.share.fall_back(tick):
                return found
            return self._serve(tick)._replace(texts=found.texts)
        if not (self.share.due(tick) if kept else found is not None):
            return None
        room, dear = self._room(target, tests, per_s)
        if room < LEAST_ROOM:
            return Outcome("refused", (dear,), cause="cost") if room >= 0.0 else None
        if self.share.whole(room):
            return found or Outcome("entered", (f"{self.share.value:.0%} of requests were well",))
        if kept:
            return self._serve(tick) if self.share.rested(tick, room) else None
        self.share.widen(tick, room)
        return self._serve(tick)

    def _try(self, tests: Tests, seen: Round | None) -> Outcome | None:
        """Of a share on trial: refused, well, or not known yet."""
        well = True
        most = 0
        texts: list[str] = []
        for number, bound in tests:
            if counts_requests(bound):
                k, n = self._add(number, bound, seen)
                found = verdict(k, n, allowed(bound))
                if found is False:
                    weight = 1.0 if bound.rule.signal == "error_rate" else LATE
                    lost = weight * k / n
                    return Outcome("refused", (counts_text(bound, k, n),), lost=lost)
                ripe = max(k, min(n, self._ripe(bound)))
                well = well and verdict(k, ripe, allowed(bound)) is True
                most = max(most, n)
                texts.append(counts_text(bound, k, n))
        if most == 0:
            well = well and self.begun[-1] >= LEAST_PROBED
        return Outcome("entered", tuple(texts)) if well else None

    def _compared(self, found: Outcome | None) -> Outcome | None:
        """Of a worse mode on trial: needless, refused or well while those who stay are ill."""
        if self.control.well:
            return Outcome("needless")
        known = self.control.well is not None or found is None or found.kind == "refused"
        return found if known else None

    def _keep(self, tick: int, tests: Tests, seen: Round | None) -> Outcome | None:
        """Of a share that is kept: refused, or not."""
        # What was begun under a wider share that failed ends first.
        if seen is not None and tick - self.round_since > self.ripe_after:
            for number, bound in tests:
                if counts_requests(bound):
                    change = self._changes[number]
                    if change.add(*sample(bound, seen)):
                        return Outcome("refused", (counts_text(bound, *change.since()),))
        return None

    def _add(self, number: int, bound: Bound, seen: Round | None) -> tuple[int, int]:
        counts = self.tried[number]
        if seen is not None:
            k, n = sample(bound, seen)
            counts[0] += k
            counts[1] += n
        return counts[0], counts[1]

    def _ripe(self, bound: Bound) -> int:
        """Requests that began long enough ago to be late: the others may yet be.

        Not all that are decided: of those that began just now the quick ones are answered first,
        and would speak for the slow ones.
        """
        ripens = 0
        if bound.rule.signal in LATENCIES:
            ripens = math.ceil(bound.threshold / self._policy.tick_s)
        return self.begun[-1 - ripens] if ripens < len(self.begun) else 0

    def _room(self, target: Mode, tests: Tests, per_s: float) -> tuple[float, str]:
        """Share of the requests that can be paid for in the target, and what is too dear.

        If all requests would cost A in the target and B beside it, a share x of them costs
        x A + (1 - x) B, so with a limit L there is room for

            x = (L - B) / (A - B)

        where L is the rule's exit threshold; for all of them, where A is below it. -1: not known
        yet. By requests and not by attempts: those that failed and were followed by another cost
        too.
        """
        there, here = self._paid(target), self._paid(self.beside)
        found = [(NONE, "")]
        for number, bound in tests:
            signal, limit = bound.rule.signal, self._signals.exits[number].threshold
            if not limits_spending(bound) and signal != SPENT:
                continue
            n = there[FINISHED]
            if n < LEAST_PAID:
                return -1.0, ""
            column, unit = _AMOUNTS[signal]
            all_there = unit * per_s * there[column] / n
            if all_there <= limit * (1.0 + math.sqrt(COST_SPREAD / n)):
                continue
            all_here = unit * per_s * here[column] / max(1, here[FINISHED])
            share = 0.0
            if all_here < limit:
                share = min(1.0, (limit - all_here) / max(1e-9, all_there - all_here))
            dear = f"{signal} would be {shown(all_there, signal)} > {shown(limit, signal)}"
            found.append((share, dear))
        return min(found)

    def _paid(self, mode: Mode) -> Row:
        """What a mode was paid of late: over two minutes, or longer where few were served."""
        windows = self._signals.windows
        span = self._signals.ticks(PAID_S)
        while True:
            row = windows.since(mode, max(self.since, windows.tick - span))
            if row[FINISHED] >= ENOUGH_PAID or windows.tick - span <= self.since:
                return row
            span *= 2

    def _broken(self, bound: Bound, target: Mode) -> str | None:
        """A rule that is taken literally, if the target breaks it."""
        signals, settings = self._signals, self._policy.ladder
        since = self.since
        if not signals.judge(bound, target, since, z=settings.z, min_samples=settings.min_samples):
            return None
        return describe(bound, signals.measure(bound, target, since, since), lasting=False)

    def state(self) -> dict[str, object]:
        """Plain values."""
        values = {name: getattr(self, name) for name in FIELDS}
        return values | {
            "begun": list(self.begun),
            "tried": [list(counts) for counts in self.tried],
            "share": self.share.state(),
            "control": self.control.state(),
            "changes": [change.state() for change in self._changes.values()],
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        for name in FIELDS:
            setattr(self, name, state[name])
        self.beside = MODES[self.beside]
        self.target = None if self.target is None else MODES[self.target]
        self.begun = list(self.begun)
        self.tried = [list(counts) for counts in self.tried]
        share, control, changes = state["share"], state["control"], state["changes"]
        assert isinstance(share, dict) and isinstance(changes, list) and isinstance(control, dict)
        self.control.restore(control)
        self.share.restore(share)
        for change, values in zip(self._changes.values(), changes, strict=True):
            change.restore(values)
