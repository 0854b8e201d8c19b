"""The mildest rung that holds: leave what users suffer in, come back by proof, undo what is futile.

A mode is left when a sequential test says that its users fare worse than a rule allows (`Change`,
`Spending`; what users felt is counted in `Felt`), for the next milder one that is not known to be
ill. What was found ill is remembered, for a hold that doubles. It is entered again by a probe whose
share brings a verdict in about a minute, and is widened fourfold until it is the whole. A mode in
which users lose no less than they did in a milder one is left for that one again; where nothing
helps, the law stays with the least bad and tries anew after a quarter of an hour, doubling.

Once a tick, first match wins:

    own rules of a higher level broken, and a worse mode promises less -> that mode
    the same, and none does                         -> the least bad, locked
    a milder mode lost no more than this one        -> that mode, locked
    a probe has its verdict                         -> wider, enter; or remember it as ill
    a milder mode is no longer known to be ill      -> probe it, the mildest first

`docs/explanation/mildest.md` gives each constant its reason. Orders lie over the law
(`commanded`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from ..decisions import Reason, Stance, one_hot, probe_mixes
from ..modes import MODES, Mode
from ..policy import Policy
from ..rules import shown
from ..signals import GAUGES, LATENCIES, QUANTILES, SPENDING, Bound, Signals, describe
from ..windows import CUTS, FINISHED, NANO, STARTED, TOKENS
from .evidence import ALARM, Change, Spending, likelihood, verdict
from .felt import Felt, Round
from .stances import stance

__all__ = ["Mildest"]

LATE = 0.5
"""What a late answer loses, where one that never came loses 1."""
GIVEN_UP = 0.02
"""What each rung gives up by itself: a step must spare two users in a hundred their answer, or four
their wait."""
LOAD = 1.25
"""Slow answers count as load when more requests come than the baseline's times this."""

SETTLE_REQUESTS = 20
"""Least requests in a mode before it is compared with what a milder one lost."""
REMEMBERED = 400
"""Requests over which a mode's loss is averaged."""
MARGIN = 0.1
"""Where nothing helped, losses that differ by less are equal, and the mildest mode is kept."""
MEMORY_S = 1800.0
"""What a mode lost is compared with for this long."""

PROBE_REQUESTS = 15.0
PROBE_S = 60.0
"""A probe's share is what brings so many requests in so long."""
LEAST_SHARE = 0.02
WIDER = 4.0
SCARCE_PER_S = 0.2
"""Below this rate a probe is served everything, above it at most half to begin with."""
LEAST_PROBED = 12
"""Requests that a probe takes where no rule counts requests."""
COST_SPREAD = 2.2
"""Mean square of a request's cost over the square of its mean (exponential: 2)."""

LOCK_S, LONGEST_LOCK_S = 900.0, 7200.0
HOLD_REQUESTS, LONGEST_HOLD_S = 40.0, 3600.0
"""A mode found ill is left alone for the ladder's hold, and for so many requests."""
MOST_FAILED, MOST_WIDE, MOST_RELAPSES = 1, 3, 4
"""How often the hold doubles at most, plus one: after a probe that failed at once, after one that
failed when it was widened, after a relapse."""

FIELDS = (
    "mode",
    "entered",
    "shedding",
    "probed",
    "probe",
    "probe_since",
    "round_since",
    "share",
    "first",
    "heard",
    "begun",
    "tried",
    "lock_until",
    "locks",
    "level",
    "well",
    "ill_at",
    "ill_until",
    "ill_times",
    "faded",
    "lost",
    "seen_here",
    "streaks",
    "rates",
    "elapsed",
)


class Broken(NamedTuple):
    """A rule that the mode breaks, on what evidence."""

    bound: Bound
    k: int
    n: int
    value: float | None


