"""From a journal to what a timeline draws: a few hundred windows instead of every tick.

A second of traffic is noisy and a day of seconds is too much to draw, so ticks are summed
into windows of equal length. A percentile of a window is taken from the window's merged
histogram, never averaged from the ticks' percentiles, and the same way for every arm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from balancer.core.decisions import Decision
from balancer.core.modes import MODES, Mode
from balancer.core.observations import Observations

from .window import Window

__all__ = [
    "MOST_POINTS",
    "ModeSpan",
    "Series",
    "mode_spans",
    "series_of",
    "window_length_s",
]

MOST_POINTS = 240
"""Most windows in a series."""

NICE_WINDOWS_S = (
    1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 360, 600, 900, 1200, 1800, 3600, 7200, 14_400,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeSpan:
    """A stretch of time in one mode, in seconds from the start of the run."""

    from_s: float
    to_s: float
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What happened over time in one arm of a run, in windows of equal length.

    Attributes:
        window_s: length of a window.
        time_s: middle of each window; the fields below have one value for each of them, NaN
            where nearly nothing of it was seen.
        latency_p50_s, latency_p95_s: of complete answers and timeouts, by the time of their
            outcome; NaN in a window without any.
        error_rate: failed over finished attempts, 0..1; NaN where none finished.
        cost_usd_per_hour: settled cost, scaled to an hour.
        offered_per_s, answered_per_s, shed_per_s: requests offered (callers' mistakes are not)
            and shed, and attempts that ended in an answer. These and cost are of what was seen,
            and NaN too where nobody can tell how much that was (`reports.run.window`).
        modes: the modes the controller was in, in order.
        probes: when it was trying another mode beside the one in force, and which.
    """

    window_s: float
    time_s: tuple[float, ...]
    latency_p50_s: tuple[float, ...]
    latency_p95_s: tuple[float, ...]
    error_rate: tuple[float, ...]
    cost_usd_per_hour: tuple[float, ...]
    offered_per_s: tuple[float, ...]
    answered_per_s: tuple[float, ...]
    shed_per_s: tuple[float, ...]
    modes: tuple[ModeSpan, ...]
    probes: tuple[ModeSpan, ...]


class _Spans:
    """Joins per-tick states to stretches; None is a gap."""

    __slots__ = ("done", "since_s", "state")

    def __init__(self, state: Mode | None) -> None:
        self.done: list[ModeSpan] = []
        self.since_s = 0.0
        self.state = state

    def turn(self, at_s: float, state: Mode | None) -> None:
        if state == self.state:
            return
        if self.state is not None and at_s > self.since_s:
            self.done.append(ModeSpan(from_s=self.since_s, to_s=at_s, mode=self.state))
        self.since_s, self.state = at_s, state

    def end(self, at_s: float) -> tuple[ModeSpan, ...]:
        self.turn(at_s, None)
        return tuple(self.done)


def window_length_s(duration_s: float, tick_s: float, most_points: int = MOST_POINTS) -> float:
    """Shortest round length, a multiple of the tick, that needs at most so many windows."""
    needed_s = duration_s / most_points
    ticks = max(1, math.ceil(needed_s / tick_s - 1e-9))
    for nice_s in NICE_WINDOWS_S:
        share = nice_s / tick_s
        if nice_s >= needed_s and abs(share - round(share)) < 1e-9:
            return float(nice_s)
    return ticks * tick_s


def series_of(
    ticks: Iterable[tuple[Observations, Decision]],
    *,
    tick_s: float,
    duration_s: float,
    losses: Sequence[tuple[float, float]] = (),
    most_points: int = MOST_POINTS,
) -> Series:
    """Sum a journal's ticks into windows.

    What the run settled after its horizon, while draining, is left out: nobody asked
    anything then, so rates of that time mean nothing. What comes after the last tick was not seen:
    telemetry can be so late that the run ends before it.

    Args:
        ticks: observations and decisions in growing order of tick.
        tick_s: length of a tick.
        duration_s: horizon of the run.
        losses: from and to, in seconds: where observations may be lost as their tick ends.
        most_points: most windows.
    """
    window_s = window_length_s(duration_s, tick_s, most_points)
    starts_s = [
        place * window_s for place in range(max(1, math.ceil(duration_s / window_s - 1e-9)))
    ]
    windows = [Window(start_s, min(window_s, duration_s - start_s)) for start_s in starts_s]
    modes, probes = _Spans(Mode.NORMAL), _Spans(None)
    until_s, hair_s = 0.0, 1e-6 * tick_s
    for observations, decision in ticks:
        at_s = observations.tick * tick_s
        if at_s >= duration_s:
            until_s = duration_s
            break
        until_s = at_s + tick_s
        window = windows[min(int(at_s / window_s + 1e-9), len(windows) - 1)]
        if any(from_s - hair_s <= until_s <= to_s + hair_s for from_s, to_s in losses):
            window.add_lossy(observations, tick_s)
        else:
            window.add(observations)
        holds_from_s = min(until_s, duration_s)
        modes.turn(holds_from_s, decision.mode)
        probes.turn(holds_from_s, _probed(decision))
    for window in windows:
        window.end(until_s + hair_s)
    return Series(
        window_s=window_s,
        time_s=tuple(window.from_s + window.length_s / 2 for window in windows),
        latency_p50_s=tuple(window.quantile(0.50) for window in windows),
        latency_p95_s=tuple(window.quantile(0.95) for window in windows),
        error_rate=tuple(window.error_rate for window in windows),
        cost_usd_per_hour=tuple(window.cost_usd_per_hour for window in windows),
        offered_per_s=tuple(window.offered_per_s for window in windows),
        answered_per_s=tuple(window.answered_per_s for window in windows),
        shed_per_s=tuple(window.shed_per_s for window in windows),
        modes=modes.end(duration_s),
        probes=probes.end(duration_s),
    )


def mode_spans(changes: Iterable[tuple[float, Mode]], duration_s: float) -> tuple[ModeSpan, ...]:
    """Stretches of a mode, from the seconds at which each began to govern new requests.

    Args:
        changes: second and new mode, in order; the run starts in normal.
        duration_s: horizon of the run.
    """
    spans = _Spans(Mode.NORMAL)
    for at_s, mode in changes:
        spans.turn(min(at_s, duration_s), mode)
    return spans.end(duration_s)


def _probed(decision: Decision) -> Mode | None:
    """The other mode that a part of the traffic is served in, if any: the mildest."""
    for mode in MODES:
        if mode is not decision.mode and decision.mix[mode] > 0:
            return mode
    return None
