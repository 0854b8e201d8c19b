"""What a candidate changes against today's policy, on the same requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..study.intervals import Interval
from ..study.replications import Runs
from .goals import Goals
from .objectives import Objective, parse_objectives
from .results import TODAY, seen

__all__ = ["ALWAYS", "Effect", "effects", "told"]

ALWAYS = ("availability", "latency_p95", "cost", "quality", "degraded_share")
"""What effects are told of, whatever the objectives are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What is changed of an objective, or of a metric as if it were one.

    Attributes:
        objective: of what, and how scenarios are put together.
        change: the candidate's less today's, with the sign it has; of a ratio, less 1.
    """

    objective: Objective
    change: Interval


def told(goals: Goals) -> tuple[Objective, ...]:
    """What effects are told of: the objectives, and what is told always."""
    asked = {each.metric for each in goals.objectives}
    always = (each for name in ALWAYS for each in parse_objectives(name))
    return (*goals.objectives, *(each for each in always if each.metric not in asked))


def effects(goals: Goals, runs: Mapping[str, Runs], arm: str) -> tuple[Effect, ...]:
    """What an arm changes against the arm `TODAY`, with intervals over the replications.

    Args:
        goals: whose objectives are told of first.
        runs: of every scenario that counts, by its name; none: nothing is told.
        arm: of the candidate.
    """
    if not runs:
        return ()
    wider = replace(goals, objectives=told(goals), constraints=())
    ours, todays = (seen(runs, each) for each in (arm, TODAY))
    sample, today = wider.sample(ours), wider.sample(todays)
    unchanged = Interval(estimate=0.0, low=0.0, high=0.0)
    return tuple(
        Effect(
            objective=each,
            change=unchanged if arm == TODAY else each.change(ours, todays, sample, today),
        )
        for each in wider.objectives
    )
