"""A confidence interval as a small drawing: where it lies, and the bound it is held against."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["IntervalPlot", "interval_plot"]

PADDING = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalPlot:
    """Places along a line of 0..100.

    Attributes:
        low, high: ends of the interval; both at the estimate where none is known.
        estimate: its middle.
        bound: what it is held against.
        allowed_from, allowed_to: the side of the bound on which it holds.
        ends: values at both ends of the scale, in words; one of them where they look alike.
    """

    low: float
    high: float
    estimate: float
    bound: float
    allowed_from: float
    allowed_to: float
    ends: tuple[str, ...] = ()


def interval_plot(
    estimate: float,
    low: float,
    high: float,
    bound: float,
    better: str,
    *,
    say: Callable[[float], str] = str,
) -> IntervalPlot | None:
    """Lay out an interval and its bound on a scale of their own.

    Args:
        estimate, low, high: the interval; without finite ends only the estimate is placed.
        bound: what it is held against.
        better: "lower" or "higher"; "" allows neither side.
        say: a value in words.

    Returns:
        None where the estimate or the bound is no finite number.
    """
    if not (math.isfinite(estimate) and math.isfinite(bound)):
        return None
    if not (math.isfinite(low) and math.isfinite(high)):
        low = high = estimate
    values = (estimate, low, high, bound)
    least, most = min(values), max(values)
    room = (100 - 2 * PADDING) / (most - least) if most > least else 0.0

    def place(value: float) -> float:
        return round(PADDING + (value - least) * room, 2) if room else 50.0

    at = place(bound)
    return IntervalPlot(
        low=place(low),
        high=place(high),
        estimate=place(estimate),
        bound=at,
        allowed_from=at if better == "higher" else 0.0,
        allowed_to=at if better == "lower" else 100.0 if better == "higher" else 0.0,
        ends=tuple(dict.fromkeys((say(least), say(most)))),
    )
