"""How well a fit reproduces what happened: the live policy on it, beside the journal's own record.

Both sides are told by one account of their journals. The tolerances are those of an agreement
between live and simulated runs (`docs/explanation/agreement.md`), for the figures that has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from balancer.records.backtest import Figure

from ..fitting.account import FIGURES
from ..study.intervals import mean_interval

__all__ = ["TOLERANCES", "Tolerance", "fidelity", "trustworthy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far the mean of the simulated runs may lie from what was.

    Attributes:
        most: the difference that is tolerated.
        relative: whether it is a share of what was.
    """

    most: float
    relative: bool


TOLERANCES: Mapping[str, Tolerance] = {
    "offered": Tolerance(most=0.05, relative=True),
    "availability": Tolerance(most=0.01, relative=False),
    "latency_p50_s": Tolerance(most=0.10, relative=True),
    "latency_p95_s": Tolerance(most=0.10, relative=True),
    "latency_p99_s": Tolerance(most=0.25, relative=True),
    "ttft_p50_s": Tolerance(most=0.10, relative=True),
    "ttft_p95_s": Tolerance(most=0.10, relative=True),
    "error_rate": Tolerance(most=0.01, relative=False),
    "observed_cost_usd": Tolerance(most=0.05, relative=True),
    "prompt_tokens": Tolerance(most=0.05, relative=True),
    "output_tokens": Tolerance(most=0.05, relative=True),
    "thinking_tokens": Tolerance(most=0.05, relative=True),
    "time_in_normal": Tolerance(most=0.10, relative=False),
    "time_in_soft": Tolerance(most=0.10, relative=False),
    "time_in_hard": Tolerance(most=0.10, relative=False),
    "time_in_emergency": Tolerance(most=0.10, relative=False),
}
"""By the names of `sim.fitting.account.FIGURES`; transitions are told and not judged: how often a
law changes its mind hangs on single calls."""


def fidelity(
    seen: Mapping[str, float], simulated: Sequence[Mapping[str, float]]
) -> tuple[Figure, ...]:
    """Every figure side by side.

    Args:
        seen: in the journal.
        simulated: in every replication.
    """
    found = []
    for name in FIGURES:
        tolerance = None if math.isnan(seen[name]) else TOLERANCES.get(name)
        ours = mean_interval([each[name] for each in simulated])
        difference = ours.estimate - seen[name]
        if tolerance is not None and tolerance.relative:
            if difference == 0.0:
                pass
            elif seen[name]:
                difference /= seen[name]
            else:
                difference = math.copysign(math.inf, difference)
        agrees = tolerance is None or abs(difference) <= tolerance.most
        found.append(
            Figure(
                name=name,
                unit=FIGURES[name],
                seen=seen[name],
                simulated=ours.estimate,
                low=ours.low,
                high=ours.high,
                difference=difference,
                tolerance=math.nan if tolerance is None else tolerance.most,
                relative=tolerance is not None and tolerance.relative,
                agrees=agrees,
            )
        )
    return tuple(found)


def trustworthy(figures: Sequence[Figure]) -> bool:
    """Whether every figure that is judged agrees."""
    return all(each.agrees for each in figures)