class Mildest:
    """The law of the mildest rung that holds.

    Its memory is public, as plain attributes: `mode` and `entered`; `shedding`; `probed`, whether
    it was entered by a probe; of the probe under way `probe`, `probe_since`, `round_since`,
    `share`, `first` (the share it began with), `heard` (the tick of the last attempt), `begun`
    (attempts started in the round) and `tried` (bad and all requests by rule); `lock_until`,
    `locks`, `level` (share of bad requests that is taken for granted) and `well` (evidence that it
    is over) while nothing helps; by mode `ill_at`, `ill_until`, `ill_times` and `lost`; `faded`,
    when the times were last made fewer; `seen_here`, failed, late and all requests since entry;
    `streaks` of literal rules; `rates`, requests a second by priority, and `elapsed`, the ticks
    they are taken over.
    """

    __slots__ = (
        *FIELDS,
        "_changes",
        "_felt",
        "_hold",
        "_literal",
        "_overall",
        "_policy",
        "_probation",
        "_settle",
        "_signals",
        "_spending",
        "_stance",
        "_tested",
        "_usual",
    )

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals
        self._felt = Felt(policy, signals)
        self._hold = signals.ticks(policy.ladder.hold_s)
        self._settle = round(policy.ladder.settle_s / policy.tick_s)
        self._probation = signals.ticks(policy.ladder.probation_s)
        self._literal = tuple(not _counted(bound) and not _spent(bound) for bound in signals.entry)
        self._tested = tuple(_tested(signals.entry, mode) for mode in MODES)
        self._changes = {
            number: Change(_allowed(bound))
            for number, bound in enumerate(signals.entry)
            if _counted(bound)
        }
        self._overall: Change | None = None
        # What the strictest rule about nearly all requests allows, or what P95 would.
        self._usual = min([0.05, *(change.share for change in self._changes.values())])
        self._spending = Spending(signals.ticks(60.0))
        self.mode = Mode.NORMAL
        self.entered: int | None = None
        self.shedding = False
        self.probed = False
        self.probe: Mode | None = None
        self.probe_since = self.round_since = self.begun = 0
        self.share = self.first = 0.0
        self.heard = 0
        self.tried: list[list[int]] = [[0, 0] for _ in policy.rules]
        self.lock_until: int | None = None
        self.locks = 0
        self.level = self.well = 0.0
        self.ill_at: list[int | None] = [None] * len(MODES)
        self.ill_until = [0] * len(MODES)
        self.ill_times = [0] * len(MODES)
        self.faded = 0
        self.lost: list[float | None] = [None] * len(MODES)
        self.seen_here = [0.0, 0.0, 0.0]
        self.streaks = [0] * len(policy.rules)
        self.rates = [0.0, 0.0, 0.0]
        self.elapsed = 0
        self._stance = stance(policy, Mode.NORMAL, ())

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        if self.entered is None:
            self.entered = tick - 1
            self._spending.reset(tick - 1)
        self._felt.observe()
        self._count_requests()
        settled = tick - self.entered > self._settle
        here = self._felt.now.get(self.mode)
        if self.lock_until is not None and tick >= self.lock_until:
            self._unlock()
        if settled and self._resettle(tick, here):
            return self._stance
        broken = self._broken(tick, here, self.entered) if settled else []
        if broken and self._leave(tick, broken):
            return self._stance
        if self.mode is Mode.NORMAL:
            self._recover(tick, self.entered)
        elif not (settled and self._undo(tick)):
            if self.probe is not None:
                self._weigh(tick, self.probe)
            else:
                self._begin(tick)
        return self._stance

    # --- what is seen -------------------------------------------------------------------

    def _count_requests(self) -> None:
        """Requests a second by priority: a mean over a minute, or over thirty requests."""
        self.elapsed += 1
        ticks = self._signals.ticks
        rates = self.rates
        span = min(ticks(3600.0), 30.0 / max(sum(rates), 1e-3) / self._policy.tick_s)
        weight = 1.0 / min(float(self.elapsed), max(float(ticks(60.0)), span))
        for priority, count in enumerate(self._signals.seen.offered):
            rates[priority] += (count / self._policy.tick_s - rates[priority]) * weight

    def _broken(self, tick: int, here: Round | None, entered: int) -> list[Broken]:
        """Rules of levels above the mode that it breaks."""
        counts = self._signals.ledger.since(self.mode, tick - 1)
        self._spending.add(tick, counts[FINISHED], counts[NANO], counts[TOKENS])
        if here is not None:
            self._average(here)
        found = []
        for number, bound in self._tested[self.mode]:
            if number in self._changes:
                if here is not None and self._overall is None:
                    k, n = self._sample(bound, here)
                    change = self._changes[number]
                    if change.add(k, n):
                        found.append(self._count_broken(bound, change, entered))
            elif self._literal[number]:
                true = self._judge(bound, self.mode, entered)
                self.streaks[number] = self.streaks[number] + 1 if true else 0
                if true and self.streaks[number] >= bound.sustained_ticks:
                    start = max(entered, tick - bound.window_ticks)
                    seen = self._signals.measure(bound, self.mode, entered, start)
                    found.append(Broken(bound, seen.k, seen.n, seen.value))
            elif counts[FINISHED]:
                column, per_tick = self._limit(bound)
                above = self._spending.above(tick, column, per_tick)
                if above is not None:
                    mean, n = above
                    found.append(Broken(bound, 0, n, bound.threshold * mean / per_tick))
        return found

    def _average(self, here: Round) -> None:
        seen = self.seen_here
        for place, count in enumerate(_bad(here)):
            seen[place] += count
        if seen[2] > REMEMBERED:
            self.seen_here = [count / 2.0 for count in seen]

    def _count_broken(self, bound: Bound, change: Change, entered: int) -> Broken:
        k, n = change.since()
        start = max(entered, self._signals.ledger.tick - bound.window_ticks)
        value = self._signals.measure(bound, self.mode, entered, start).value
        return Broken(bound, k, n, k / n if bound.rule.signal == "error_rate" else value)

    def _judge(self, bound: Bound, mode: Mode, since: int) -> bool:
        settings = self._policy.ladder
        found = self._signals.judge(
            bound, mode, since, z=settings.z, min_samples=settings.min_samples
        )
        return found is True

    def _sample(self, bound: Bound, seen: Round) -> tuple[int, int]:
        """Bad and all requests of a tick, by a rule that counts them."""
        signal = bound.rule.signal
        ledger = self._signals.ledger
        if signal in LATENCIES:
            place = bound.column - CUTS
            return seen.late[place], seen.late[place] + seen.timely[place]
        if signal == "ttft_p95":
            return seen.tardy[bound.column - CUTS - len(ledger.latency_cuts)], seen.firsts
        return seen.failed, seen.failed + seen.answered

    def _limit(self, bound: Bound) -> tuple[int, float]:
        """Column and amount a tick of a rule about spending."""
        tick_s = self._policy.tick_s
        if bound.rule.signal == "token_cost_per_hour":
            return 2, bound.threshold * 1e9 / 3600.0 * tick_s
        return 3, bound.threshold / 60.0 * tick_s

    def _loss(self, mode: Mode, failed: float, late: float, *, shedding: bool) -> float:
        """What users of a mode lose: answers that never come, answers that come late."""
        shed = self._shed_share(mode) if shedding else 0.0
        return GIVEN_UP * mode + shed + (1.0 - shed) * min(1.0, failed + LATE * late)

    def _shed_share(self, mode: Mode) -> float:
        total = sum(self.rates)
        shed = self._policy.strategies[mode].shed
        return (
            sum(rate * share for rate, share in zip(self.rates, shed, strict=True)) / total
            if total
            else 0.0
        )

    # --- leaving ------------------------------------------------------------------------

    def _leave(self, tick: int, broken: list[Broken]) -> bool:
        """Go to the next worse mode that promises less loss, or else to the least bad known."""
        felt = [each for each in broken if _counted(each.bound)]
        asked = max((b.bound.rule.level for b in broken if not _counted(b.bound)), default=None)
        load = any(self._is_load(each) for each in broken)
        errors = [
            sum((b.bound.rule.signal == "error_rate") is kind for b in felt)
            for kind in (True, False)
        ]
        worse = [
            mode
            for mode in MODES[self.mode + 1 :]
            if not self._known_ill(mode, tick) and (load or asked or self._differs(mode, *errors))
        ]
        failed, late = self._bad_shares(felt)
        here = self._loss(self.mode, failed, late, shedding=self.shedding)
        leap = max((b.bound.rule.level for b in broken if b.bound.rule.jump), default=None)
        to = None
        if leap is not None and not self._known_ill(leap, tick):
            to = leap
        elif worse:
            promised = self._loss(worse[0], 0.0, 0.0, shedding=load or self.shedding)
            if promised < here or (asked is not None and asked > self.mode):
                to = worse[0]
        if to is None and not felt:
            return False
        self._remember(tick, self.mode, 1.0 if asked else here)
        if to is None:
            self._settle_for(tick, failed + late)
            return True
        for skipped in range(self.mode + 1, to):
            # A leap says nothing good of what it leaves out.
            self.ill_until[skipped] = max(self.ill_until[skipped], tick + self._rest(skipped))
        reasons = tuple(self._because(each, to) for each in broken)
        self._enter(tick, to, reasons, shedding=self.shedding or load)
        return True

    def _bad_shares(self, felt: list[Broken]) -> tuple[float, float]:
        """Shares that failed and were late since the change, or since entry."""
        failed, late, all_ = self.seen_here
        shares = [failed / all_ if all_ else 0.0, late / all_ if all_ else 0.0]
        for bound, k, n, _ in felt:
            place = 0 if bound.rule.signal == "error_rate" else 1
            shares[place] = max(shares[place], k / n)
        return shares[0], shares[1]

    def _is_load(self, broken: Broken) -> bool:
        """Whether shedding answers a broken rule: load and cost, never upstream errors.

        As with the ladder, a 429 is load, and slow answers are where more requests come than the
        policy was meant for.
        """
        bound = broken.bound
        if bound.rule.signal in ("error_rate", "burn_rate"):
            since = max(self.entered or 0, self._signals.ledger.tick - bound.window_ticks)
            return self._signals.mostly_quota(self.mode, since)
        baseline = self._policy.baseline
        if not _counted(bound) or baseline is None:
            return True
        return sum(self.rates) > LOAD * baseline.requests_per_s

    def _differs(self, mode: Mode, failed: float, late: float) -> bool:
        """Whether a mode may answer where rounds of this one fail more than they are late.

        A failed round has asked every model of the chain; a mode that asks the same ones, in
        another order, would fare no better.
        """
        if failed <= late:
            return True
        return bool(self._models(mode) - self._models(self.mode))

    def _models(self, mode: Mode) -> frozenset[str | None]:
        strategy = self._policy.strategies[mode]
        return frozenset((strategy.model, *strategy.fallback_models))

    def _known_ill(self, mode: Mode, tick: int) -> bool:
        return tick < self.ill_until[mode]

    def _remember(self, tick: int, mode: Mode, loss: float) -> None:
        """A mode is ill; sooner after a probe had let it in again, for longer."""
        relapse = self.probed and tick - (self.entered or 0) <= self._probation
        most = MOST_RELAPSES if relapse else MOST_FAILED
        self._shun(tick, mode, loss, most)

    def _shun(self, tick: int, mode: Mode, loss: float, most: int) -> None:
        times = self.ill_times[mode]
        self.ill_times[mode] = times = max(times, min(times + 1, most))
        self.ill_at[mode], self.lost[mode] = tick, loss
        self.ill_until[mode] = tick + self._rest(mode)

    def _rest(self, mode: int) -> int:
        """Ticks for which a mode that was found ill is left alone."""
        return self._longer_hold() << max(0, self.ill_times[mode] - 1)

    def _longer_hold(self) -> int:
        """The hold, or as long as some requests take."""
        ticks = self._signals.ticks
        requests = ticks(HOLD_REQUESTS / max(sum(self.rates), 1e-9))
        return max(self._hold, min(ticks(LONGEST_HOLD_S), requests))

    def _settle_for(self, tick: int, bad: float) -> None:
        """Nothing promises less: the least bad that is known, judged by its own level."""
        lost = self._known(tick, MODES)
        least = min(lost.values())
        self._lock(tick, min(mode for mode in lost if lost[mode] <= least + MARGIN), bad)

    def _resettle(self, tick: int, here: Round | None) -> bool:
        """Where nothing helped: has the mode become worse than what was taken for granted?"""
        locked = self._overall
        if locked is None or here is None:
            return False
        failed, late, all_ = _bad(here)
        bad = min(all_, failed + late)
        # As in `Change`, only the other way round: for being well, and not for being ill.
        self.well = max(0.0, self.well + likelihood(bad, all_, self._usual))
        if self.well >= ALARM:
            self._end_lock(tick)
            return False
        if not locked.add(bad, all_):
            return False
        k, n = locked.since()
        part = self.seen_here[0] / max(1.0, self.seen_here[0] + self.seen_here[1])
        share = k / n
        loss = self._loss(self.mode, share * part, share * (1.0 - part), shedding=self.shedding)
        self._remember(tick, self.mode, loss)
        before = self.mode
        self._settle_for(tick, share)
        return self.mode is not before

    def _end_lock(self, tick: int) -> None:
        """The least bad is well again: what else is ill is remembered as after any other fall."""
        for mode, until in enumerate(self.ill_until):
            self.ill_until[mode] = min(until, tick + self._rest(mode))
        self._unlock()

    def _known(self, tick: int, modes: Iterable[Mode]) -> dict[Mode, float]:
        """What modes lost when they were left, of late."""
        memory = self._signals.ticks(MEMORY_S)
        found = {}
        for mode in modes:
            at, lost = self.ill_at[mode], self.lost[mode]
            if at is not None and lost is not None and tick - at <= memory:
                found[mode] = lost
        return found

    def _lock(self, tick: int, best: Mode, bad: float) -> None:
        """Stay with the least bad mode until it is well again, or for a while."""
        again = self.lock_until is not None and best is self.mode
        if self.lock_until is None:
            lock_s = min(LONGEST_LOCK_S, LOCK_S * 2.0**self.locks)
            self.lock_until = tick + self._signals.ticks(lock_s)
            self.locks += 1
        for mode in MODES[best + 1 :]:
            self.ill_until[mode] = max(self.ill_until[mode], self.lock_until)
        self.level = min(0.9, 1.15 * bad + 0.05)
        self._overall = Change(self.level)
        self.well = 0.0
        if again:
            return
        left_min = (self.lock_until - tick) * self._policy.tick_s / 60.0
        text = f"{best.label}: no mode that was tried is better; next try in {left_min:.0f} min"
        self._enter(tick, best, (Reason(kind="failed", text=text),), shedding=self.shedding)

    def _unlock(self) -> None:
        self.lock_until = None
        self._overall = None
        for change in self._changes.values():
            change.reset()

    def _undo(self, tick: int) -> bool:
        """Leave a mode in which users lose no less than in a milder one they were taken from."""
        failed, late, all_ = self.seen_here
        if all_ < SETTLE_REQUESTS or self.lock_until is not None:
            return False
        lost = {m: loss for m, loss in self._known(tick, MODES[: self.mode]).items() if loss < 1.0}
        if not lost:
            return False
        best = min(lost, key=lambda mode: (lost[mode], mode))
        share = min(1.0, (failed + late) / all_)
        error = math.sqrt(max(share * (1.0 - share), 1.0 / all_) / all_)
        here = self._loss(self.mode, failed / all_, late / all_, shedding=self.shedding)
        if here - 2.0 * error <= lost[best]:
            return False
        self._shun(tick, self.mode, here, MOST_FAILED)
        fresh = (mode for mode in MODES[self.mode + 1 :] if not self._known_ill(mode, tick))
        for mode in fresh:
            promised = self._loss(mode, 0.0, 0.0, shedding=self.shedding)
            if promised < here and self._differs(mode, failed, late):
                text = f"{mode.label}: {self.mode.label} is no better than {best.label} was"
                reasons = (Reason(kind="failed", text=text),)
                self._enter(tick, mode, reasons, shedding=self.shedding)
                return True
        self._lock(tick, best, lost[best] / LATE)
        return True

    def _recover(self, tick: int, entered: int) -> None:
        """Time in normal lets what is remembered of it fade."""
        times = max(self.ill_times)
        if times and tick - max(entered, self.faded) >= 2 * self._hold << times:
            self.ill_times = [max(0, count - 1) for count in self.ill_times]
            self.faded = tick
        if self.locks and self.lock_until is None and tick - entered >= 2 * LONGEST_LOCK_S:
            self.locks = 0

    # --- coming back --------------------------------------------------------------------

    def _begin(self, tick: int) -> None:
        """Probe the mildest mode that is no longer known to be ill."""
        if not any(self._signals.seen.offered):
            return
        rate = sum(self._served())
        for mode in MODES[: self.mode]:
            if not self._known_ill(mode, tick):
                share = max(LEAST_SHARE, PROBE_REQUESTS / (PROBE_S * max(rate, 1e-9)))
                if share > 0.5:
                    share = 0.5 if rate > SCARCE_PER_S else 1.0
                self.probe, self.probe_since, self.first = mode, tick, share
                self._widen(tick, mode, share)
                return

    def _served(self) -> tuple[float, float, float]:
        """Requests a second by priority that the mode lets in."""
        admit = stance(self._policy, self.mode, (), shedding=self.shedding).admit
        low, normal, high = (r * a for r, a in zip(self.rates, admit, strict=True))
        return low, normal, high

    def _widen(self, tick: int, target: Mode, share: float) -> None:
        """Serve a share of the requests in the target, and begin to count."""
        self.share, self.round_since, self.heard, self.begun = share, tick, tick, 0
        self.tried = [[0, 0] for _ in self.tried]
        plain = stance(self._policy, self.mode, (), shedding=self.shedding)
        served = self._served()
        total = sum(served)
        text = f"{self.mode.label}: probing {target.label} with {share:.1%} of requests"
        reasons = (Reason(kind="probe", text=text),)
        if total > 0.0:
            low, normal, high = (rate / total for rate in served)
            mixes, admit = probe_mixes(self.mode, target, share, (low, normal, high)), plain.admit
        else:
            # Where the mode sheds all there is, a share of it is let in.
            everything = one_hot(target)
            mixes, admit = (everything, everything, everything), (share, share, share)
        self._stance = replace(plain, mixes=mixes, admit=admit, reasons=reasons, probe=target)

    def _weigh(self, tick: int, target: Mode) -> None:
        """Refuse the target, widen its share or enter it, once the counts say so."""
        signals = self._signals
        started = signals.ledger.since(target, tick - 1)[STARTED]
        self.begun += started
        if started:
            self.heard = tick
        elif tick - self.heard > self._longer_hold():
            self._forget(tick, target)
            return
        seen = self._felt.now.get(target)
        well = True
        passed: list[str] = []
        most = 0
        for number, bound in self._tested[target]:
            if number in self._changes:
                counts = self.tried[number]
                if seen is not None:
                    k, n = self._sample(bound, seen)
                    counts[0] += k
                    counts[1] += n
                k, n = counts
                share = _allowed(bound)
                if verdict(k, n, share) is False:
                    self._refuse(tick, target, self._told(bound, k, n))
                    return
                most = max(most, n)
                ripe = max(k, min(n, self._ripe(tick, target, bound)))
                well = well and verdict(k, ripe, share) is True
                passed.append(self._told(bound, k, n))
            elif bound.rule.signal in SPENDING:
                projected = self._projected(bound, target)
                if projected is None:
                    well = False
                    continue
                value, n = projected
                limit = signals.exits[number].threshold
                if value > limit * (1.0 + math.sqrt(COST_SPREAD / n)):
                    told = f"{shown(value, bound.rule.signal)} > {shown(limit, bound.rule.signal)}"
                    self._refuse(tick, target, f"{bound.rule.signal} would be {told}")
                    return
            elif self._judge(bound, target, self.probe_since):
                measured = signals.measure(bound, target, self.probe_since, self.probe_since)
                self._refuse(tick, target, describe(bound, measured, lasting=False))
                return
        if not self._tested[target] or most == 0:
            well = well and self.begun >= LEAST_PROBED
        if well and self.share >= 0.5:
            self._pass(tick, target, passed)
        elif well:
            self._widen(tick, target, min(1.0, WIDER * self.share))

    def _ripe(self, tick: int, target: Mode, bound: Bound) -> int:
        """Requests of the round that began long enough ago to be late: the rest may yet be."""
        if bound.rule.signal not in LATENCIES:
            return self.begun
        ripens = math.ceil(bound.threshold / self._policy.tick_s)
        since = max(self.round_since, tick - ripens)
        return self.begun - self._signals.ledger.since(target, since)[STARTED]

    def _projected(self, bound: Bound, target: Mode) -> tuple[float, int] | None:
        """What a rule about spending would see if all requests were served as the target's were.

        By requests and not by attempts: those that failed and were followed by another cost too.
        """
        counts = self._signals.ledger.since(target, self.probe_since)
        answered = counts[FINISHED]
        if answered < LEAST_PROBED - 2:
            return None
        per_s = sum(self.rates) / answered
        if bound.rule.signal == "token_cost_per_hour":
            return counts[NANO] / 1e9 * per_s * 3600.0, answered
        return counts[TOKENS] * per_s * 60.0, answered

    def _refuse(self, tick: int, target: Mode, why: str) -> None:
        self._shun(
            tick,
            target,
            max(0.25, self.lost[target] or 0.0),
            MOST_WIDE if self.share > self.first else MOST_FAILED,
        )
        self.probe = None
        text = f"{self.mode.label}: probe of {target.label} failed at {self.share:.1%}: {why}"
        self._stand((Reason(kind="failed", text=text),))

    def _forget(self, tick: int, target: Mode) -> None:
        """Nothing came of a probe: traffic has stopped, or an order keeps it away."""
        self.ill_until[target] = tick + self._hold
        self.probe = None
        text = f"{self.mode.label}: probe of {target.label} ended, nothing was served in it"
        self._stand((Reason(kind="failed", text=text),))

    def _pass(self, tick: int, target: Mode, passed: list[str]) -> None:
        self.ill_until[target] = 0
        self.lost[target] = None
        self._unlock()
        text = "; ".join([f"{target.label}: probe passed", *passed])
        self._enter(tick, target, (Reason(kind="passed", text=text),), shedding=self.shedding)
        self.probed = True

    # --- saying it ----------------------------------------------------------------------

    def _told(self, bound: Bound, k: int, n: int) -> str:
        """What was counted against a rule, for a person."""
        limit = shown(bound.threshold, bound.rule.signal)
        if bound.rule.signal == "error_rate":
            return f"error_rate: {k} of {n} found no answer"
        return f"{bound.rule.signal}: {k} of {n} above {limit}"

    def _because(self, broken: Broken, to: Mode) -> Reason:
        bound, k, n, value = broken
        rule = bound.rule
        limit = shown(bound.threshold, rule.signal)
        if _counted(bound):
            text = f"{self._told(bound, k, n)}, {_allowed(bound):.1%} allowed"
        elif value is None:
            text = f"{rule.signal} > {limit}"
        else:
            text = f"{rule.signal} {shown(value, rule.signal)} > {limit}"
            if n:
                text += f" ({n} requests)"
        return Reason(
            kind="rule",
            text=f"{to.label}: {text}",
            rule=rule.name,
            value=value,
            threshold=bound.threshold,
            k=k,
            n=n,
        )

    # --- state --------------------------------------------------------------------------

    def _enter(self, tick: int, mode: Mode, reasons: tuple[Reason, ...], *, shedding: bool) -> None:
        self.mode, self.entered, self.probed = mode, tick, False
        self.probe = None
        self.seen_here = [0.0, 0.0, 0.0]
        self.streaks = [0] * len(self.streaks)
        for change in self._changes.values():
            change.reset()
        self._spending.reset(tick)
        self.shedding = shedding and mode is not Mode.NORMAL
        self._stand(reasons)

    def _stand(self, reasons: tuple[Reason, ...]) -> None:
        self._stance = stance(self._policy, self.mode, reasons, shedding=self.shedding)

    def state(self) -> dict[str, object]:
        """Plain values."""
        values: dict[str, object] = {}
        for name in FIELDS:
            value = getattr(self, name)
            values[name] = list(value) if isinstance(value, list) else value
        values["tried"] = [list(counts) for counts in self.tried]
        values["felt"] = self._felt.state()
        values["changes"] = {str(n): change.state() for n, change in self._changes.items()}
        values["overall"] = None if self._overall is None else self._overall.state()
        values["spending"] = self._spending.state()
        return values

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        for name in FIELDS:
            value = state[name]
            setattr(self, name, list(value) if isinstance(value, list) else value)
        self.mode = MODES[self.mode]
        self.probe = None if self.probe is None else MODES[self.probe]
        self.tried = [list(counts) for counts in self.tried]
        felt, changes, overall = state["felt"], state["changes"], state["overall"]
        spending = state["spending"]
        assert isinstance(felt, list) and isinstance(changes, dict) and isinstance(spending, list)
        self._felt.restore(felt)
        for number, change in self._changes.items():
            change.restore(changes[str(number)])
        self._overall = None
        if isinstance(overall, list):
            self._overall = Change(self.level)
            self._overall.restore(overall)
        self._spending.restore(spending)
        self._stance = kept


