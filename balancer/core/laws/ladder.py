"""The ladder: escalate one rung at a time on a mode's own evidence, step down by proof.

A mode is judged only by what it served since it was entered, calls in flight counted by
their age. Up: the worst level whose entry rules the mode's own signals break is above the
mode: one rung up (a rule with `jump`, an alert or an override may leap). Down: after a calm
hold, a small probe round is served in a lower mode; it is entered when that round proves it
healthy and its projected cost fits. A relapse doubles the hold.

State machine, a tick at a time, first match wins:

    an override holds                          -> its mode
    an alert asks for more                     -> its mode
    own rules of a higher level broken, settled -> one rung up
    own exit bounds broken                     -> calm ends, a probe ends
    a probe round has its verdict              -> step down, or wait and try another rung
    calm for hold x multiplier, not waiting    -> a probe round begins

`docs/explanation/ladder.md` gives the evidence for each rule.
"""

from __future__ import annotations

from dataclasses import replace

from ..decisions import Reason, Stance, one_hot, probe_mixes
from ..modes import MODES, Mode
from ..observations import Override
from ..orders import Orders
from ..policy import Policy
from ..signals import ERRORS, GAUGES, SPENDING, SPENT, Bound, Signals, breach, describe
from ..windows import FINISHED
from .stances import alerted, measured_reason, ordered, stance

__all__ = ["Ladder"]

EARLY_SAMPLES, EARLY_BAD = 5, 4
"""A round is rejected early at this many samples, of which this many are bad."""

OVERLOAD = 1.25
"""Slow answers count as load when more requests come than the baseline's times this."""

FIELDS = (
    "mode",
    "entered",
    "calm_since",
    "probe",
    "probe_since",
    "target",
    "wait_until",
    "multiplier",
    "stepped_down_at",
    "shedding",
    "streaks",
)


