"""One replica's course: along the fleet's log, and by itself while there is none.

The controller that follows the log takes in its lines and nothing else, so it decides as those
of all other replicas do. Where no line has come for some ticks, a copy of it goes on with what
this replica sees by itself; it is dropped when the log goes on.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from ..core.controller import Controller
from ..core.decisions import Decision
from ..core.errors import ClockError, MisuseError
from ..core.observations import Observations
from ..core.policy import Policy
from .lines import Line, Snapshot

__all__ = ["BOUND_TICKS", "Course", "Keeper"]

BOUND_TICKS = 3
"""Ticks without a line after which a replica decides alone."""


class Keeper(Protocol):
    """Who writes down what a controller sees and decides."""

    def begin(self, controller: Controller, because: str, kept: str = "") -> None:
        """What follows is of this controller, from what it remembers now."""

    def keep(self, observations: Observations, decision: Decision, controller: Controller) -> None:
        """A tick was stepped."""


class Course:
    """See the module. Its caller sees to it that only one thread is here.

    Args:
        policy: to decide by.
        controller: from which it begins.
        keeper: is told of every step, in the order of the controller's ticks.
        bound_ticks: see `BOUND_TICKS`.

    Attributes:
        common: follows the log.
        alone: decides while there is no log; None otherwise.
        kept: what the controller kept of the one before it, as a sentence.
    """

    __slots__ = ("_bound", "_keeper", "_policy", "_silent", "_unheard", "alone", "common", "kept")

    def __init__(
        self,
        policy: Policy,
        controller: Controller,
        keeper: Keeper,
        *,
        bound_ticks: int = BOUND_TICKS,
    ) -> None:
        self._policy = policy
        self._keeper = keeper
        self._bound = bound_ticks
        self._silent = 0
        self._unheard: deque[Observations] = deque(maxlen=bound_ticks + 1)
        self.common = controller
        self.alone: Controller | None = None
        self.kept = ""

    @property
    def controller(self) -> Controller:
        """Whose decisions are in force."""
        return self.common if self.alone is None else self.alone

    @property
    def tick(self) -> int:
        """Of the last line; -1 before the first."""
        return -1 if self.common.tick is None else self.common.tick

    def own(self, seen: Observations) -> Decision | None:
        """A tick of this replica is over.

        Returns:
            What it decided on it by itself; None while the log decides.
        """
        if self.alone is not None:
            return self._step_alone(seen)
        self._silent += 1
        self._unheard.append(seen)
        if self._silent <= self._bound:
            return None
        # A copy, so that the log can be taken up again from where it stopped.
        self.alone = Controller.restore(self._policy, self.common.state())
        self._keeper.begin(self.alone, "alone", "everything")
        decision = None
        for each in self._unheard:
            decision = self._step_alone(each)
        self._unheard.clear()
        return decision

    def _step_alone(self, seen: Observations) -> Decision:
        assert self.alone is not None
        last = self.alone.tick
        tick = seen.tick if last is None else max(seen.tick, last + 1)
        self.alone, decision = self._step(self.alone, seen._replace(tick=tick))
        return decision

    def line(self, line: Line) -> Decision | None:
        """The fleet closed a tick.

        Returns:
            The decision on it; None for a line that was stepped before.

        Raises:
            MisuseError: lines between the last one and this one are missing.
        """
        if line.tick <= self.tick:
            return None
        if line.after != self.tick:
            raise MisuseError(f"the line after tick {line.after} comes after tick {self.tick}")
        self._heard("fleet")
        self.common, decision = self._step(self.common, line.observations)
        return decision

    def _heard(self, because: str) -> None:
        self._silent = 0
        self._unheard.clear()
        if self.alone is not None:
            self.alone = None
            self._keeper.begin(self.common, because, "everything up to the last line of the log")

    def take_up(self, snapshot: Snapshot) -> None:
        """Go on from what the fleet remembers, instead of from what this replica does.

        Raises:
            LookupError, TypeError, ValueError, AssertionError: it holds no state.
        """
        controller, kept = Controller.succeed(self._policy, snapshot.state)
        self.common, self.alone, self.kept = controller, None, kept
        # Nothing was decided by that: only a line ends the silence.
        self._keeper.begin(controller, "fleet", kept)

    def use(self, policy: Policy) -> str:
        """Go on under another policy. Returns what was kept, as a sentence."""
        self._policy = policy
        self.common, self.kept = Controller.succeed(policy, self.common.state())
        if self.alone is not None:
            self.alone, self.kept = Controller.succeed(policy, self.alone.state())
        self._keeper.begin(self.controller, "policy", self.kept)
        return self.kept

    def begin_anew(self, because: str) -> None:
        """The controller broke: another takes its place, which remembers nothing."""
        self.common, self.alone, self.kept = Controller(self._policy), None, "nothing"
        self._keeper.begin(self.common, because, self.kept)

    def _step(self, controller: Controller, seen: Observations) -> tuple[Controller, Decision]:
        try:
            decision = controller.step(seen)
        except ClockError:
            # A leap of over a week; everybody who follows the log does the same.
            controller = Controller(self._policy)
            self.kept = "nothing"
            self._keeper.begin(controller, "leap", self.kept)
            decision = controller.step(seen)
        self._keeper.keep(seen, decision, controller)
        return controller, decision