def _counted(bound: Bound) -> bool:
    """Whether a rule is about a share of requests, and not literally about a span of time."""
    rule = bound.rule
    return rule.sustained_s == 0 and (rule.signal in QUANTILES or rule.signal == "error_rate")


def _spent(bound: Bound) -> bool:
    return bound.rule.sustained_s == 0 and bound.rule.signal in SPENDING


def _allowed(bound: Bound) -> float:
    """The share of requests that may be bad by a rule that counts them."""
    signal = bound.rule.signal
    return bound.threshold if signal == "error_rate" else 1.0 - QUANTILES[signal]


def _tested(bounds: tuple[Bound, ...], mode: Mode) -> tuple[tuple[int, Bound], ...]:
    """Rules that a mode is left by: those of higher levels, of each signal the mildest.

    Rules that leap or that mean a span of time stand for themselves.
    """
    found: dict[object, tuple[int, Bound]] = {}
    for number, bound in enumerate(bounds):
        rule = bound.rule
        if rule.level <= mode:
            continue
        alone = rule.jump or rule.sustained_s or rule.signal in (*GAUGES, "burn_rate")
        key: object = number if alone else rule.signal
        before = found.get(key)
        if before is None or bound.threshold < before[1].threshold:
            found[key] = (number, bound)
    return tuple(found.values())


def _bad(seen: Round) -> tuple[int, int, int]:
    """Failed, late (by the lowest cut) and all requests of a tick."""
    late = seen.late[0] if seen.late else 0
    timely = seen.timely[0] if seen.timely else seen.answered
    return seen.failed, late, seen.failed + late + timely
