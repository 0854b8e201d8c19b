"""When requests came: their rate by slices, and how unevenly they came within a slice.

The counts themselves could be replayed as a trace. They are not, on purpose. A trace of a day is
no page that a person can read, it says that these requests came and no others, and its intervals
leave the luck of traffic out. A curve of rates with gaps of the same unevenness is what any
scenario has, brings the counts back within their noise, and lets replications say how much of a
result was luck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .columns import Columns

__all__ = ["PRIORITIES", "Curve", "Traffic", "fitted_traffic"]

Column = np.ndarray[Any, Any]

PRIORITIES = ("low", "normal", "high")

SLICES = 180
"""Most slices that a journal is cut into: eight minutes each, of a day."""
LEAST_S = 60.0
"""A slice is no shorter: quotas and windows are told by the minute."""
LEAST_COUNT = 40.0
"""Requests of a mean slice: with fewer, a curve is noise."""
WITHIN_S = 10.0
"""Unevenness is measured over so long, as windows of a minute feel it."""
BURSTY, EVEN = 10.0, 0.05
"""The coefficients of variation that a scenario may have."""
ALIKE = 3.0
"""A priority whose share of a slice is within so many standard deviations has a constant share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Requests of one priority, or of all.

    Attributes:
        rate: mean, a second.
        steps: second and multiple of the mean rate of every slice.
        cv: of the gaps.
        cv_known: standard error of it, as a share.
        requests: how many came.
    """

    rate: float
    steps: tuple[tuple[float, float], ...]
    cv: float
    cv_known: float
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What came.

    Attributes:
        slice_s: length of a slice.
        shared: arrivals of all priorities whose share is constant.
        shares: of these, by priority.
        own: arrivals of the others.
        mistakes: by priority, share that failed by its callers' mistakes.
    """

    slice_s: float
    shared: Curve
    shares: dict[str, float]
    own: dict[str, Curve]
    mistakes: dict[str, float]


def fitted_traffic(columns: Columns, tick_s: float) -> Traffic:
    """The traffic of a journal that holds some."""
    counts = columns.spread(columns.offered)
    size = _slice_ticks(counts.sum(), columns.ticks, tick_s)
    totals = counts.sum(axis=0)
    asked = [place for place in range(3) if totals[place]]
    most = max(asked, key=lambda place: totals[place])
    own = [place for place in asked if place != most and _moves(counts, place, most, size)]
    common = [place for place in asked if place not in own]
    whole = totals[common].sum()
    unjudged = columns.unjudged.sum(axis=0) if len(columns.unjudged) else np.zeros(3)
    return Traffic(
        slice_s=size * tick_s,
        shared=_curve(counts[:, common].sum(axis=1), size, tick_s),
        shares={PRIORITIES[place]: float(totals[place] / whole) for place in common},
        own={PRIORITIES[place]: _curve(counts[:, place], size, tick_s) for place in own},
        mistakes={
            PRIORITIES[place]: min(1.0, float(unjudged[place] / totals[place])) for place in asked
        },
    )


def _slice_ticks(requests: float, ticks: int, tick_s: float) -> int:
    """Ticks in a slice: whole minutes, so that quotas of a minute see what they saw."""
    length_s = ticks * tick_s
    least_s = max(LEAST_S, length_s / SLICES, LEAST_COUNT * length_s / requests)
    minutes = -(-least_s // 60.0)
    return max(1, round(minutes * 60.0 / tick_s))


def _sliced(counts: Column, size: int) -> Column:
    return np.add.reduceat(counts, np.arange(0, len(counts), size))


def _moves(counts: Column, place: int, most: int, size: int) -> bool:
    """Whether a priority's share, beside the most frequent one's, changes from slice to slice."""
    ours, whole = (
        _sliced(each, size) for each in (counts[:, place], counts[:, [place, most]].sum(axis=1))
    )
    share = ours.sum() / whole.sum()
    some = whole > 0
    spread = np.sqrt(whole[some] * share * (1.0 - share)) + 1e-9
    off = np.abs(ours[some] - whole[some] * share) / spread
    return bool(np.mean(off * off) > ALIKE)


def _curve(counts: Column, size: int, tick_s: float) -> Curve:
    slices = _sliced(counts, size)
    lengths = np.diff(np.append(np.arange(0, len(counts), size), len(counts)))
    if len(lengths) > 1 and lengths[-1] < size / 2:
        # A remainder says too little of itself: it goes with the slice before.
        slices[-2] += slices[-1]
        lengths[-2] += lengths[-1]
        slices, lengths = slices[:-1], lengths[:-1]
    requests = int(counts.sum())
    rate = requests / (len(counts) * tick_s)
    levels = slices / (lengths * tick_s) / rate
    begins = np.concatenate(([0], np.cumsum(lengths)[:-1])) * tick_s
    steps = [
        (float(begin), float(f"{level:.4g}"))
        for place, (begin, level) in enumerate(zip(begins, levels, strict=True))
        if place == 0 or level != levels[place - 1]
    ]
    cv, known = _unevenness(counts, size, tick_s)
    return Curve(rate=rate, steps=tuple(steps), cv=cv, cv_known=known, requests=requests)


def _unevenness(counts: Column, size: int, tick_s: float) -> tuple[float, float]:
    """CV of the gaps, from the dispersion of counts about their slice's mean.

    Of a renewal process the variance of a count over its mean goes to the squared CV of the gaps
    (Cox, "Renewal Theory", 1962, section 4.2).
    """
    width = max(1, round(WITHIN_S / tick_s))
    groups = max(2, size // width)
    squares = means = 0.0
    degrees = 0
    for begin in range(0, len(counts) - width * groups + 1, size):
        parts = counts[begin : begin + width * groups].reshape(groups, width).sum(axis=1)
        squares += float(((parts - parts.mean()) ** 2).sum())
        means += float(parts.mean()) * (groups - 1)
        degrees += groups - 1
    if not means:
        return 1.0, 1.0
    cv = (squares / means) ** 0.5
    return min(BURSTY, max(EVEN, cv)), (2.0 * degrees) ** -0.5 if degrees else 1.0
