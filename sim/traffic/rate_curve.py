"""How fast requests come over time, as a curve whose integral can be inverted exactly.

A process of unit rate is stretched by it: the arrival that falls at u in unit time comes at
the t where the integral of the rate up to t is u (the time-change theorem for point
processes; Cinlar, "Introduction to Stochastic Processes", 1975, section 4.7). Gaps keep
their character, and a spike brings exactly its factor more requests.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from balancer.core.errors import ScenarioError
from scenarios.schema import Diurnal, PatternPart, Ramp, Spike, Step

__all__ = ["SEGMENT", "curve", "integral"]

SEGMENT = np.dtype(
    [
        ("from_s", "f8"),
        ("to_s", "f8"),
        ("rate", "f8"),  # at from_s
        ("slope", "f8"),  # its growth a second
        ("before", "f8"),  # integral of the rate up to from_s
    ]
)
"""A piece of the curve, on which the rate is linear."""

_PIECES_A_PERIOD = 360
_MOST_PIECES = 1_000_000


def curve(pattern: tuple[PatternPart, ...], rate: float, duration_s: float) -> np.ndarray[Any, Any]:
    """The rate over a run, as `SEGMENT` records in order.

    Steps and ramps move one level, which starts at 1: a step sets it, a ramp takes it from
    where it is to its factor. Spikes and diurnals multiply it. A diurnal is followed in 360
    straight pieces a period, at most 4e-5 of its amplitude off.

    Raises:
        ScenarioError: a diurnal so short that the curve would not fit in memory.
    """
    knots = _knots(pattern, duration_s)
    segments = np.zeros(len(knots) - 1, SEGMENT)
    starts, ends = knots[:-1], knots[1:]
    level = _Level(pattern)
    at_start = np.array([level.after(t) for t in starts.tolist()])
    at_end = np.array([level.before(t) for t in ends.tolist()])
    middle = (starts + ends) / 2
    for part in pattern:
        if isinstance(part, Spike):
            inside = (part.at <= middle) & (middle < part.at + part.duration)
            factor = np.where(inside, part.factor, 1.0)
            at_start, at_end = at_start * factor, at_end * factor
        elif isinstance(part, Diurnal):
            at_start = at_start * _wave(part, starts)
            at_end = at_end * _wave(part, ends)
    widths = ends - starts
    areas = rate * widths * (at_start + at_end) / 2
    segments["from_s"], segments["to_s"] = starts, ends
    segments["rate"] = rate * at_start
    segments["slope"] = rate * (at_end - at_start) / widths
    segments["before"][1:] = np.cumsum(areas)[:-1]
    return segments


def integral(segments: np.ndarray[Any, Any]) -> float:
    """Integral of the rate over the whole run: the expected number of requests."""
    last = segments[-1]
    width = float(last["to_s"] - last["from_s"])
    return float(last["before"] + width * (last["rate"] + last["slope"] * width / 2))


class _Level:
    """The level that steps and ramps move, just before and just after a moment."""

    def __init__(self, pattern: tuple[PatternPart, ...]) -> None:
        moves = sorted(
            (part for part in pattern if isinstance(part, Step | Ramp)), key=lambda part: part.at
        )
        self._moves: list[tuple[float, float, float, float]] = []
        for move in moves:
            base = self._at(move.at)
            over = move.over if isinstance(move, Ramp) else 0.0
            self._moves.append((move.at, over, base, move.factor))

    def _at(self, time_s: float, *, strictly: bool = False) -> float:
        for at, over, base, factor in reversed(self._moves):
            if at < time_s or (at == time_s and not strictly):
                share = min(1.0, (time_s - at) / over) if over else 1.0
                return base + (factor - base) * share
        return 1.0

    def after(self, time_s: float) -> float:
        return self._at(time_s)

    def before(self, time_s: float) -> float:
        return self._at(time_s, strictly=True)


def _wave(part: Diurnal, times_s: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    phase = 2 * math.pi * (times_s - part.peak_at) / part.period
    found: np.ndarray[Any, Any] = 1 + part.amplitude * np.cos(phase)
    return found


def _knots(pattern: tuple[PatternPart, ...], duration_s: float) -> np.ndarray[Any, Any]:
    knots = [np.array([0.0, duration_s])]
    for part in pattern:
        if isinstance(part, Step):
            knots.append(np.array([part.at]))
        elif isinstance(part, Ramp):
            knots.append(np.array([part.at, part.at + part.over]))
        elif isinstance(part, Spike):
            knots.append(np.array([part.at, part.at + part.duration]))
        else:
            width_s = part.period / _PIECES_A_PERIOD
            pieces = duration_s / width_s
            if pieces > _MOST_PIECES:
                raise ScenarioError(
                    f"a diurnal period of {part.period:g} s is too short for a scenario of "
                    f"{duration_s:g} s; lengthen the period",
                    where="workload.arrivals.pattern",
                )
            knots.append(np.arange(0.0, duration_s, width_s))
    joined = np.unique(np.concatenate(knots))
    return joined[joined <= duration_s]
