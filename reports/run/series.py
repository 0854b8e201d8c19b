"""From a journal to what a timeline draws: a few hundred windows instead of every tick.

A second of traffic is noisy and a day of seconds is too much to draw, so ticks are summed
into windows of equal length. A percentile of a window is taken from the window's merged
histogram, never averaged from the ticks' percentiles, and the same way for every arm.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from balancer.core.decisions import Decision
from balancer.core.histogram import Histogram
from balancer.core.modes import MODES, Mode
from balancer.core.observations import Observations
from balancer.core.pricing import NANO_USD

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
        time_s: middle of each window; the fields below have one value for each of them.
        latency_p50_s, latency_p95_s: of complete answers and timeouts, by the time of their
            outcome; NaN in a window without any.
        error_rate: failed over finished attempts, 0..1; NaN where none finished.
        cost_usd_per_hour: settled cost, scaled to an hour.
        offered_per_s, answered_per_s, shed_per_s: requests offered (callers' mistakes are not)
            and shed, and attempts that ended in an answer.
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


class _Window:
    """Sums over the ticks of one window."""

    __slots__ = ("failed", "finished", "latency", "nano_usd", "offered", "shed")

    def __init__(self) -> None:
        self.finished = 0
        self.failed = 0
        self.nano_usd = 0
        self.offered = 0
        self.shed = 0
        self.latency: Counter[int] = Counter()

    def add(self, observations: Observations) -> None:
        # A mistake of a caller is no demand that anybody failed to meet.
        self.offered += sum(observations.demand)
        self.shed += sum(observations.shed)
        for entry in observations.served:
            self.finished += entry.judged
            self.failed += entry.ill
            self.nano_usd += entry.nano_usd
            if entry.latency:
                self.latency.update(entry.latency.counts())


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
    most_points: int = MOST_POINTS,
) -> Series:
    """Sum a journal's ticks into windows.

    What the run settled after its horizon, while draining, is left out: nobody asked
    anything then, so rates of that time mean nothing.

    Args:
        ticks: observations and decisions in growing order of tick.
        tick_s: length of a tick.
        duration_s: horizon of the run.
        most_points: most windows.
    """
    window_s = window_length_s(duration_s, tick_s, most_points)
    windows = [_Window() for _ in range(max(1, math.ceil(duration_s / window_s - 1e-9)))]
    modes, probes = _Spans(Mode.NORMAL), _Spans(None)
    for observations, decision in ticks:
        at_s = observations.tick * tick_s
        if at_s >= duration_s:
            break
        windows[min(int(at_s / window_s + 1e-9), len(windows) - 1)].add(observations)
        holds_from_s = min(at_s + tick_s, duration_s)
        modes.turn(holds_from_s, decision.mode)
        probes.turn(holds_from_s, _probed(decision))
    return _series(windows, window_s, duration_s, modes.end(duration_s), probes.end(duration_s))


def mode_spans(changes: Iterable[tuple[float, Mode]], duration_s: float) -> tuple[ModeSpan, ...]:
    """Stretches of a mode, from the seconds at which each began to govern new requests.

    A journal's ticks are those of the observations; where these reached the controller late,
    its decisions held later than the tick after, and only the run itself knows when.

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


def _series(
    windows: list[_Window],
    window_s: float,
    duration_s: float,
    modes: tuple[ModeSpan, ...],
    probes: tuple[ModeSpan, ...],
) -> Series:
    starts_s = [place * window_s for place in range(len(windows))]
    lengths_s = [min(window_s, duration_s - start_s) for start_s in starts_s]
    latencies = [Histogram.from_counts(window.latency) for window in windows]
    per_s = list(zip(windows, lengths_s, strict=True))
    return Series(
        window_s=window_s,
        time_s=tuple(s + length / 2 for s, length in zip(starts_s, lengths_s, strict=True)),
        latency_p50_s=tuple(latency.quantile(0.50) for latency in latencies),
        latency_p95_s=tuple(latency.quantile(0.95) for latency in latencies),
        error_rate=tuple(w.failed / w.finished if w.finished else math.nan for w in windows),
        cost_usd_per_hour=tuple(w.nano_usd / NANO_USD / length * 3600 for w, length in per_s),
        offered_per_s=tuple(max(0, w.offered) / length for w, length in per_s),
        answered_per_s=tuple((w.finished - w.failed) / length for w, length in per_s),
        shed_per_s=tuple(w.shed / length for w, length in per_s),
        modes=modes,
        probes=probes,
    )
