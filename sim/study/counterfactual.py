"""What the controller changed: the same requests under the policy and in every other arm.

All arms of a replication see the same requests (common random numbers), so the difference
within a replication is the effect of the policy and not of luck; its interval is that of the
mean of these paired differences (Law, "Simulation Modeling and Analysis", chapters 10.2 and
11.2), with room for runs of a kind not seen (`sim.study.estimates`).

A claim is made against "static" first: what a router with retries and a fallback model gives
without any controller. Against "none" alone, much of what a policy is praised for is the
fallback's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from balancer.core.errors import MisuseError

from ..run.metrics import METRICS
from ..run.result import POLICY, STATIC, Run
from .estimates import difference_interval, metric_interval, values_interval
from .intervals import Interval, mean_interval

__all__ = ["HARMED", "Comparison", "compare", "cost_saved", "differences"]

HARMED = "availability"
"""What a controller may not take away from what "static" gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Means over replications, by the names of `sim.run.metrics.METRICS`.

    Attributes:
        arms: of every arm, the policy's first.
        differences: by the arm they are taken to: the policy minus it, from paired
            differences.

    `cost_saved` of an arm is the share of static's cost that it saves, so none in static
    itself; among the differences, it is the share of the other arm's cost that the policy
    saves.
    """

    arms: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[str, Mapping[str, Interval]]

    @property
    def harm(self) -> Interval:
        """Availability with the controller minus static's: harm, where it is below zero."""
        return self.differences[STATIC][HARMED]

    @property
    def harms(self) -> bool:
        """Whether the whole interval says that the controller costs availability."""
        return self.harm.high < 0.0


def compare(runs: Mapping[str, Sequence[Run]]) -> Comparison:
    """Compare the arms, replication by replication.

    Args:
        runs: by arm; at least those of "policy" and "static".

    Raises:
        MisuseError: there are none, or they are not pairs that saw the same requests.
    """
    policy, static = runs[POLICY], runs[STATIC]
    if not policy:
        raise MisuseError("there are no runs to compare")
    others = {arm: each for arm, each in runs.items() if arm != POLICY}
    for other in others.values():
        _check_pairs(policy, other)
    return Comparison(
        arms={
            arm: {name: _mean(name, each, static) for name in METRICS}
            for arm, each in {POLICY: policy, **others}.items()
        },
        differences={
            arm: {name: _difference(name, policy, each) for name in METRICS}
            for arm, each in others.items()
        },
    )


def differences(metric: str, policy: Sequence[Run], other: Sequence[Run]) -> list[float]:
    """Policy minus another arm in each replication; of `cost_saved`, the share of the other's
    cost that the policy saves.
    """
    if metric == "cost_saved":
        return cost_saved(policy, other)
    return [a.metrics[metric] - b.metrics[metric] for a, b in zip(policy, other, strict=True)]


def cost_saved(runs: Sequence[Run], other: Sequence[Run]) -> list[float]:
    """Share of another arm's cost saved in each replication; NaN where that was nothing."""
    shares = []
    for one, before in zip(runs, other, strict=True):
        cost_usd = before.metrics["cost_usd"]
        shares.append(1.0 - one.metrics["cost_usd"] / cost_usd if cost_usd > 0 else math.nan)
    return shares


def _mean(metric: str, runs: Sequence[Run], static: Sequence[Run]) -> Interval:
    if metric != "cost_saved":
        return metric_interval(metric, runs)
    saved = cost_saved(runs, static)
    # What static saves of its own cost cannot differ from nothing.
    return mean_interval(saved) if runs is static else values_interval(metric, saved, runs)


def _difference(metric: str, policy: Sequence[Run], other: Sequence[Run]) -> Interval:
    if metric == "cost_saved":
        return values_interval(metric, cost_saved(policy, other), policy)
    return difference_interval(metric, policy, other)


def _check_pairs(policy: Sequence[Run], other: Sequence[Run]) -> None:
    for one, its in zip(policy, other, strict=True):
        if one.replication != its.replication:
            raise MisuseError(
                f"replication {one.replication} is paired with replication {its.replication}"
            )
        if _came(one) != _came(its):
            raise MisuseError(f"the arms of replication {one.replication} saw other requests")


def _came(run: Run) -> float:
    """Requests that came by themselves; how many ask again depends on what they got."""
    return run.metrics["offered"] - run.metrics["reasked"]
