"""Trajectories: runs of controllers that decide alike are one run, which is simulated once.

A plant knows of a policy what it serves, bills and forbids (`plant_key`), and of a controller only
what that decides. So another controller that is shown what the first one was, and decides the same,
has the same run, and only its decisions need to be worked out. Where it first decides otherwise,
its own plant is brought there by those decisions, which nobody has to read; from there on it is a
run like any other. What comes of it is the same to the bit as without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from balancer.core.decisions import Decision
from balancer.core.observations import Observations

from ..plant.totals import Totals

__all__ = ["Followed", "Trajectories", "Trajectory"]

MOST_TICKS = 30_000
"""Kept at once: of 50 requests a second, a tick takes two to three kilobytes."""


@dataclass(slots=True, eq=False)
class Trajectory:
    """What a run showed its controller, and what that decided.

    Attributes:
        key: what the plant knew of the policy.
        began: what held before anything was decided.
        arrived: observations that reached the controller at the end of each tick.
        changes: decisions that changed something, by the tick at whose end they were taken.
        governed: seconds at which these took hold, in the same order.
        totals: the plant's account at the end; None: the run has not come to its end.
    """

    key: Hashable
    began: Decision
    arrived: list[Sequence[Observations]] = field(default_factory=list)
    changes: dict[int, list[Decision]] = field(default_factory=dict)
    governed: list[float] = field(default_factory=list)
    totals: Totals | None = None

    def next_change(self, tick: int) -> int:
        """The first tick from this one on that changed something, or the end."""
        later = (at for at in self.changes if at >= tick)
        return min(later, default=len(self.arrived))


class Followed(NamedTuple):
    """How far other runs were this one.

    Attributes:
        early: decisions of this one that changed something, by tick.
        known: so many ticks are known; before any others, its plant is brought there.
        whole: the run that it was to its end; None: it parted from all.
    """

    early: dict[int, list[Decision]]
    known: int
    whole: Trajectory | None


class Trajectories:
    """The trajectories of one replication of a scenario, which later arms may turn out to take.

    Args:
        expected: how many arms there are; of the last one nothing is kept. None: nobody knows.
    """

    __slots__ = ("_expected", "_kept")

    def __init__(self, expected: int | None = None) -> None:
        self._expected = math.inf if expected is None else expected
        self._kept: list[Trajectory] = []

    def wants(self, ticks: float) -> bool:
        """Whether the trajectory of the present arm is of use, which has so many ticks."""
        return self._expected > 1 and ticks <= MOST_TICKS

    def end(self, trajectory: Trajectory | None, totals: Totals) -> None:
        """The present arm has come to its end, and its trajectory was written down, or is known."""
        self._expected -= 1
        if trajectory is not None and trajectory not in self._kept:
            trajectory.totals = totals
            self._kept.append(trajectory)
            while sum(len(each.arrived) for each in self._kept) > MOST_TICKS:
                del self._kept[0]

    def known(self, own: Trajectory) -> bool:
        """Whether one of them begins as a run does, whose own trajectory has only begun."""
        return self._find(own, {}, 0) is not None

    def follow(
        self,
        own: Trajectory,
        decide: Callable[[Sequence[Observations]], list[Decision]],
        settled: Callable[[], bool],
    ) -> Followed:
        """Decide on what other runs have shown, for as long as one is this one.

        Args:
            own: of this run; what it has in common with others is written there.
            decide: what its controller makes of what reaches it.
            settled: whether that has decided everything, and need not be asked any more.
        """
        early: dict[int, list[Decision]] = {}
        tick = 0
        other = self._find(own, early, tick)
        while other is not None:
            over = settled()
            if over:
                tick = other.next_change(tick)
            if tick == len(other.arrived):
                break
            made = [] if over else decide(other.arrived[tick])
            theirs = other.changes.get(tick, ())
            if made:
                early[tick] = made
            tick += 1
            if not _alike(made, theirs):
                own.arrived, own.changes = other.arrived[:tick], dict(early)
                other = self._find(own, early, tick)
        return Followed(early, tick, other)

    def _find(
        self, own: Trajectory, changes: Mapping[int, Sequence[Decision]], ticks: int
    ) -> Trajectory | None:
        """A trajectory that began as this one and changed alike in its first so many ticks."""
        for trajectory in self._kept:
            if (
                trajectory.key != own.key
                or len(trajectory.arrived) < ticks
                or not _same(trajectory.began, own.began)
            ):
                continue
            theirs = {at: made for at, made in trajectory.changes.items() if at < ticks}
            if theirs.keys() == changes.keys() and all(
                _alike(theirs[at], made) for at, made in changes.items()
            ):
                return trajectory
        return None


def _alike(made: Sequence[Decision], others: Sequence[Decision]) -> bool:
    """Whether decisions do the same to a plant; their reasons may differ."""
    return len(made) == len(others) and all(map(_same, made, others))


def _same(one: Decision, other: Decision) -> bool:
    return one.mode is other.mode and one.limits == other.limits and one.gates == other.gates
