"""What the controller changed: the same requests with it and without it.

Both arms of a replication see the same requests (common random numbers), so the
difference within a replication is the effect of the policy and not of luck; its interval
is Student's t over these paired differences (Law, "Simulation Modeling and Analysis",
chapters 10.2 and 11.2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from balancer.core.errors import MisuseError

from .intervals import Interval, mean_interval
from .metrics import METRICS
from .run import Run

__all__ = ["Comparison", "compare", "cost_saved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Means over replications, by the names of `sim.metrics.METRICS`.

    Attributes:
        policy: with the controller.
        counterfactual: without.
        difference: with minus without, from paired differences.

    `cost_saved` is the share of the counterfactual's cost that was saved: none of it in the
    counterfactual itself.
    """

    policy: Mapping[str, Interval]
    counterfactual: Mapping[str, Interval]
    difference: Mapping[str, Interval]


def compare(policy: Sequence[Run], none: Sequence[Run]) -> Comparison:
    """Compare the two arms, replication by replication.

    Raises:
        MisuseError: the runs are not pairs that saw the same requests.
    """
    if not policy:
        raise MisuseError("there are no runs to compare")
    for one, other in zip(policy, none, strict=True):
        if one.replication != other.replication:
            raise MisuseError(
                f"replication {one.replication} is paired with replication {other.replication}"
            )
        if _came(one) != _came(other):
            raise MisuseError(f"the arms of replication {one.replication} saw other requests")
    pairs = list(zip(policy, none, strict=True))
    saved = mean_interval(cost_saved(policy, none))
    nothing = Interval(estimate=0.0, low=0.0, high=0.0)
    sides: tuple[dict[str, Interval], ...] = ({}, {}, {})
    for name in METRICS:
        if name == "cost_saved":
            means = (saved, nothing, saved)
        else:
            differences = [a.metrics[name] - b.metrics[name] for a, b in pairs]
            means = (
                mean_interval([run.metrics[name] for run in policy]),
                mean_interval([run.metrics[name] for run in none]),
                mean_interval(differences),
            )
        for side, mean in zip(sides, means, strict=True):
            side[name] = mean
    return Comparison(policy=sides[0], counterfactual=sides[1], difference=sides[2])


def _came(run: Run) -> float:
    """Requests that came by themselves; how many ask again depends on what they got."""
    return run.metrics["offered"] - run.metrics["reasked"]


def cost_saved(policy: Sequence[Run], none: Sequence[Run]) -> list[float]:
    """Share of the counterfactual's cost saved in each replication; NaN where that was nothing."""
    shares = []
    for one, other in zip(policy, none, strict=True):
        before = other.metrics["cost_usd"]
        shares.append(1.0 - one.metrics["cost_usd"] / before if before > 0 else math.nan)
    return shares
