"""Value axes: limits that hold the data, round ticks, and labels that keep apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

__all__ = ["around", "limits", "linear_ticks", "log_ticks", "spread"]


def limits(values: Iterable[float], *, log: bool) -> tuple[float, float]:
    """Limits of a value axis that hold all values."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    if not finite:
        return (0.1, 10.0) if log else (0.0, 1.0)
    if log:
        return min(finite) / 1.25, max(max(finite) * 1.3, min(finite) * 4)
    most = max(finite)
    top = most * 1.12 if most > 0 else 0.05
    # A little below zero, so that a line at zero is seen whole.
    return -0.015 * top, top


def around(values: Iterable[tuple[float, float, float]]) -> tuple[float, float]:
    """Limits that hold all estimates, and as much of their intervals as fits beside.

    Few replications have wide intervals; an axis that held them whole would leave the estimates
    a point.

    Args:
        values: estimate, low and high of each.
    """
    finite = [each for each in values if math.isfinite(each[0])]
    least = min((each[0] for each in finite), default=0.0)
    most = max((each[0] for each in finite), default=1.0)
    # A difference too small to be read is not blown up to the size of the axis.
    span = max(most - least, 0.01 * abs(most), 1e-9)
    ends = [end for each in finite for end in each if math.isfinite(end)] or [least, most]
    low, high = max(min(ends), least - 0.5 * span), min(max(ends), most + 0.5 * span)
    return low - 0.12 * span, high + 0.12 * span


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten; only the powers where that would be crowded."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [m * 10.0**power for power in decades for m in (1, 2, 5)]
    ticks = [tick for tick in fine if low <= tick <= high]
    if len(ticks) > 7:
        ticks = [10.0**power for power in decades if low <= 10.0**power <= high]
    return ticks


def linear_ticks(high: float) -> list[float]:
    """About four round steps from zero."""
    rough = high / 3.2
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough)
    return [step * place for place in range(math.floor(high / step + 1e-9) + 1)]


def spread(wanted: Sequence[float], *, gap: float, top: float, bottom: float = 0.0) -> list[float]:
    """Places at least `gap` apart, each as near to where it is wanted as that allows.

    Args:
        wanted: ascending.
        gap: least distance.
        top, bottom: highest and lowest place; too many to fit go on beyond the bottom.
    """
    # Neighbours that are too close form a block; a block sits where its members' mean is.
    blocks: list[tuple[float, int]] = []
    for at in wanted:
        centre, size = at, 1
        while blocks:
            before, count = blocks[-1]
            if centre - before >= gap * (count + size) / 2:
                break
            blocks.pop()
            centre = (before * count + centre * size) / (count + size)
            size += count
        blocks.append((centre, size))
    places = [
        centre + gap * (place - (size - 1) / 2) for centre, size in blocks for place in range(size)
    ]
    for index in range(len(places)):
        lowest = bottom if index == 0 else places[index - 1] + gap
        places[index] = max(places[index], lowest)
    over = max(0.0, places[-1] - top) if places else 0.0
    for index in range(len(places) - 1, -1, -1):
        limit = top if index == len(places) - 1 else places[index + 1] - gap
        if over and places[index] > limit:
            places[index] = limit
    return places
