"""The mildest rung that holds: leave what users suffer in, come back by proof, undo what is futile.

A mode is left when a sequential test says that its users fare worse than a rule allows, for the
next worse one that is not known to be ill. What was found ill is remembered (`Illness`). It is
entered again by a probe, whose share is widened until it is the whole, or kept where there is room
for no more (`Probe`). A mode in which users lose no less than they did in a milder one is left
again, and the next is tried on a share; where nothing helps, the law stays with the least bad and
tries anew after a quarter of an hour, doubling (`Lock`). Where a step helped nobody of late
(`Futility`), the next one is tried on a share of the requests first, beside those who stay.

Once a tick, first match wins:

    requests fail, and no model of the mode's own
        is left today                               -> normal, locked
    own rules of a higher level broken,
        and a milder mode lost less                 -> that one, and a trial from there
        and a worse mode promises less              -> that mode, or a trial
        and none does                               -> the least bad, locked
    a milder mode lost no more than this one        -> the next worse, or the least bad, locked
    a probe has its verdict                         -> another share, enter; or remember it as ill
    a milder mode is no longer known to be ill      -> probe it, the mildest first

What users felt is counted in `felt`, the mode that serves is judged in `watch`, the tests are in
`evidence`; `docs/explanation/mildest.md` gives each constant its reason. Orders lie over the law
(`commanded`).
"""

from __future__ import annotations

from dataclasses import replace

from ..decisions import Reason, Stance
from ..modes import MODES, Mode
from ..policy import Policy
from ..signals import GAUGES, Signals
from .demand import Demand
from .evidence import ACCEPT, ALARM, verdict
from .felt import Felt, Round
from .futility import Futility
from .illness import MOST_FAILED, MOST_RELAPSES, MOST_WIDE, Cause, Illness
from .lock import PERIOD_S, Lock
from .losses import GAUGED, LATE, MARGIN, RULED, Losses
from .probe import Outcome, Probe
from .remedy import differs, is_load
from .share import HALF, NONE, SCARCE_PER_S, first_share
from .spent import REMEMBERED_S, Spent
from .stances import probing, stance
from .standards import bad_counts, counts_requests
from .watch import Broken, Watch, rule_reason

__all__ = ["Mildest"]

MEMORY_S = 1800.0
"""What a mode lost is compared with for this long."""
COMPARED_AT = 20
"""Least requests in a mode before it is compared with what a milder one lost."""
DOUBT = 2.0
"""Standard errors by which a mode must be seen to be no better."""
IN_VAIN = 5
"""Least requests that all fail where a mode was entered for late ones."""
REFUSED_LOSS = 0.25
"""What a mode is taken to lose at least whose probe was refused."""
PATIENCE = 3
"""Holds after which a probe of which nothing was heard ends; telemetry may be minutes late."""

FIELDS = ("mode", "entered", "shedding", "probed", "failing")


