"""The mildest rung that holds: leave what users suffer in, come back by proof, undo what is futile.

A mode is left when a sequential test says that its users fare worse than a rule allows, for the
next worse one that is not known to be ill. What was found ill is remembered (`Illness`). It is
entered again by a probe whose share is widened until it is the whole (`Probe`). A mode in which
users lose no less than they did in a milder one is left again; where nothing helps, the law stays
with the least bad and tries anew after a quarter of an hour, doubling.

Once a tick, first match wins:

    own rules of a higher level broken, and a worse mode promises less -> that mode
    the same, and none does                         -> the least bad, locked
    a milder mode lost no more than this one        -> the next worse, or the least bad, locked
    a probe has its verdict                         -> wider, enter; or remember it as ill
    a milder mode is no longer known to be ill      -> probe it, the mildest first

What users felt is counted in `felt`, the tests are in `evidence`, what a mode is held to is in
`standards`; `docs/explanation/mildest.md` gives each constant its reason. Orders lie over the law
(`commanded`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from ..decisions import Reason, Stance, one_hot, probe_mixes
from ..modes import MODES, Mode
from ..policy import Policy
from ..rules import shown
from ..signals import Bound, Signals
from ..windows import FINISHED, NANO, TOKENS
from .demand import Demand
from .evidence import ALARM, Change, Spending, likelihood
from .felt import Felt, Round
from .illness import MOST_FAILED, MOST_RELAPSES, MOST_WIDE, Illness
from .probe import Outcome, Probe
from .stances import stance
from .standards import allowed, bad, counted, limit, sample, spent, tested, told

__all__ = ["Mildest"]

LATE = 0.5
"""What a late answer loses, where one that never came loses 1."""
GIVEN_UP = 0.02
"""What each rung gives up by itself: a step must spare two users in a hundred their answer, or four
their wait."""
LOAD = 1.25
"""Slow answers count as load when more requests come than the baseline's times this."""

COMPARED_AT = 20
"""Least requests in a mode before it is compared with what a milder one lost."""
AVERAGED, AVERAGED_S = 400.0, 120.0
"""A mode's loss is averaged over so many requests, and over so long."""
PERIOD_S = 60.0
"""Where nothing helped, modes are compared, and one is found well, over this long at least: quotas
are counted by the minute, and all is well in one half of it and refused in the other."""
DOUBT = 2.0
"""Standard errors by which a mode must be seen to be no better."""
MEMORY_S = 1800.0
"""What a mode lost is compared with for this long."""
MARGIN = 0.1
"""Where nothing helped, losses that differ by less are equal, and the mildest mode is kept."""
REFUSED_LOSS = 0.25
"""What a mode is taken to lose at least whose probe was refused."""
PATIENCE = 3
"""Holds after which a probe of which nothing was heard ends; telemetry may be minutes late."""
LOCK_S, LONGEST_LOCK_S = 900.0, 7200.0
WORSE, LEAST_WORSE, WORST = 1.15, 0.05, 0.9
"""The level a locked mode is judged by: so much more than it was, and never above the last."""

FIELDS = (
    "mode",
    "entered",
    "shedding",
    "probed",
    "lock_until",
    "locks",
    "level",
    "well",
    "well_since",
    "seen_here",
    "streaks",
)


class Broken(NamedTuple):
    """A rule that the mode breaks, and on what evidence."""

    bound: Bound
    k: int
    n: int
    value: float | None


