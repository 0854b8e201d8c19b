"""The application's processes: a controller each, and what all of them together give to users.

A fleet is in the worst mode that at least half of its replicas are in; how often it moves is
the mean over its replicas. One replica is a fleet of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from balancer.core.controller import Controller
from balancer.core.decisions import Decision
from balancer.core.observations import Observations
from balancer.core.policy import Policy

from .serving import Serving, fleet_mode, serving
from .telemetry import Telemetry
from .timeline import Transition

__all__ = ["Fleet", "Replica", "Write"]

Write = Callable[[Observations, Decision], None]
"""Writes a line of a journal."""


class Replica:
    """One process.

    Args:
        place: from 0.
        policy: of its controller.
        telemetry: the way from the plant to the controller.
        monitored: whether its controller watches if the policy fits.

    Attributes:
        controller: decides.
        write: its journal; None keeps none.
        decided: what was decided last, whether or not it governs already.
    """

    __slots__ = ("_step", "controller", "decided", "place", "telemetry", "write")

    def __init__(
        self,
        place: int,
        policy: Policy,
        telemetry: Telemetry,
        *,
        monitored: bool,
    ) -> None:
        self.place = place
        self.telemetry = telemetry
        self.decided: Decision | None = None
        self.controller = Controller(policy, monitored=monitored)
        self._step = self.controller.step
        self.write: Write | None = None

    def arrives(self, observations: Observations) -> Sequence[Observations]:
        """What reaches its controller at the end of a tick in which this happened, oldest first."""
        telemetry = self.telemetry
        return (observations,) if telemetry.clear else telemetry.carry(observations)

    def decide(self, arrived: Sequence[Observations]) -> list[Decision]:
        """What its controller makes of that: the decisions that change something, in order."""
        changed = []
        for observations in arrived:
            decision = self._step(observations)
            if self.write is not None:
                self.write(observations, decision)
            if self.decided is None or decision.gates is not self.decided.gates:
                self.decided = decision
                changed.append(decision)
        return changed


class Fleet:
    """What governs the requests of all replicas over time.

    Args:
        replicas: how many.
        start: what governs all of them before anything was decided.

    Attributes:
        transitions: changes of the fleet's mode, in order.
        servings: changes of what requests get, in order.
    """

    __slots__ = ("_governing", "_mode", "_moves_s", "servings", "transitions")

    def __init__(self, replicas: int, start: Decision) -> None:
        self._governing = [start] * replicas
        self._mode = start.mode
        self._moves_s: list[float] = []
        self.transitions: list[Transition] = []
        self.servings: list[Serving] = [serving(0.0, self._governing)]

    def govern(self, at_s: float, place: int, decision: Decision) -> None:
        """From a second on a decision governs the requests of a replica."""
        if decision.mode is not self._governing[place].mode:
            self._moves_s.append(at_s)
        self._governing[place] = decision
        now = serving(at_s, self._governing)
        if not now.is_like(self.servings[-1]):
            self.servings.append(now)
        mode = fleet_mode(self._governing)
        if mode is not self._mode:
            reason = "; ".join(reason.text for reason in decision.reasons)
            self.transitions.append(
                Transition(at_s=at_s, before=self._mode, after=mode, reason=reason)
            )
            self._mode = mode

    def moves(self, before_s: float) -> float:
        """Changes of mode earlier than a second, in the mean of the replicas."""
        return sum(at_s < before_s for at_s in self._moves_s) / len(self._governing)
