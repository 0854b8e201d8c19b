"""What a tuning found: values that its file, its report and its last words are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from balancer.core.policy import Policy

from ..intervals import Interval

__all__ = ["Candidate", "Figures", "Tuning"]

Figures = Mapping[str, Mapping[str, Interval]]
"""Of each scenario, by its name, every metric of `sim.metrics.METRICS` with its interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A policy on fresh seeds, which no trial has seen.

    Attributes:
        trial: number of the trial; -1 is today's policy.
        values: what the trial set, by the path of the key in a policy file; in the unit of the
            space.
        text: of the policy file.
        policy: the same, as a value.
        tuned_on, held_out: figures in the scenarios it was tuned on and in those it was not.
        objectives: in the order asked for, over the scenarios it was tuned on.
        objectives_held_out: over the others; NaN where there are none.
        feasible: whether it keeps every constraint.
    """

    trial: int
    values: Mapping[str, float]
    text: str
    policy: Policy
    tuned_on: Figures
    held_out: Figures
    objectives: tuple[Interval, ...]
    objectives_held_out: tuple[Interval, ...]
    feasible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What came of a tuning.

    Attributes:
        objectives: names as asked for, `cost` or a metric.
        constraints: as asked for.
        today: the policy tuned from, on the same fresh seeds.
        front: candidates that no other betters in every objective, best in the first one first.
        knee: place in `front` of the one that is proposed.
        trials: simulated, in all; `raced` of them were given up before their last replication.
        simulated_hours: of policies, in all.
        replications: of every figure of a candidate.
        scenarios, held_out: names.
    """

    objectives: tuple[str, ...]
    constraints: tuple[str, ...]
    today: Candidate
    front: tuple[Candidate, ...]
    knee: int
    trials: int
    raced: int
    simulated_hours: float
    replications: int
    scenarios: tuple[str, ...]
    held_out: tuple[str, ...]
