"""Closes ticks: what was observed goes through the controller into the journal.

Whatever breaks here makes calls go through unchanged (`Health`); nothing is raised.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.controller import Controller
from ..core.decisions import Decision, Stance, gates, one_hot
from ..core.errors import ClockError
from ..core.modes import Mode
from ..core.observations import Observations
from ..core.policy import Policy
from .admission import Admission
from .health import Health
from .inbox import Inbox
from .memory import memory_ppm
from .persistence import Persistence
from .snapshot import Resumed

if TYPE_CHECKING:
    from ..fleet.replica import Replica

__all__ = ["TickStep", "at_rest"]

logger = logging.getLogger("balancer")


class TickStep:
    """The controller of a live balancer; its caller holds the balancer's lock.

    Args:
        policy: to decide by.
        admission, inbox, health, persistence: of the balancer.
        own: journal of what this replica sees by itself, where there is a fleet; `persistence` then
            has what its controller steps.

    Attributes:
        controller: decides.
        decision: the last one; before the first, normal for everybody (of tick -1).
        last: index of the last tick that was stepped, or None.
        kept: what the controller kept of the one before it, as a sentence.
        policy: in use.
        replica: of the fleet; None: there is none.
    """

    __slots__ = (
        "_admission", "_health", "_inbox", "_ledger", "_misfits", "_observed", "_own",
        "_persistence", "controller", "decision", "kept", "last", "policy", "replica",
    )  # fmt: skip

    def __init__(
        self,
        policy: Policy,
        *,
        admission: Admission,
        inbox: Inbox,
        health: Health,
        persistence: Persistence,
        own: Persistence | None,
    ) -> None:
        self._admission = admission
        self._ledger = admission.ledger
        self._inbox = inbox
        self._health = health
        self._persistence = persistence
        self._own = own
        self._misfits: set[tuple[str, float]] = set()
        self._observed = -1
        self.policy = policy
        self.controller = Controller(policy)
        self.decision = at_rest(policy)
        self.kept = ""
        self.last: int | None = None
        self.replica: Replica | None = None

    def open(
        self,
        resumed: Resumed | None,
        now_tick: int,
        join: Callable[[Controller], Replica] | None,
    ) -> None:
        """Begin the journal, and go on from what a process before this one left.

        Args:
            resumed: what it left, or None.
            now_tick: the tick under way, from which on calls are counted.
            join: makes a replica of a fleet that begins with a controller; None: there is no fleet.
        """
        if resumed is not None:
            self.controller, self.kept = resumed.controller, resumed.kept
        self.last = self.controller.tick
        self._observed = now_tick - 1
        self.decision = self.controller.decision or at_rest(self.policy)
        because = "start" if resumed is None else "restart"
        self.replica = None if join is None else join(self.controller)
        self._persistence.begin(self.controller, because, self.kept)
        if self.replica is not None:
            # Its ticks are its clock's; those of the controller are the fleet's.
            self.last = None
            self._begin_own(because)

    def close(self, tick: int) -> tuple[Observations, Decision] | None:
        """Close a tick, and all before it that were missed with it.

        Returns:
            What was seen and decided; None if it was closed before, or the controller broke.
        """
        if self.last is not None and tick <= self.last:
            return None
        observations = self._observe(tick)
        self._admission.new_tick()
        try:
            decision = self._decide(observations)
            self._tell_misfits()
        except Exception as error:  # noqa: BLE001 - callers go through, whatever this is
            self._health.broke("controller", error)
            self._begin_anew("controller")
            return None
        self.last = tick
        self.decision = decision
        self._health.mended("controller")
        self._roll_budget(tick + 1)
        if self.replica is None:
            self._persistence.keep(observations, decision, self.controller)
        elif self._own is not None:
            self._own.keep(observations, decision, Controller(self.policy))
        return observations, decision

    def _decide(self, observations: Observations) -> Decision:
        if self.replica is None:
            return self._step(observations)
        self.replica.turn(observations)
        return self._follow(observations.tick)

    def hear(self) -> bool:
        """Follow what has come of the fleet's log between two ticks; whether there is a fleet."""
        if self.replica is None:
            return False
        try:
            self.replica.turn(None)
        except Exception as error:  # noqa: BLE001 - callers go through, whatever this is
            self._health.broke("controller", error)
            self._begin_anew("controller")
        else:
            self.decision = self._follow(-1 if self.last is None else self.last)
        return True

    def _follow(self, tick: int) -> Decision:
        """The decision in force, as that of a tick of this replica's."""
        assert self.replica is not None
        course = self.replica.course
        if course.policy is not self.policy:
            # The log had a change of it.
            self._govern(course.policy)
        course.answer()
        self.controller, self.kept = course.controller, course.kept or self.kept
        return (self.controller.decision or at_rest(self.policy))._replace(tick=tick)

    def _begin_own(self, because: str) -> None:
        if self._own is not None:
            # Decisions are the fleet's: what this controller remembers is no part of this journal.
            self._own.begin(Controller(self.policy), because)

    def use(self, policy: Policy, now_tick: int) -> str:
        """Go on under another policy. Returns what was kept, as a sentence.

        Args:
            policy: the other one.
            now_tick: the tick under way, of its length.
        """
        before = self.policy
        if self.replica is None:
            self.controller, self.kept = Controller.succeed(policy, self.controller.state())
        else:
            self.kept = self.replica.use(policy)
            self.controller = self.replica.course.controller
        if policy.tick_s != before.tick_s:
            self.last = self._observed = now_tick - 1
            self._inbox.rescale(before.tick_s / policy.tick_s)
        self.decision = self.controller.decision or at_rest(policy)
        if self.replica is None:
            self._persistence.begin(self.controller, "policy", self.kept)
        self._govern(policy)
        return self.kept

    def _govern(self, policy: Policy) -> None:
        """Calls and budgets go by it from now on."""
        self.policy = policy
        self._admission.use(policy)
        try:
            self._ledger.use(policy)
        except Exception as error:  # noqa: BLE001 - callers go through, whatever this is
            self._health.broke("ledger", error)
        self._begin_own("policy")

    @property
    def ahead_ticks(self) -> int:
        """Ticks by which those of the controller are ahead of this balancer's own."""
        return 0 if self.replica is None else self.replica.course.ahead

    def forget(self, now_tick: int) -> None:
        """What was counted before the tick under way is another's: this process was forked."""
        self._observed = now_tick - 1

    def reserved_nano_usd(self) -> int:
        """What the ledger holds for calls in flight."""
        try:
            return max(0, self._ledger.reserved_nano_usd)
        except Exception as error:  # noqa: BLE001 - callers go through, whatever this is
            self._health.broke("ledger", error)
            return 0

    def _observe(self, tick: int) -> Observations:
        alerts, overrides = self._inbox.take()
        before, self._observed = self._observed, tick
        return self._admission.recorder.take(
            tick,
            self._admission.raw(),
            reserved_nano_usd=self.reserved_nano_usd(),
            memory_ppm=memory_ppm(),
            alerts=alerts,
            overrides=overrides,
            # A balancer that is new in the midst of things may close a tick that it saw none of.
            ticks=max(1, tick - before),
        )

    def _step(self, observations: Observations) -> Decision:
        try:
            return self.controller.step(observations)
        except ClockError as error:
            logger.error("%s; the controller begins anew", error)  # noqa: TRY400
            self._begin_anew("leap")
            return self.controller.step(observations)

    def _tell_misfits(self) -> None:
        """Say of each threshold, once, that healthy traffic crosses it."""
        for finding in self.controller.misfits:
            threshold = (finding.rule.name, finding.rule.threshold)
            if threshold not in self._misfits:
                self._misfits.add(threshold)
                logger.warning("the policy does not fit its traffic: %s", finding.text)

    def _begin_anew(self, because: str) -> None:
        if self.replica is not None:
            self.replica.begin_anew(because)
            self.controller = self.replica.course.controller
            return
        self.controller = Controller(self.policy)
        self.kept = "nothing"
        self._persistence.begin(self.controller, because, self.kept)

    def _roll_budget(self, tick: int) -> None:
        try:
            self._ledger.advance(tick)
        except Exception as error:  # noqa: BLE001 - callers go through, whatever this is
            self._health.broke("ledger", error)
        else:
            self._health.mended("ledger")


def at_rest(policy: Policy) -> Decision:
    """What holds before the first decision: normal for everybody, as in the simulator."""
    mix = one_hot(Mode.NORMAL)
    stance = Stance(mode=Mode.NORMAL, mixes=(mix, mix, mix))
    return Decision(
        -1,
        stance.mode,
        mix,
        stance.admit,
        stance.limits,
        stance.reasons,
        stance.mixes,
        gates(stance, policy.strategies),
    )
