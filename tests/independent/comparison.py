"""Both simulators on the same scenarios, and how far apart they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.run.engine import simulate as simulate_ours

from .simulator import simulate as simulate_theirs

__all__ = ["LARGEST_Z", "Case", "Pair", "Score", "replicate", "scores"]

LARGEST_Z = 4.0

SEED = 7_000_000
"""Of the independent simulator's first replication."""

OURS_TO_ONE = 4
"""Replications of ours for each of the independent one, as ours take less time."""

ROUNDING = 1e-9
"""Relative difference that is none."""

Metrics = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scenario of the library in one arm, with what is changed of it for both simulators.

    Attributes:
        scenario: its name.
        arm: none, static or cheapest.
        overrides: as of `--set`.
        ours_only: more of them, that the independent simulator does not hear of.
    """

    scenario: str
    arm: str
    overrides: tuple[str, ...] = ()
    ours_only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What one replication of a case came to, of ours in several runs."""

    ours: Sequence[Metrics]
    theirs: Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How far apart the means of one metric are, in standard errors."""

    metric: str
    ours: float
    theirs: float
    z: float


def replicate(case: Case, replication: int) -> Pair:
    """One replication of the independent simulator and some of ours; no two share a draw."""
    given = ("expectations=[]", *case.overrides)
    ours, theirs = load(case.scenario, (*given, *case.ours_only)), load(case.scenario, given)
    policy = theirs.policy or default_policy()
    first = replication * OURS_TO_ONE
    return Pair(
        ours=[
            simulate_ours(ours.scenario, policy, replication=k, arm=case.arm).metrics
            for k in range(first, first + OURS_TO_ONE)
        ],
        theirs=simulate_theirs(theirs.scenario, policy, case.arm, SEED + replication),
    )


def scores(pairs: Sequence[Pair]) -> list[Score]:
    """Of every metric that the independent simulator knows."""
    return [
        _score(
            metric,
            [run[metric] for pair in pairs for run in pair.ours],
            [pair.theirs[metric] for pair in pairs],
        )
        for metric in pairs[0].theirs
    ]


def _score(metric: str, ours: Sequence[float], theirs: Sequence[float]) -> Score:
    """Welch's t, as the z that is as rare: of few replications t says less than z."""
    mean, other = statistics.fmean(ours), statistics.fmean(theirs)
    mine, its = statistics.variance(ours) / len(ours), statistics.variance(theirs) / len(theirs)
    if math.isclose(mean, other, rel_tol=ROUNDING, abs_tol=1e-12):
        z = 0.0
    elif mine + its < (ROUNDING * mean) ** 2:
        z = math.inf
    else:
        freedom = (mine + its) ** 2 / (mine**2 / (len(ours) - 1) + its**2 / (len(theirs) - 1))
        t = (mean - other) / math.sqrt(mine + its)
        z = math.copysign(float(stats.norm.isf(stats.t.sf(abs(t), freedom))), t)
    return Score(metric=metric, ours=mean, theirs=other, z=z)