class Mildest:
    """The law of the mildest rung that holds.

    Its memory is public, as plain attributes: `mode` and `entered`; `shedding`, whether the mode's
    shedding is in force; `probed`, whether it was entered by a probe, and `failing`, as requests
    failed in a milder one; and `watch`, `demand`, `ill`, `futility`, `spent`, `lock` and `probe`.
    """

    __slots__ = (
        *FIELDS,
        "_felt",
        "_hold",
        "_losses",
        "_period",
        "_policy",
        "_probation",
        "_settle",
        "_signals",
        "_stance",
        "demand",
        "futility",
        "ill",
        "lock",
        "probe",
        "spent",
        "watch",
    )

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals
        self._felt = Felt(signals)
        self._settle = round(policy.ladder.settle_s / policy.tick_s)
        self._hold = signals.ticks(policy.ladder.hold_s)
        self._probation = signals.ticks(policy.ladder.probation_s)
        self._period = signals.ticks(PERIOD_S)
        self.watch = Watch(policy, signals)
        self.demand = Demand(policy.tick_s)
        self.ill = Illness(self._hold)
        self.futility = Futility(self._hold, self._period)
        self.spent = Spent(signals.ticks(REMEMBERED_S))
        self._losses = Losses(policy, self.demand, self.ill, signals.ticks(MEMORY_S))
        self.lock = Lock(policy.tick_s, self.watch.usual)
        self.probe = Probe(policy, signals, self.watch.usual)
        self.mode = Mode.NORMAL
        self.entered: int | None = None
        self.shedding = False
        self.probed = self.failing = False
        self._stance = stance(policy, Mode.NORMAL, ())

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        if self.entered is None:
            self.entered = tick - 1
            self.watch.begin(tick - 1)
        self._felt.observe()
        seen = self._signals.seen
        self.spent.observe(tick, seen.served)
        demand = seen.demand
        self.demand.observe(demand)
        self.ill.requests += sum(demand)
        # What fails fast finishes first: the first seconds of a mode say little.
        if tick - self.entered > self._settle and self._move(tick, self.entered):
            return self._stance
        if self.probe.target is not None:
            self._weigh(tick, self.probe.target)
        elif self.mode is Mode.NORMAL:
            self.ill.fade(tick, self.entered)
            self.lock.rest(tick, self.entered)
        elif any(demand):
            self._try(tick)
        return self._stance

    def _move(self, tick: int, entered: int) -> bool:
        """Leave the mode, if there is a better one by what is seen in it."""
        here = self._felt.now.get(self.mode)
        if self.lock.due(tick):
            self._unlock()
        if here is not None:
            self.watch.average(here, self.demand.per_s)
        # Where nothing helps, what is taken for granted is no reason to move.
        asked = here if self.lock.until is None else None
        broken = self.watch.judge(tick, self.mode, entered, asked, probed=self.probe.target)
        if (
            here is not None
            and self.lock.until is not None
            and self._resettle(tick, entered, here, calm=not broken)
        ):
            return True
        if self.probe.downwards and self.watch.calm >= ALARM:
            assert self.probe.target is not None
            self._needless(tick, self.probe.target)
            return True
        if self._in_vain(tick):
            return True
        return bool(broken and self._leave(tick, broken)) or self._undo(tick)

    # --- leaving ------------------------------------------------------------------------

    def _leave(self, tick: int, broken: list[Broken]) -> bool:
        """Go to the next worse mode that promises less loss, or else to the least bad known."""
        felt = [each for each in broken if counts_requests(each.bound)]
        load = any(is_load(self._policy, each.bound, self.demand.per_s) for each in broken)
        sheds = load or (self.shedding and any(self._policy.strategies[self.mode].shed))
        failed, late = self.watch.shares(felt)
        literal = len(felt) < len(broken)
        here = self._losses.of(self.mode, self.watch.loss(failed, late), shedding=self.shedding)
        # Late answers of a mode that has given none are failures that take their time.
        fails = felt != [] and (
            not self.watch.answers or all(each.bound.rule.signal == "error_rate" for each in felt)
        )
        worse = [
            mode
            for mode in MODES[self.mode + 1 :]
            if not self.ill.known(mode, tick)
            and (load or literal or not fails or self._may_answer(tick, mode))
        ]
        leap = max((each.bound.rule.level for each in broken if each.bound.rule.jump), default=None)
        to = None
        if leap is not None and not self.ill.known(leap, tick):
            to = leap
        elif worse and (literal or self._losses.of(worse[0], 0.0, shedding=sheds) < here):
            to = worse[0]
        if to is None and not felt:
            return False
        told = literal or leap is not None
        if self.probe.downwards and not told:
            # What a worse mode would bring is being tried.
            return False
        trial = None
        if to is not None and not (told or sheds):
            free = self.lock.until is None
            harm = self._harm(tick, failed, late, by=MARGIN) if free else None
            if harm is not None:
                self._take_back(tick, harm[0], to, here)
                return True
            trial = self._trial(tick, to, failed, late, here)
        gauged = any(each.bound.rule.signal in GAUGES for each in broken)
        ruled = GAUGED if gauged else RULED if literal else 0.0
        first = to is not None and not literal and trial is None
        self._found_ill(tick, here + ruled, cause="rule" if literal else "users", first=first)
        if to is None:
            self._settle_for(tick, failed, late)
            return True
        if trial is not None:
            self._try_worse(tick, to, trial)
            return True
        # A leap says nothing good of what it leaves out.
        self.ill.shun(MODES[self.mode + 1 : to], tick + self._hold)
        reasons = tuple(rule_reason(each, to) for each in broken)
        # What was taken for granted in one mode is not in another.
        self.lock.end()
        self._enter(tick, to, reasons, shedding=sheds)
        self.failing = fails
        return True

    def _may_answer(self, tick: int, worse: Mode) -> bool:
        """Whether a worse mode may answer requests that fail in this one."""
        return differs(self._policy, self.mode, worse) and not self.spent.of(worse, tick)

    def _trial(
        self, tick: int, worse: Mode, failed: float, late: float, here: float
    ) -> float | None:
        """The share on which a worse mode is to be tried, which takes minutes of few requests.

        None: it is to be entered. Not tried where requests fail: those on trial and those who stay
        are refused by the same quota, and what would become of all cannot be seen on a part; but
        where the worse mode lost more of late than this one does. Nor where they are shed.
        """
        if self.shedding and any(self._policy.strategies[worse].shed):
            return None
        if (self._losses.of_late(tick, worse) or 0.0) > here + MARGIN:
            return self._few
        if self.spent.of(worse, tick):
            return self._few
        if late <= failed or self.demand.per_s <= SCARCE_PER_S:
            return None
        return HALF if self.futility.suspects(worse, tick) else None

    def _try_worse(self, tick: int, to: Mode, share: float) -> None:
        """Serve a share in a worse mode, into which a step was for nothing of late."""
        self.watch.calm = 0.0
        self.probe.begin(tick, self.mode, to, self.demand.per_s, first=share)
        self._serve(to)

    def _harm(
        self, tick: int, failed: float, late: float, *, by: float = 0.0
    ) -> tuple[Mode, float] | None:
        """The milder mode that lost less than this one beyond doubt, and what this one loses.

        Args:
            tick: now.
            failed, late: shares of those who are served.
            by: how much less at least.
        """
        users, by = self.watch.loss(failed, late), by + DOUBT * self.watch.error(failed + late)
        return self._losses.better(tick, self.mode, users, by, shedding=self.shedding)

    def _take_back(self, tick: int, best: Mode, to: Mode, here: float) -> None:
        """A step was harm: go back to what was better, and try the next from there."""
        self._found_ill(tick, here)
        reason = Reason(kind="failed", text=f"{best.label}: {self.mode.label} is worse than it was")
        self._enter(tick, best, (reason,), shedding=self.shedding)
        self._try_worse(tick, to, self._few)
        self._stance = replace(self._stance, reasons=(reason, *self._stance.reasons))

    @property
    def _few(self) -> float:
        """The share on which a mode is tried that may well be worse."""
        return min(HALF, first_share(self.demand.per_s))

    def _needless(self, tick: int, tried: Mode) -> None:
        """The mode that serves is well by itself: the worse one is not needed."""
        self.ill.well(self.mode)
        self.futility.needless(MODES[tried:], tick)
        self.watch.forget()
        self._end(f"well without {tried.label}")

    def _found_ill(
        self, tick: int, loss: float, *, cause: Cause = "users", first: bool = False
    ) -> None:
        """The mode is ill; if a probe had only just let it in, it is left alone for longer."""
        relapse = self.probed and tick - (self.entered or 0) <= self._probation
        most = MOST_RELAPSES if relapse else MOST_FAILED
        # It may be over at once: whether it was worth a step is known soon, or never.
        first = first and self.ill.times[self.mode] == 0
        self.futility.first[self.mode] = first
        hold = min(self._hold, self.probe.ripe_after) if first else None
        self.ill.found(tick, self.mode, loss, most=most, cause=cause, hold=hold)

    def _in_vain(self, tick: int) -> bool:
        """Leave a mode that has no model of its own left, and whose users fail as they did before.

        They would in normal, too, which has the longest patience: unless fewer come. Who was late
        before may be quicker here, which is given a few requests.
        """
        if not self.spent.of(self.mode, tick) or min(self._stance.admit) < 1.0:
            return False
        failed, late, n = self.watch.seen
        if not self.failing and (self.watch.answers or n < IN_VAIN):
            return False
        if failed <= late or verdict(int(failed), int(n), self.watch.usual) is not False:
            return False
        self._found_ill(tick, self._losses.of(self.mode, failed / n, shedding=False))
        self._lock(tick, Mode.NORMAL, (failed + late) / n)
        return True

    def _undo(self, tick: int) -> bool:
        """Leave a mode in which users lose no less than in a milder one they were taken from."""
        failed, late, n = self.watch.seen
        if self.mode is Mode.NORMAL or n < COMPARED_AT:
            return False
        if self.lock.until is not None or self.probe.downwards:
            return False
        harm = self._harm(tick, failed / n, late / n)
        if harm is None:
            return False
        best, here = harm
        self.ill.found(tick, self.mode, here, most=MOST_FAILED)
        for mode in MODES[self.mode + 1 :]:
            promised = self._losses.of(mode, 0.0, shedding=self.shedding)
            slow = self.watch.answers and failed <= late
            may_help = slow or self._may_answer(tick, mode)
            if promised < here and may_help and not self.ill.known(mode, tick):
                trial = self._trial(tick, mode, failed, late, here)
                if trial is not None:
                    self._try_worse(tick, mode, trial)
                    return True
                text = f"{mode.label}: {self.mode.label} is no better than {best.label} was"
                reasons = (Reason(kind="failed", text=text),)
                self._enter(tick, mode, reasons, shedding=self.shedding)
                return True
        self._lock(tick, best, (self.ill.lost[best] or 0.0) / LATE)
        return True

    # --- where nothing helps ------------------------------------------------------------

    def _settle_for(self, tick: int, failed: float, late: float) -> None:
        """Nothing promises less: the least bad that is known, judged by its own level."""
        best = self._losses.least_bad(tick)
        share = failed + late
        trial = self._trial(tick, best, failed, late, share) if best > self.mode else None
        if trial is not None:
            # What it lost was seen at another time, or when it had only just begun.
            self.lock.begin(tick, share)
            self._try_worse(tick, best, trial)
        else:
            self._lock(tick, best, share)

    def _lock(self, tick: int, best: Mode, share: float) -> None:
        """Stay with the least bad mode until it is well again, or for a while."""
        again = self.lock.until is not None and best is self.mode
        until = self.lock.begin(tick, share)
        self.ill.shun(MODES[best + 1 :], until)
        self.futility.suspect(MODES[best + 1 :], tick, until)
        if again:
            return
        left_min = (until - tick) * self._policy.tick_s / 60.0
        text = f"{best.label}: no mode that was tried is better; next try in {left_min:.0f} min"
        self._enter(tick, best, (Reason(kind="failed", text=text),), shedding=self.shedding)

    def _resettle(self, tick: int, entered: int, here: Round, *, calm: bool) -> bool:
        """Where nothing helps: has it become well, or worse than it, or a milder one, was?

        Not well while it still breaks a rule of another kind (not `calm`), nor where it was left or
        refused for one: that is taken for granted, too, until the next try.
        """
        failed, late, n = bad_counts(here)
        found = self.lock.weigh(tick, min(n, failed + late), n)
        if found == "well" and calm and self.ill.cause[self.mode] == "users":
            self.ill.relent(tick)
            self._unlock()
        if tick - entered < self._period or self.probe.downwards:
            return False
        before, (failed_here, late_here, seen) = self.mode, self.watch.seen
        shares = failed_here / max(1.0, seen), late_here / max(1.0, seen)
        # It may have been chosen for what it lost when it had only just begun.
        harm = seen >= COMPARED_AT and self._harm(tick, *shares, by=MARGIN) is not None
        if found != "worse" and not harm:
            return False
        loss = self._losses.of(before, self.watch.loss(*shares), shedding=self.shedding)
        self._found_ill(tick, loss)
        self._settle_for(tick, *shares)
        return self.mode is not before or self.probe.downwards

    def _unlock(self) -> None:
        self.lock.end()
        self.watch.forget()

    # --- coming back --------------------------------------------------------------------

    def _try(self, tick: int) -> None:
        """Probe the mildest mode that is not known to be ill."""
        suffers = self.watch.calm < ACCEPT
        for mode in MODES[: self.mode]:
            if not self.ill.known(mode, tick) and not (suffers and self.spent.of(mode, tick)):
                failed = 1.0 if self.ill.relapsed(mode, tick) else NONE
                per_s = self.demand.per_s
                first = first_share(per_s)
                self.probe.begin(tick, self.mode, mode, per_s, first=first, failed=failed)
                self._serve(mode)
                return

    def _serve(self, target: Mode) -> None:
        """Serve the probe's share of the requests in its target."""
        share = self.probe.share
        kept = share.kept_until is not None
        what = "room for" if kept else "probing"
        text = f"{self.mode.label}: {what} {target.label} with {share.value:.1%} of requests"
        self._stance = probing(
            self._policy,
            self.mode,
            target,
            Reason(kind="probe", text=text),
            share=share.value,
            offered=self.demand.shares(),
            shedding=self.shedding,
        )

    def _weigh(self, tick: int, target: Mode) -> None:
        """Refuse the target, serve another share in it or enter it, once the counts say so."""
        probe, seen = self.probe, self._felt.now.get(target)
        if probe.hear(tick, seen) > max(PATIENCE * self._hold, probe.patience):
            # Traffic or telemetry has stopped, or an order keeps it away.
            self.ill.shun((target,), tick + self._hold)
            self._end(f"probe of {target.label} ended, nothing was served in it")
            return
        # A worse mode is to be what the one that serves is not.
        tests = self.watch.tests[min(target, self.mode)]
        stayed = self._felt.now.get(self.mode)
        found = probe.weigh(tick, target, tests, seen, stayed, self.demand.per_s)
        if found is None:
            return
        if found.kind == "refused":
            self._refuse(tick, target, found)
        elif found.kind == "needless":
            self._needless(tick, target)
        elif found.kind == "served":
            self._serve(target)
        else:
            worse = probe.downwards
            if worse:
                self.futility.prove(target, tick)
            elif self.futility.first[target] and probe.share.falls == 0:
                self.futility.suspect(MODES[target + 1 :], tick)
            self.ill.well(target)
            self._unlock()
            text = "; ".join([f"{target.label}: probe passed", *found.texts])
            self._enter(tick, target, (Reason(kind="passed", text=text),), shedding=self.shedding)
            self.probed = not worse

    def _refuse(self, tick: int, target: Mode, found: Outcome) -> None:
        share, (failed, late, n) = self.probe.share, self.watch.seen
        # Beside a mode that does better each look harms; the way to normal is never put off.
        harms = (
            not self.probe.downwards
            and target is not Mode.NORMAL
            and n >= COMPARED_AT
            and found.lost > self.watch.loss(failed / n, late / n) + MARGIN
        )
        most = MOST_WIDE if harms or share.value > share.first else MOST_FAILED
        # What was seen of all its users says more than a probe of which the first few failed.
        known = self._losses.of_late(tick, target)
        loss = max(REFUSED_LOSS, found.lost if known is None else known)
        if self.probe.downwards:
            # It is no better than what it was to remedy.
            loss = max(loss, self.ill.lost[self.mode] or 0.0)
            self.futility.suspect(MODES[target:], tick)
            # The next one is not tried for what began before this was known.
            self.watch.pause(tick + self.probe.control.ripens)
        elif self.watch.calm >= ACCEPT:
            self.futility.prove(self.mode, tick)
        # The first look, before its time, does not put off the next.
        early = self.futility.first[target]
        hold = max(1, self._hold - (tick - (self.entered or 0))) if early else None
        self.futility.first[target] = False
        self.ill.found(tick, target, loss, most=most, cause=found.cause, hold=hold)
        self._end(f"probe of {target.label} failed at {share.value:.1%}: {found.texts[0]}")

    def _end(self, text: str) -> None:
        self.probe.target = None
        self._stand((Reason(kind="failed", text=f"{self.mode.label}: {text}"),))

    # --- another policy -----------------------------------------------------------------

    def renew(self) -> Stance:
        """See `Lasting.renew`."""
        self.probe.target = None
        self._stand(self._stance.reasons)
        return self._stance

    def adopt(self, mode: Mode, tick: int, *, shedding: bool) -> Stance:
        """See `Lasting.adopt`."""
        reason = Reason(kind="policy", text=f"{mode.label}: kept under a new policy")
        self.ill.shun(MODES[:mode], tick + self._hold)
        self._enter(tick, mode, (reason,), shedding=shedding)
        return self._stance

    # --- state --------------------------------------------------------------------------

    def _enter(self, tick: int, mode: Mode, reasons: tuple[Reason, ...], *, shedding: bool) -> None:
        self.mode, self.entered = mode, tick
        self.probed = self.failing = False
        self.probe.target = None
        self.watch.begin(tick)
        self.shedding = shedding and mode is not Mode.NORMAL
        self._stand(reasons)

    def _stand(self, reasons: tuple[Reason, ...]) -> None:
        self._stance = stance(self._policy, self.mode, reasons, shedding=self.shedding)

    def state(self) -> dict[str, object]:
        """Plain values."""
        values = {name: getattr(self, name) for name in FIELDS}
        return values | {"felt": self._felt.state()} | {n: p.state() for n, p in self._parts()}

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        for name in FIELDS:
            setattr(self, name, state[name])
        self.mode = MODES[self.mode]
        for name, part in self._parts():
            saved = state[name]
            assert isinstance(saved, dict)
            part.restore(saved)
        felt = state["felt"]
        assert isinstance(felt, list)
        self._felt.restore(felt)
        self._stance = kept

    def _parts(
        self,
    ) -> tuple[tuple[str, Watch | Demand | Futility | Illness | Lock | Probe | Spent], ...]:
        return (
            ("watch", self.watch),
            ("demand", self.demand),
            ("ill", self.ill),
            ("futility", self.futility),
            ("spent", self.spent),
            ("lock", self.lock),
            ("probe", self.probe),
        )
