"""What a tuning found: values that its file, its report and its last words are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from balancer.core.policy import Policy
from balancer.records.tuning import Measured

from ..run.result import Run
from ..study.intervals import Interval
from ..study.replications import Runs

__all__ = ["TODAY", "Candidate", "Figures", "Measured", "Seen", "Tuning", "seen"]

TODAY = "today"
"""Arm of the policy that is tuned from."""

Figures = Mapping[str, Mapping[str, Interval]]
"""Of each scenario, by its name, every metric of `sim.run.metrics.METRICS` with its interval."""

Seen = Mapping[str, Sequence[Run]]
"""Runs of one arm in each scenario, by its name."""


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

    @property
    def arm(self) -> str:
        """Name of the arm it was run in on the fresh seeds."""
        return TODAY if self.trial < 0 else f"trial {self.trial}"


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
        runs: on the fresh seeds, of every scenario, held out or not, by its name: those of today's
            policy, of the arm `sim.run.result.STATIC` under it, and of every candidate, by `arm`.
            Run k of each saw the same requests.
        static: objectives, and whether constraints are kept, of the arm `sim.run.result.STATIC`.
        seed: of the fresh requests; None: the scenarios' own.
        sampler: how trials were chosen: "nsga2", "tpe".
        split: how it was decided which scenarios are held out, in words.
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
    runs: Mapping[str, Runs] = field(default_factory=dict)
    static: Measured | None = None
    seed: int | None = None
    sampler: str = ""
    split: str = ""


def seen(runs: Mapping[str, Runs], arm: str) -> Seen:
    """Runs of one arm in each scenario."""
    return {scenario: found[arm] for scenario, found in runs.items()}
