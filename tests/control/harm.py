"""A policy against static in a random world (`tests.control.random_worlds`), and what is claimed.

Static is the policy's normal mode with its retries, fallback and budgets, for ever: whoever does
worse than that does harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from balancer.core.policy import Policy
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.run.fault_windows import describe
from sim.run.result import POLICY, STATIC, Run
from sim.streams import replication_key
from sim.study.intervals import Interval, mean_interval
from sim.study.ranking import REQUESTS, score
from sim.traffic.workload import Traffic

from .laws import Claim
from .random_worlds import world

__all__ = [
    "MOST_LOST",
    "NOTICED",
    "Case",
    "Outcome",
    "Pair",
    "claims",
    "counts",
    "harmed",
    "ingredients",
    "outcome",
    "run_case",
    "run_pair",
    "said",
    "worst",
]

MOST_LOST = 1.0
"""Points of availability that a world may surely lose."""
NOTICED = 0.5
"""Points of availability from which a world counts as worse, or better."""
BETTER_TO_WORSE = 2.0
"""At least so many worlds are better for one that is worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Replications of one world to make."""

    seed: int
    replications: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same requests under the policy and under static."""

    policy: Run
    static: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a case, one value for each replication.

    Attributes:
        points: availability, policy less static, in percentage points.
        worth: utility, policy less static, in percent of what perfect answers are worth.
        availability, static: in percent.
        transitions_per_hour, shed: of the policy; requests shed in percent.
    """

    seed: int
    points: tuple[float, ...]
    worth: tuple[float, ...]
    availability: tuple[float, ...]
    static: tuple[float, ...]
    transitions_per_hour: tuple[float, ...]
    shed: tuple[float, ...]


def run_case(case: Case) -> Outcome:
    """Simulate a world and measure."""
    scenario, policy = world(case.seed)
    pairs = [run_pair(scenario, policy, replication) for replication in case.replications]
    return outcome(case.seed, pairs, answer_usd=scenario.worth.answer)


def run_pair(scenario: Scenario, policy: Policy, replication: int) -> Pair:
    """Both arms of one replication."""
    traffic = Traffic(scenario, replication_key(scenario.seed, replication))
    ours, static = (
        simulate(scenario, policy, replication=replication, arm=arm, traffic=traffic)
        for arm in (POLICY, STATIC)
    )
    return Pair(policy=ours, static=static)


def outcome(seed: int, pairs: Sequence[Pair], *, answer_usd: float) -> Outcome:
    """Measure runs; `answer_usd` is what a perfect answer in time is worth."""

    def percent(run: Run, metric: str) -> float:
        return 100.0 * run.metrics[metric]

    ours = tuple(percent(each.policy, "availability") for each in pairs)
    static = tuple(percent(each.static, "availability") for each in pairs)
    perfect_usd = REQUESTS * answer_usd
    return Outcome(
        seed=seed,
        points=tuple(a - b for a, b in zip(ours, static, strict=True)),
        worth=tuple(
            100.0 * (score(each.policy) - score(each.static)) / perfect_usd for each in pairs
        ),
        availability=ours,
        static=static,
        transitions_per_hour=tuple(each.policy.metrics["transitions_per_hour"] for each in pairs),
        shed=tuple(percent(each.policy, "shed_share") for each in pairs),
    )


def counts(points: Sequence[float], by: float) -> tuple[int, int, int]:
    """How many differences are below -by, within it, and above."""
    worse, better = sum(each < -by for each in points), sum(each > by for each in points)
    return worse, len(points) - worse - better, better


def worst(outcomes: Sequence[Outcome], most: int) -> Sequence[Outcome]:
    """Those that lose most availability in their first replication, the worst first."""
    return sorted(outcomes, key=lambda each: (each.points[0], each.seed))[:most]


def harmed(of: Outcome) -> bool:
    """Whether availability is surely lower by more than a point, and utility not surely higher."""
    return mean_interval(of.points).high < -MOST_LOST and not mean_interval(of.worth).low > 0.0


def claims(first: Sequence[Outcome], again: Sequence[Outcome]) -> tuple[Claim, ...]:
    """What is claimed of all worlds, by one replication each, and of the worst, by more."""
    points = [each.points[0] for each in first]
    mean = mean_interval(points)
    worse, _, better = counts(points, NOTICED)
    bad = [f"{each.seed} ({said(mean_interval(each.points))})" for each in again if harmed(each)]
    return (
        Claim(
            name=f"in none of the {len(again)} worst worlds is availability below static's by more "
            f"than {MOST_LOST:g} point, beyond its interval, unless utility is above static's, "
            "beyond its interval",
            measured="in " + ", ".join(bad) if bad else "in none",
            holds=not bad,
        ),
        Claim(
            name="the mean difference in availability is above 0, with its interval",
            measured=f"{said(mean)} points",
            holds=mean.low > 0.0,
        ),
        Claim(
            name=f"at least {BETTER_TO_WORSE:g} times as many worlds are better by more than "
            f"{NOTICED:g} points as are worse",
            measured=f"{better} better, {worse} worse",
            holds=better >= BETTER_TO_WORSE * worse,
        ),
    )


def ingredients(scenario: Scenario, policy: Policy) -> str:
    """What is in a world, in a line: its policy, its traffic, what is short, what goes wrong."""
    arrivals, upstream, clients = scenario.workload.arrivals, scenario.upstream, scenario.clients
    parts = [f"{policy.name}", f"{arrivals.rate:g}/s"]
    parts += [f"traffic {each.kind}" for each in arrivals.pattern]
    if len(scenario.workload.classes) > 1:
        parts.append("priorities")
    assert upstream.kind == "gemini"
    for model, profile in upstream.models.items():
        if "quota" in profile:
            parts.append(f"{model} {_times(profile['quota']['rpm'], 60 * arrivals.rate)} quota")
        if "capacity" in profile:
            limit = profile.get("overload_limit")
            parts.append(f"{model} slows at {profile['capacity']} calls")
            parts += [] if limit is None else [f"refuses at {limit}"]
    if upstream.quota.rpm is not None:
        parts.append(f"project {_times(upstream.quota.rpm, 60 * arrivals.rate)} quota")
    if "patience" in clients.model_fields_set:
        parts.append(f"patience {clients.patience:g} s")
    if scenario.replicas > 1:
        parts.append(f"{scenario.replicas} replicas")
    for fault in scenario.faults:
        again = "" if fault.repeat_every is None else f" every {fault.repeat_every:g} s"
        parts.append(f"{describe(fault)}, for {fault.duration:g} s{again}")
    return "; ".join(parts)


def _times(rpm: float, traffic_rpm: float) -> str:
    return f"{rpm / traffic_rpm:.2g} × traffic"


def said(value: Interval) -> str:
    """A difference with its interval."""
    return f"{value.estimate:+.2f} ({value.low:+.2f} to {value.high:+.2f})"