class Ladder:
    """The ladder law.

    Its memory is public, as plain attributes: `mode`; `entered`, the tick after which its
    evidence starts; `calm_since`; `probe` and `probe_since`, the round under way; `target`,
    the mode the next round tries; `wait_until`; `multiplier` of the hold;
    `stepped_down_at`; `shedding`, whether the mode's shedding is in force; `streaks`, for
    how many ticks each rule has been broken; `order`, the override obeyed.
    """

    __slots__ = (
        *FIELDS,
        "_bounds",
        "_chains",
        "_hold",
        "_orders",
        "_policy",
        "_probation",
        "_settings",
        "_settle",
        "_signals",
        "_stance",
        "order",
    )

    def __init__(self, policy: Policy, signals: Signals, orders: Orders) -> None:
        self._policy = policy
        self._signals = signals
        self._orders = orders
        self._settings = policy.ladder
        self._hold = signals.ticks(policy.ladder.hold_s)
        self._settle = round(policy.ladder.settle_s / policy.tick_s)
        self._probation = round(policy.ladder.probation_s / policy.tick_s)
        self._chains = tuple(_chains(signals.entry, mode) for mode in MODES)
        self._bounds = tuple(_at_level(signals.exits, mode) for mode in MODES)
        self.mode = Mode.NORMAL
        self.entered: int | None = None
        self.calm_since: int | None = None
        self.probe: Mode | None = None
        self.probe_since = 0
        self.target: Mode | None = None
        self.wait_until = 0
        self.multiplier = 1
        self.stepped_down_at: int | None = None
        self.shedding = False
        self.streaks = [0] * len(policy.rules)
        self.order: Override | None = None
        self._stance = stance(policy, Mode.NORMAL, ())

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        if self.entered is None:
            self.entered = tick - 1
        if self._obey(tick) or self._climb(tick, self.entered):
            return self._stance
        if self.mode is Mode.NORMAL:
            if tick - self.entered >= 2 * self._hold * self.multiplier:
                self.multiplier = 1
        else:
            self._shed(self.entered)
            self._descend(tick, self.entered)
        return self._stance

    # --- orders -------------------------------------------------------------------------

    def _obey(self, tick: int) -> bool:
        """Follow an override, or an alert that asks for more than there is."""
        order = self._orders.override()
        if order is not None:
            if order != self.order:
                self.order = order
                self._enter(tick, order.mode, (ordered(order),), shedding=True)
            return True
        self.order = None
        alert = self._orders.floor()
        if alert is not None and alert.mode > self.mode:
            self._enter(tick, alert.mode, (alerted(alert),), shedding=True)
            return True
        return False

    # --- up -----------------------------------------------------------------------------

    def _climb(self, tick: int, entered: int) -> bool:
        """One rung up when the mode's own evidence breaks a rule of a higher level."""
        broken = self._broken(entered)
        if not broken:
            return False
        if self.mode is not Mode.NORMAL and tick - entered < self._settle:
            return False
        to = MODES[self.mode + 1]
        to = max([to, *(bound.rule.level for bound in broken if bound.rule.jump)])
        if self.stepped_down_at is not None and tick - self.stepped_down_at <= self._probation:
            self.multiplier = min(2 * self.multiplier, self._settings.multiplier_max)
            # One relapse, however many rungs it climbs.
            self.stepped_down_at = None
        load = any(self._is_load(bound, entered) for bound in broken)
        reasons = tuple(measured_reason(self._signals, b, self.mode, entered, to) for b in broken)
        self._enter(tick, to, reasons, shedding=self.shedding or load)
        return True

    def _broken(self, entered: int) -> list[Bound]:
        """The worst broken rule of each chain, of levels above the mode, and its worst leap."""
        broken = []
        streaks = self.streaks
        for chain in self._chains[self.mode]:
            worst = leap = None
            holds = True
            for number, bound in chain:
                # A chain's thresholds grow, so a rule that holds spares those above it.
                holds = holds and self._judge(bound, self.mode, entered) is True
                streaks[number] = streaks[number] + 1 if holds else 0
                if holds and streaks[number] >= bound.sustained_ticks:
                    worst = bound
                    if bound.rule.jump:
                        leap = bound
            if worst is not None:
                broken.append(worst)
                if leap is not None and leap is not worst:
                    broken.append(leap)
        return broken

    def _judge(self, bound: Bound, mode: Mode, since: int) -> bool | None:
        settings = self._settings
        return self._signals.judge(
            bound, mode, since, z=settings.z, min_samples=settings.min_samples
        )

    def _is_load(self, bound: Bound, entered: int) -> bool:
        """Whether shedding answers a broken rule: load and cost, never upstream errors.

        A 429 is an error too, but one that our own load makes. Slow answers are a matter of
        load when there is more of it than the policy was meant for; at ordinary load the
        upstream is slow by itself, and refusing users would not make it faster.
        """
        signals = self._signals
        if bound.rule.signal in ERRORS:
            start = max(entered, signals.windows.tick - bound.window_ticks)
            return signals.mostly_quota(self.mode, start)
        baseline = self._policy.baseline
        if bound.rule.signal in SPENDING or bound.rule.signal in GAUGES or baseline is None:
            return True
        return signals.offered_per_s() > OVERLOAD * baseline.requests_per_s

    def _shed(self, entered: int) -> None:
        """Start the mode's shedding when load or cost joins the errors that led here."""
        if self.shedding or not any(self._policy.strategies[self.mode].shed):
            return
        for bound in self._bounds[self.mode]:
            if self._is_load(bound, entered) and self._judge(bound, self.mode, entered):
                self.shedding = True
                # A round under way took its share of other traffic.
                if self.probe is None or not self._aim(self.probe, entered):
                    self.probe = None
                    self._stand(self._stance.reasons)
                return

    # --- down ---------------------------------------------------------------------------

    def _descend(self, tick: int, entered: int) -> None:
        """Calm, then a probe round, then one step down."""
        for bound in self._bounds[self.mode]:
            # The mode's own cost is not asked: the brownout itself lowers it. What is spent stays.
            asked = bound.rule.signal not in SPENDING or bound.rule.signal == SPENT
            if asked and self._judge(bound, self.mode, entered):
                self.calm_since = None
                if self.probe is not None:
                    self._end_round(f"{self.mode.label}: probe ended, {bound.rule.name} again")
                return
        if self.calm_since is None:
            self.calm_since = tick
        floor = self._orders.floor() if self.probe is not None else None
        if self.probe is not None and floor is not None and floor.mode > self.probe:
            self._end_round(f"{self.mode.label}: probe ended, alert {floor.key} asks for more")
        elif self.probe is not None:
            self._weigh(tick, self.probe)
        elif tick - self.calm_since >= self._hold * self.multiplier and tick >= self.wait_until:
            self._begin_round(tick, max(entered, self.calm_since))

    def _begin_round(self, tick: int, since: int) -> None:
        """Try a lower mode, when calm was seen and not mere silence."""
        floor = self._orders.floor()
        lowest = floor.mode if floor is not None else Mode.NORMAL
        if lowest >= self.mode:
            return
        target = self.target
        if target is None or not lowest <= target < self.mode:
            target = MODES[self.mode - 1]
        finished = self._signals.windows.since(self.mode, since)[FINISHED]
        seen = finished >= self._settings.min_samples
        if self._aim(target, since, seen=seen):
            self.probe, self.probe_since, self.target = target, tick, target

    def _aim(self, target: Mode, since: int, *, seen: bool = True) -> bool:
        """Serve a small share of the requests in a lower mode.

        Args:
            target: the mode to try.
            since: who asks for what is taken from the requests after this tick.
            seen: whether the mode has evidence of its own.

        Returns:
            False, and nothing is changed, where there is nothing to probe with.
        """
        signals, settings = self._signals, self._settings
        plain = stance(self._policy, self.mode, (), shedding=self.shedding)
        offered = signals.offered_since(since)
        served = [count * chance for count, chance in zip(offered, plain.admit, strict=True)]
        total = sum(served)
        # Where the mode sheds all there is, nothing can be seen but by a round.
        starved = total == 0 and sum(offered) >= settings.min_samples
        per_s = signals.offered_per_s() if starved else signals.starts_per_s()
        if per_s == 0 or not (starved or (seen and total > 0)):
            return False
        share = settings.probe_samples / (60.0 * per_s)
        share = min(max(share, settings.probe_share_min), settings.probe_share_max)
        reason = Reason(
            kind="probe",
            text=f"{self.mode.label}: probing {target.label} with {share:.1%} of requests",
        )
        if starved:
            everything = one_hot(target)
            mixes, admit = (everything, everything, everything), (share, share, share)
        else:
            low, normal, high = (count / total for count in served)
            mixes, admit = probe_mixes(self.mode, target, share, (low, normal, high)), plain.admit
        self._stance = replace(plain, mixes=mixes, admit=admit, reasons=(reason,), probe=target)
        return True

    def _weigh(self, tick: int, target: Mode) -> None:
        """Reject a round early, or judge it once it has its samples."""
        signals, settings = self._signals, self._settings
        since = self.probe_since
        full = signals.samples(target, since) >= settings.probe_samples
        seen = []
        for bound in self._bounds[target + 1]:
            signal = bound.rule.signal
            if signal in GAUGES:
                continue
            if signal in SPENDING:
                if not full:
                    continue
                projected = signals.projected(bound, target, since)
                bad = projected is None or projected > bound.threshold
            else:
                k, n, share = signals.evidence(bound, target, since, since)
                early = n >= EARLY_SAMPLES and k >= EARLY_BAD
                bad = (full or early) and bool(breach(k, n, share, settings.z, 1))
            if bad:
                measured = signals.measure(bound, target, since, since)
                self._fail(tick, target, describe(bound, measured, lasting=False))
                return
            seen.append(bound)
        if full:
            self._pass(tick, target, seen)
        elif (tick - since) % self._hold == 0:
            # Who asks for what may have changed: those who were probed may all have left.
            self._aim(target, tick - self._hold)

    def _pass(self, tick: int, target: Mode, seen: list[Bound]) -> None:
        since = self.probe_since
        parts = [
            describe(b, self._signals.measure(b, target, since, since), lasting=False, ok=True)
            for b in seen
        ]
        text = "; ".join([f"{target.label}: probe passed", *parts])
        self._enter(tick, target, (Reason(kind="passed", text=text),), shedding=self.shedding)
        self.stepped_down_at = tick

    def _fail(self, tick: int, target: Mode, why: str) -> None:
        """Wait, then try the next mode further down: a broken rung must not block the way."""
        self.wait_until = tick + self._hold * self.multiplier // 2
        self.target = MODES[target - 1] if target > Mode.NORMAL else None
        self._end_round(f"{self.mode.label}: probe of {target.label} failed: {why}")

    def _end_round(self, text: str) -> None:
        self.probe = None
        self._stand((Reason(kind="failed", text=text),))

    # --- state --------------------------------------------------------------------------

    def _enter(self, tick: int, mode: Mode, reasons: tuple[Reason, ...], *, shedding: bool) -> None:
        if mode is not self.mode:
            self.mode = mode
            self.entered = tick
        # An order may keep the mode: what was true before it is no longer "on every tick".
        self.streaks = [0] * len(self.streaks)
        self.calm_since = self.probe = self.target = None
        self.wait_until = 0
        self.shedding = shedding and mode is not Mode.NORMAL
        self._stand(reasons)

    def _stand(self, reasons: tuple[Reason, ...]) -> None:
        self._stance = stance(self._policy, self.mode, reasons, shedding=self.shedding)

    def renew(self) -> Stance:
        """Say anew what the mode means, as under strategies that changed; a probe round is
        dropped, for its share was taken of other traffic.
        """
        self.probe = None
        self._stand(self._stance.reasons)
        return self._stance

    def adopt(self, mode: Mode, tick: int, *, shedding: bool) -> Stance:
        """Begin in a mode that another controller was in at `tick`, without its evidence."""
        reason = Reason(kind="policy", text=f"{mode.label}: kept under a new policy")
        self.entered = tick
        self._enter(tick, mode, (reason,), shedding=shedding)
        return self._stance

    def state(self) -> dict[str, object]:
        """Plain values."""
        values: dict[str, object] = {name: getattr(self, name) for name in FIELDS}
        values["streaks"] = list(self.streaks)
        order = self.order
        values["order"] = order and [order.at_tick, order.until_tick, order.mode, order.reason]
        return values

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        for name in FIELDS:
            setattr(self, name, state[name])
        for name in ("mode", "probe", "target"):
            value = getattr(self, name)
            setattr(self, name, None if value is None else MODES[value])
        order = state["order"]
        if isinstance(order, list):
            at_tick, until_tick, mode, reason = order
            self.order = Override(at_tick, until_tick, MODES[mode], reason)
        self._stance = kept


def _chains(bounds: tuple[Bound, ...], mode: Mode) -> tuple[tuple[tuple[int, Bound], ...], ...]:
    """Rules of levels above a mode, grouped where only the threshold differs, mildest first."""
    chains: dict[tuple[object, ...], list[tuple[int, Bound]]] = {}
    for number, bound in enumerate(bounds):
        rule = bound.rule
        if rule.level > mode:
            key = (rule.signal, rule.window_s, rule.objective, rule.short_window_s)
            chains.setdefault(key, []).append((number, bound))
    return tuple(
        tuple(sorted(chain, key=lambda pair: pair[1].threshold)) for chain in chains.values()
    )


def _at_level(bounds: tuple[Bound, ...], mode: Mode) -> tuple[Bound, ...]:
    """The bounds that hold a mode: of each signal, those of the nearest level at or above it.

    A signal without such a rule is held by its worst one below.
    """
    kept: list[Bound] = []
    for signal in {bound.rule.signal: None for bound in bounds}:
        levels = {bound.rule.level for bound in bounds if bound.rule.signal == signal}
        above = [level for level in levels if level >= mode]
        level = min(above) if above else max(levels)
        kept += [b for b in bounds if b.rule.signal == signal and b.rule.level == level]
    return tuple(kept)
