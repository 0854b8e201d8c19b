"""Objectives and constraints together: what a policy is worth, by its runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from balancer.core.errors import InputError
from scenarios.schema import Scenario

from ..run.result import STATIC
from ..study.intervals import Interval, mean_interval
from ..study.replications import Runs
from .constraints import Constraint
from .objectives import Objective, Sample, readings
from .results import TODAY, Measured, Seen, seen

__all__ = ["LOST", "Goals", "Score"]

LOST = 1e9
"""Value, less being better, of an objective that is undefined."""
RACE_TAIL = 0.05
"""A race's error on each side: it costs a good policy its place in the search, nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a policy comes to in a search.

    Attributes:
        objectives: their means, in the order asked for; NaN where undefined.
        misses: by how much each constraint is missed where it is missed most; at most 0: kept.
        replications: that it rests on.
        raced: it was given up before the last.
    """

    objectives: tuple[float, ...]
    misses: tuple[float, ...]
    replications: int
    raced: bool = False

    @property
    def feasible(self) -> bool:
        """Whether every constraint is kept and every objective defined."""
        return all(miss <= 0.0 for miss in self.misses) and all(map(math.isfinite, self.objectives))


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What a tuning wants.

    Attributes:
        objectives: at least one.
        constraints: all are to be kept in every scenario.
        scenarios: by name.
    """

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    scenarios: Mapping[str, Scenario]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those that objectives and constraints are about."""
        wanted = (each.metric for each in self.objectives)
        kept = (each.metric for each in self.constraints)
        return tuple(dict.fromkeys((*wanted, *kept)))

    @property
    def directions(self) -> tuple[Literal["minimize", "maximize"], ...]:
        """Of the objectives, in Optuna's words."""
        return tuple("minimize" if o.better == "lower" else "maximize" for o in self.objectives)

    def sample(self, runs: Seen) -> Sample:
        """What matters of the runs of a policy."""
        return {
            name: readings(each, self.scenarios[name], self.metrics) for name, each in runs.items()
        }

    def score(self, sample: Sample, arms: Mapping[str, Sample], *, raced: bool = False) -> Score:
        """What a sample comes to beside those of today's policy and static on the same requests."""
        today = arms[TODAY]
        objectives = [mean_interval(each.values(sample, today)) for each in self.objectives]
        return Score(
            objectives=tuple(each.estimate for each in objectives),
            misses=tuple(
                max(each.misses(sample, arms).values()) for each in self.constraints
            ),
            replications=_replications(sample),
            raced=raced,
        )  # fmt: skip

    def losses(self, values: Iterable[float]) -> list[float]:
        """Values of the objectives, less being better."""
        return [each.sign * value for each, value in zip(self.objectives, values, strict=True)]

    def values(self, sample: Sample, today: Sample) -> list[list[float]]:
        """Of each objective, a value for each replication; less is better."""
        return [
            [each.sign * value for value in each.values(sample, today)] for each in self.objectives
        ]

    def measure(self, ours: Seen, today: Seen, static: Seen | None = None) -> Measured:
        """What a policy is worth by its runs, with intervals.

        Args:
            ours: its runs.
            today: those of today's policy on the same requests.
            static: those of the arm `sim.run.result.STATIC`; None: what is demanded against it
                is not looked at.
        """
        sample, arms = self.sample(ours), {TODAY: self.sample(today)}
        asked = self.constraints
        if static is None:
            asked = tuple(each for each in asked if each.against != STATIC)
        else:
            arms[STATIC] = self.sample(static)
        itself = all(ours[name] is today[name] for name in ours)
        return Measured(
            objectives=tuple(
                _exact(1.0)
                if itself and each.form == "ratio"
                else each.interval(ours, today, sample, arms[TODAY])
                for each in self.objectives
            ),
            feasible=all(
                miss <= 0.0 for each in asked for miss in each.misses(sample, arms).values()
            ),
        )

    def broken(self, runs: Mapping[str, Runs], arm: str) -> tuple[str, ...]:
        """Constraints that an arm does not keep, and where, a text each."""
        names = (arm, TODAY, STATIC)
        ours, *others = (self.sample(seen(runs, each)) for each in names)
        arms = dict(zip(names[1:], others, strict=True))
        return tuple(
            f"{each.text} in {name}"
            for each in self.constraints
            for name, miss in each.misses(ours, arms).items()
            if miss > 0.0
        )

    def check_reachable(self, today: Sample) -> None:
        """Refuse objectives that say nothing of today's policy, and so of no other.

        Raises:
            InputError: which, and in which scenario.
        """
        for each in self.objectives:
            for name, ours in today.items():
                value = mean_interval(each.values({name: ours}, {name: ours})).estimate
                if math.isnan(value):
                    what = "is nothing" if each.form == "ratio" else "is undefined"
                    raise InputError(
                        f"{each.name} {what} under today's policy in {name}, so nothing can be "
                        "held against it; choose another objective, or leave the scenario out",
                        where="--objective",
                    )


def _exact(value: float) -> Interval:
    return Interval(estimate=value, low=value, high=value)


def _replications(sample: Sample) -> int:
    return min(len(next(iter(found.values()))) for found in sample.values())
