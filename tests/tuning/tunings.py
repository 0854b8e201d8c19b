"""A small tuning made by hand: three policies in two small worlds, really simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from balancer.core.policy import Policy
from scenarios.schema import Scenario
from sim.run.metrics import METRICS
from sim.run.result import STATIC, Run
from sim.study.estimates import metric_interval
from sim.study.intervals import Interval
from sim.study.replications import Plan, Runs, replicate
from sim.tuning.constraints import parse_constraints
from sim.tuning.goals import Goals
from sim.tuning.objectives import parse_objectives
from sim.tuning.results import TODAY, Candidate, Tuning, seen
from tests.core.builders import table
from tests.sim.small_world import PROFILES, SLOW, world, world_policy

__all__ = ["LATENCY", "goals", "policy_of", "small_tuning", "worlds"]

LATENCY = "thresholds.soft.latency_p95"
REPLICATIONS = 2


def worlds() -> tuple[Scenario, ...]:
    """Slow for a while with a quota that binds, and, held out, quiet."""
    quota = {name: {**profile, "quota": {"rpm": 400}} for name, profile in PROFILES.items()}
    slow = {**SLOW, "at": 40, "for": 60}
    short = {"duration": 160, "warm_up": 10}
    return (
        world(scenario="slow", faults=[slow], upstream={"models": quota}, **short),
        world(scenario="quiet", **short),
    )


def goals() -> Goals:
    """Cost and quality, at least half of the requests answered."""
    return Goals(
        objectives=parse_objectives("cost,quality"),
        constraints=parse_constraints(["availability >= 50%"]),
        scenarios={each.scenario: each for each in worlds()},
    )


def policy_of(values: Mapping[str, float]) -> Policy:
    """A policy that enters soft at a latency; one above hard's is no policy."""
    rules = table("latency_p95", values[LATENCY], 12.0, 24.0)
    return replace(world_policy(), rules=rules)


@cache
def small_tuning() -> Tuning:
    """Today's policy, which enters soft at 6 s, and two others."""
    values = {-1: 6.0, 0: 2.5, 1: 4.0}
    names = {trial: TODAY if trial < 0 else f"trial {trial}" for trial in values}
    policies = {trial: policy_of({LATENCY: value}) for trial, value in values.items()}
    arms = {names[trial]: policy for trial, policy in policies.items()}
    plans = [
        Plan(scenario=each, arms={**arms, STATIC: arms[TODAY]}, replications=range(REPLICATIONS))
        for each in worlds()
    ]
    found = replicate(plans, workers=1)
    runs = {plan.scenario.scenario: each for plan, each in zip(plans, found, strict=True)}
    parts: list[dict[str, Runs]] = [{"slow": runs["slow"]}, {"quiet": runs["quiet"]}]

    def candidate(trial: int) -> Candidate:
        arm = names[trial]
        measured = [
            goals().measure(*(seen(part, each) for each in (arm, TODAY, STATIC))) for part in parts
        ]
        figures = [
            {name: {m: _figure(m, of[arm]) for m in METRICS} for name, of in part.items()}
            for part in parts
        ]
        return Candidate(
            trial=trial,
            values={LATENCY: values[trial]},
            text="",
            policy=policies[trial],
            tuned_on=figures[0],
            held_out=figures[1],
            objectives=measured[0].objectives,
            objectives_held_out=measured[1].objectives,
            feasible=measured[0].feasible,
        )

    return Tuning(
        objectives=("cost", "quality"),
        constraints=("availability >= 50%",),
        today=candidate(-1),
        front=(candidate(0), candidate(1)),
        knee=0,
        trials=2,
        raced=0,
        simulated_hours=0.5,
        replications=REPLICATIONS,
        scenarios=("slow",),
        held_out=("quiet",),
        runs=runs,
        static=goals().measure(*(seen(parts[0], each) for each in (STATIC, TODAY, STATIC))),
        sampler="nsga2",
        split="as asked for",
    )


def _figure(metric: str, runs: Sequence[Run]) -> Interval:
    if metric == "cost_saved":
        return Interval(estimate=0.0, low=0.0, high=0.0)
    return metric_interval(metric, runs)
