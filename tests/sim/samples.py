"""Runs made by hand, for judging them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from balancer.core.modes import Mode
from sim.run.metrics import METRICS
from sim.run.result import Run
from sim.run.serving import Serving
from sim.run.timeline import Transition


def run(
    replication: int = 0,
    *,
    arm: str = "policy",
    transitions: Sequence[Transition] = (),
    **values: float,
) -> Run:
    """An hour of 10,000 requests in which every other metric is 1, and nothing goes wrong."""
    defaults = {name: 1.0 for name in METRICS if name != "cost_saved"}
    defaults.update(dict.fromkeys(("offered", "admitted", "answered", "attempts"), 10_000.0))
    return Run(
        arm=arm,
        replication=replication,
        duration_s=3600.0,
        metrics={**defaults, "budget_overshoot_usd": 0.0, "reasked": 0.0, **values},
        transitions=tuple(transitions),
        servings=tuple(
            Serving(at_s=each.at_s, worst=each.after, back=each.after is Mode.NORMAL)
            for each in transitions
        ),
    )


def runs(metric: str, values: Sequence[float], *, arm: str = "policy") -> list[Run]:
    """A run for each value of a metric."""
    return [
        replace(run(k, arm=arm), metrics={**run().metrics, metric: value})
        for k, value in enumerate(values)
    ]