class Mildest:
    """The law of the mildest rung that holds.

    Its memory is public, as plain attributes: `mode` and `entered`; `shedding`, whether the mode's
    shedding is in force; `probed`, whether it was entered by a probe; while nothing helps
    `lock_until`, `locks`, `level` (share of bad requests that is taken for granted) and `well`
    (evidence that it is over, since `well_since`); `seen_here`, failed, late and all requests since
    entry; `streaks`, for how many ticks each literal rule has been broken; and `demand`, `ill` and
    `probe`.
    """

    __slots__ = (
        *FIELDS,
        "_changes",
        "_felt",
        "_hold",
        "_overall",
        "_policy",
        "_probation",
        "_settle",
        "_signals",
        "_spending",
        "_stance",
        "_tests",
        "_usual",
        "demand",
        "ill",
        "probe",
    )

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals
        self._felt = Felt(signals)
        self._settle = round(policy.ladder.settle_s / policy.tick_s)
        self._hold = signals.ticks(policy.ladder.hold_s)
        self._probation = signals.ticks(policy.ladder.probation_s)
        self._tests = tuple(tested(signals.entry, mode) for mode in MODES)
        self._changes = {
            number: Change(allowed(bound))
            for number, bound in enumerate(signals.entry)
            if counted(bound)
        }
        self._overall: Change | None = None
        # What P95 allows, or the strictest rule.
        self._usual = min([0.05, *(change.share for change in self._changes.values())])
        self._spending = Spending(signals.ticks(60.0))
        self.demand = Demand(policy.tick_s)
        self.ill = Illness(self._hold)
        self.probe = Probe(policy, signals)
        self.mode = Mode.NORMAL
        self.entered: int | None = None
        self.shedding = False
        self.probed = False
        self.lock_until: int | None = None
        self.locks = 0
        self.level = self.well = 0.0
        self.well_since = 0
        self.seen_here = [0.0, 0.0, 0.0]
        self.streaks = [0] * len(policy.rules)
        self._stance = stance(policy, Mode.NORMAL, ())

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        if self.entered is None:
            self.entered = tick - 1
            self._spending.reset(tick - 1)
        self._felt.observe()
        offered = self._signals.seen.offered
        self.demand.observe(offered)
        self.ill.requests += sum(offered)
        # What fails fast finishes first: the first seconds of a mode say little.
        if tick - self.entered > self._settle and self._move(tick, self.entered):
            return self._stance
        if self.mode is Mode.NORMAL:
            self._rest(tick, self.entered)
        elif self.probe.target is not None:
            self._weigh(tick, self.probe.target)
        elif any(offered):
            self._try(tick)
        return self._stance

    def _move(self, tick: int, entered: int) -> bool:
        """Leave the mode, if there is a better one by what is seen in it."""
        here = self._felt.now.get(self.mode)
        if self.lock_until is not None and tick >= self.lock_until:
            self._unlock()
        if self._resettle(tick, here):
            return True
        broken = self._broken(tick, here, entered)
        return bool(broken and self._leave(tick, broken)) or self._undo(tick)

    # --- what is seen -------------------------------------------------------------------

    def _broken(self, tick: int, here: Round | None, entered: int) -> list[Broken]:
        """Rules of levels above the mode that it breaks."""
        counts = self._signals.ledger.since(self.mode, tick - 1)
        self._spending.add(tick, counts[FINISHED], counts[NANO], counts[TOKENS])
        if here is not None:
            self._average(here)
        found = []
        for number, bound in self._tests[self.mode]:
            if counted(bound):
                broken = self._too_many(number, bound, here, entered)
            elif spent(bound):
                broken = self._too_much(tick, bound) if counts[FINISHED] else None
            else:
                broken = self._literally(tick, number, bound, entered)
            if broken is not None:
                found.append(broken)
        return found

    def _average(self, here: Round) -> None:
        failed, late, n = (seen + n for seen, n in zip(self.seen_here, bad(here), strict=True))
        # One that was late before the mode was entered may fail in it.
        late = max(0.0, late)
        self.seen_here = [failed, late, max(n, failed + late)]
        if self.seen_here[2] > max(AVERAGED, AVERAGED_S * self.demand.per_s):
            self.seen_here = [count / 2.0 for count in self.seen_here]

    def _too_many(
        self, number: int, bound: Bound, here: Round | None, entered: int
    ) -> Broken | None:
        """Whether a rule about a share of requests is broken; not asked where nothing helps."""
        change = self._changes[number]
        if here is None or self._overall is not None or not change.add(*sample(bound, here)):
            return None
        k, n = change.since()
        if bound.rule.signal == "error_rate":
            return Broken(bound, k, n, k / n)
        start = max(entered, self._signals.ledger.tick - bound.window_ticks)
        return Broken(bound, k, n, self._signals.measure(bound, self.mode, entered, start).value)

    def _too_much(self, tick: int, bound: Bound) -> Broken | None:
        """Whether a rule about spending is broken."""
        column, per_tick = limit(bound, self._policy.tick_s)
        above = self._spending.above(tick, column, per_tick)
        if above is None:
            return None
        mean, n = above
        return Broken(bound, 0, n, bound.threshold * mean / per_tick)

    def _literally(self, tick: int, number: int, bound: Bound, entered: int) -> Broken | None:
        """Whether a rule about a span of time, or a gauge, is broken as it is written."""
        signals, settings = self._signals, self._policy.ladder
        true = signals.judge(
            bound, self.mode, entered, z=settings.z, min_samples=settings.min_samples
        )
        self.streaks[number] = self.streaks[number] + 1 if true else 0
        if not true or self.streaks[number] < bound.sustained_ticks:
            return None
        start = max(entered, tick - bound.window_ticks)
        seen = signals.measure(bound, self.mode, entered, start)
        return Broken(bound, seen.k, seen.n, seen.value)

    def _loss(self, mode: Mode, failed: float, late: float, *, shedding: bool) -> float:
        """What users of a mode lose: answers that never come, and answers that come late."""
        shed = self._policy.strategies[mode].shed
        away = self.demand.turned_away(shed) if shedding else 0.0
        return GIVEN_UP * mode + away + (1.0 - away) * min(1.0, failed + LATE * late)

    # --- leaving ------------------------------------------------------------------------

    def _leave(self, tick: int, broken: list[Broken]) -> bool:
        """Go to the next worse mode that promises less loss, or else to the least bad known."""
        felt = [each for each in broken if counted(each.bound)]
        load = any(self._is_load(each.bound) for each in broken)
        failed, late = self._shares(felt)
        literal = len(felt) < len(broken)
        here = self._loss(self.mode, failed, late, shedding=self.shedding)
        fails = felt != [] and all(each.bound.rule.signal == "error_rate" for each in felt)
        worse = [
            mode
            for mode in MODES[self.mode + 1 :]
            if not self.ill.known(mode, tick)
            and (load or literal or not fails or self._differs(mode))
        ]
        leap = max((each.bound.rule.level for each in broken if each.bound.rule.jump), default=None)
        to = None
        if leap is not None and not self.ill.known(leap, tick):
            to = leap
        elif worse and (
            literal or self._loss(worse[0], 0.0, 0.0, shedding=load or self.shedding) < here
        ):
            to = worse[0]
        if to is None and not felt:
            return False
        self._found_ill(tick, 1.0 if literal else here)
        if to is None:
            self._settle_for(tick, failed + late)
            return True
        # A leap says nothing good of what it leaves out.
        self.ill.shun(MODES[self.mode + 1 : to], tick + self._hold)
        reasons = tuple(self._because(each, to) for each in broken)
        self._enter(tick, to, reasons, shedding=self.shedding or load)
        return True

    def _shares(self, felt: list[Broken]) -> tuple[float, float]:
        """Shares that failed and that were late, since the change or since entry."""
        failed, late, n = self.seen_here
        shares = [failed / max(1.0, n), late / max(1.0, n)]
        for each in felt:
            place = 0 if each.bound.rule.signal == "error_rate" else 1
            shares[place] = max(shares[place], each.k / each.n)
        return shares[0], shares[1]

    def _is_load(self, bound: Bound) -> bool:
        """Whether shedding answers a broken rule: load and cost, never upstream errors.

        As with the ladder, a 429 is load, and slow answers are where more requests come than the
        policy was meant for.
        """
        if bound.rule.signal in ("error_rate", "burn_rate"):
            since = max(self.entered or 0, self._signals.ledger.tick - bound.window_ticks)
            return self._signals.mostly_quota(self.mode, since)
        baseline = self._policy.baseline
        if not counted(bound) or baseline is None:
            return True
        return self.demand.per_s > LOAD * baseline.requests_per_s

    def _differs(self, mode: Mode) -> bool:
        """Whether a mode may answer where rounds of this one fail.

        A failed round has asked every model of the chain; a mode that asks the same ones, in
        another order, would fare no better.
        """
        return bool(self._models(mode) - self._models(self.mode))

    def _models(self, mode: Mode) -> frozenset[str | None]:
        strategy = self._policy.strategies[mode]
        return frozenset((strategy.model, *strategy.fallback_models))

    def _found_ill(self, tick: int, loss: float) -> None:
        """The mode is ill; if a probe had only just let it in, it is left alone for longer."""
        relapse = self.probed and tick - (self.entered or 0) <= self._probation
        most = MOST_RELAPSES if relapse else MOST_FAILED
        self.ill.found(tick, self.mode, loss, most=most)

    def _undo(self, tick: int) -> bool:
        """Leave a mode in which users lose no less than in a milder one they were taken from."""
        failed, late, n = self.seen_here
        if n < COMPARED_AT or self.lock_until is not None:
            return False
        # A loss of 1 is another matter than users': cost, or what a rule means literally.
        lost = {m: loss for m, loss in self._losses(tick, MODES[: self.mode]).items() if loss < 1.0}
        if not lost:
            return False
        best = min(lost, key=lambda mode: (lost[mode], mode))
        share = min(1.0, (failed + late) / n)
        error = math.sqrt(max(share * (1.0 - share), 1.0 / n) / n)
        here = self._loss(self.mode, failed / n, late / n, shedding=self.shedding)
        if here - DOUBT * error <= lost[best]:
            return False
        self.ill.found(tick, self.mode, here, most=MOST_FAILED)
        for mode in MODES[self.mode + 1 :]:
            promised = self._loss(mode, 0.0, 0.0, shedding=self.shedding)
            may_help = failed <= late or self._differs(mode)
            if promised < here and may_help and not self.ill.known(mode, tick):
                text = f"{mode.label}: {self.mode.label} is no better than {best.label} was"
                reasons = (Reason(kind="failed", text=text),)
                self._enter(tick, mode, reasons, shedding=self.shedding)
                return True
        self._lock(tick, best, lost[best] / LATE)
        return True

    def _losses(self, tick: int, modes: tuple[Mode, ...]) -> dict[Mode, float]:
        return self.ill.losses(modes, tick - self._signals.ticks(MEMORY_S))

    # --- where nothing helps ------------------------------------------------------------

    def _settle_for(self, tick: int, share: float) -> None:
        """Nothing promises less: the least bad that is known, judged by its own level."""
        lost = self._losses(tick, MODES)
        least = min(lost.values())
        self._lock(tick, min(mode for mode in lost if lost[mode] <= least + MARGIN), share)

    def _lock(self, tick: int, best: Mode, share: float) -> None:
        """Stay with the least bad mode until it is well again, or for a while."""
        again = self.lock_until is not None and best is self.mode
        if self.lock_until is None:
            lock_s = min(LONGEST_LOCK_S, LOCK_S * 2.0**self.locks)
            self.lock_until = tick + self._signals.ticks(lock_s)
            self.locks += 1
        self.ill.shun(MODES[best + 1 :], self.lock_until)
        self.level = min(WORST, WORSE * share + LEAST_WORSE)
        self._overall = Change(self.level)
        self.well, self.well_since = 0.0, tick
        if again:
            return
        left_min = (self.lock_until - tick) * self._policy.tick_s / 60.0
        text = f"{best.label}: no mode that was tried is better; next try in {left_min:.0f} min"
        self._enter(tick, best, (Reason(kind="failed", text=text),), shedding=self.shedding)

    def _resettle(self, tick: int, here: Round | None) -> bool:
        """Where nothing helps: has the mode become well, or worse than was taken for granted?"""
        if self._overall is None or here is None:
            return False
        failed, late, n = bad(here)
        k = min(n, failed + late)
        # As in `Change`, only the other way round: for being well, and not for being ill.
        period = self._signals.ticks(PERIOD_S)
        self.well = max(0.0, self.well + likelihood(k, n, self._usual))
        if self.well == 0.0:
            self.well_since = tick
        if self.well >= ALARM and tick - self.well_since >= period:
            self.ill.relent(tick)
            self._unlock()
            return False
        worse = self._overall.add(k, n)
        if not worse or tick - (self.entered or 0) < period:
            return False
        before, (failed_here, late_here, seen) = self.mode, self.seen_here
        shares = failed_here / max(1.0, seen), late_here / max(1.0, seen)
        self._found_ill(tick, self._loss(before, *shares, shedding=self.shedding))
        self._settle_for(tick, sum(shares))
        return self.mode is not before

    def _unlock(self) -> None:
        self.lock_until = None
        self._overall = None
        for change in self._changes.values():
            change.reset()

    def _rest(self, tick: int, entered: int) -> None:
        """Time in normal lets what is remembered fade."""
        self.ill.fade(tick, entered)
        if self.lock_until is None and tick - entered >= 2 * self._signals.ticks(LONGEST_LOCK_S):
            self.locks = 0

    # --- coming back --------------------------------------------------------------------

    def _try(self, tick: int) -> None:
        """Probe the mildest mode that is not known to be ill."""
        for mode in MODES[: self.mode]:
            if not self.ill.known(mode, tick):
                plain = stance(self._policy, self.mode, (), shedding=self.shedding)
                self.probe.begin(tick, mode, sum(self.demand.let_in(plain.admit)))
                self._serve(mode)
                return

    def _serve(self, target: Mode) -> None:
        """Serve the probe's share of the requests in its target."""
        plain = stance(self._policy, self.mode, (), shedding=self.shedding)
        served = self.demand.let_in(plain.admit)
        total, share = sum(served), self.probe.share
        text = f"{self.mode.label}: probing {target.label} with {share:.1%} of requests"
        if total > 0.0:
            low, normal, high = (rate / total for rate in served)
            mixes, admit = probe_mixes(self.mode, target, share, (low, normal, high)), plain.admit
        else:
            # Where the mode sheds all there is, a share of it is let in.
            everything = one_hot(target)
            mixes, admit = (everything, everything, everything), (share, share, share)
        reasons = (Reason(kind="probe", text=text),)
        self._stance = replace(plain, mixes=mixes, admit=admit, reasons=reasons, probe=target)

    def _weigh(self, tick: int, target: Mode) -> None:
        """Refuse the target, widen its share or enter it, once the counts say so."""
        probe, seen = self.probe, self._felt.now.get(target)
        if probe.hear(tick, seen) > max(PATIENCE * self._hold, probe.patience):
            # Traffic or telemetry has stopped, or an order keeps it away.
            self.ill.shun((target,), tick + self._hold)
            self._end(f"probe of {target.label} ended, nothing was served in it")
            return
        found = probe.weigh(target, self._tests[target], seen, self.demand.per_s)
        if found is None:
            return
        if not found.well:
            self._refuse(tick, target, found)
        elif probe.whole:
            self.ill.well(target)
            self._unlock()
            text = "; ".join([f"{target.label}: probe passed", *found.texts])
            self._enter(tick, target, (Reason(kind="passed", text=text),), shedding=self.shedding)
            self.probed = True
        else:
            probe.widen(tick)
            self._serve(target)

    def _refuse(self, tick: int, target: Mode, found: Outcome) -> None:
        probe = self.probe
        most = MOST_WIDE if probe.share > probe.first else MOST_FAILED
        loss = max(REFUSED_LOSS, self.ill.lost[target] or 0.0)
        self.ill.found(tick, target, loss, most=most)
        self._end(f"probe of {target.label} failed at {probe.share:.1%}: {found.texts[0]}")

    def _end(self, text: str) -> None:
        self.probe.target = None
        self._stand((Reason(kind="failed", text=f"{self.mode.label}: {text}"),))

    # --- state --------------------------------------------------------------------------

    def _enter(self, tick: int, mode: Mode, reasons: tuple[Reason, ...], *, shedding: bool) -> None:
        self.mode, self.entered, self.probed = mode, tick, False
        self.probe.target = None
        self.seen_here = [0.0, 0.0, 0.0]
        self.streaks = [0] * len(self.streaks)
        for change in self._changes.values():
            change.reset()
        self._spending.reset(tick)
        self.shedding = shedding and mode is not Mode.NORMAL
        self._stand(reasons)

    def _stand(self, reasons: tuple[Reason, ...]) -> None:
        self._stance = stance(self._policy, self.mode, reasons, shedding=self.shedding)

    def _because(self, broken: Broken, to: Mode) -> Reason:
        bound, k, n, value = broken
        rule = bound.rule
        if counted(bound):
            text = f"{told(bound, k, n)}, {allowed(bound):.1%} allowed"
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

    def state(self) -> dict[str, object]:
        """Plain values."""
        values: dict[str, object] = {}
        for name in FIELDS:
            value = getattr(self, name)
            values[name] = list(value) if isinstance(value, list) else value
        return values | {
            "demand": self.demand.state(),
            "ill": self.ill.state(),
            "probe": self.probe.state(),
            "felt": self._felt.state(),
            "spending": self._spending.state(),
            "changes": [change.state() for change in self._changes.values()],
            "overall": None if self._overall is None else self._overall.state(),
        }

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        for name in FIELDS:
            value = state[name]
            setattr(self, name, list(value) if isinstance(value, list) else value)
        self.mode = MODES[self.mode]
        for part, name in ((self.demand, "demand"), (self.ill, "ill"), (self.probe, "probe")):
            saved = state[name]
            assert isinstance(saved, dict)
            part.restore(saved)
        felt, spending, changes = state["felt"], state["spending"], state["changes"]
        assert isinstance(felt, list) and isinstance(spending, list) and isinstance(changes, list)
        self._felt.restore(felt)
        self._spending.restore(spending)
        for change, values in zip(self._changes.values(), changes, strict=True):
            change.restore(values)
        self._overall = None
        overall = state["overall"]
        if isinstance(overall, list):
            self._overall = Change(self.level)
            self._overall.restore(overall)
        self._stance = kept
