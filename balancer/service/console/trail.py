"""The last hour as a line: one point a tick, each over the minute before it."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from ...core.decisions import Decision, tried
from ...core.histogram import Histogram
from ...core.observations import Observations
from ...core.pricing import NANO_USD

__all__ = ["COLUMNS", "Point", "Trail"]

_WINDOW_S = 60.0
_MOST_POINTS = 3600

Point = tuple[float | None, ...]
COLUMNS = (
    "at_ms", "mode", "latency_p95_s", "error_rate", "request_error_rate", "usd_per_hour",
    "requests_per_s", "in_flight", "waiting", "tried", "tried_share",
)  # fmt: skip
"""Of a point: Unix milliseconds, the mode's number, and figures; None is unknown. `tried` is
another mode that a share of the requests is served in beside it; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tick:
    ends_s: float
    seconds: float
    latency: dict[int, int]
    judged: int
    ill: int
    answered: int
    failed: int
    nano_usd: int
    offered: int
    admitted: tuple[int, ...]


class Trail:
    """Takes in every tick: adds it to the minute's sums and takes out what is older.

    A listener of the balancer; its work does not grow with the length of the window.

    Args:
        tick_s: asks for the length of a tick.
        now_s: Unix seconds.
    """

    def __init__(self, tick_s: Callable[[], float], now_s: Callable[[], float] = time.time) -> None:
        self._tick_s = tick_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._points: deque[Point] = deque(maxlen=_MOST_POINTS)
        self._ticks: deque[_Tick] = deque()
        self._latency: Counter[int] = Counter()

    def add(self, observations: Observations, decision: Decision) -> None:
        """Take in a tick; on the ticker."""
        tick = _tick(observations, self._tick_s())
        if self._ticks and tick.ends_s <= self._ticks[-1].ends_s:
            # Another tick length, or a clock that was set.
            self._ticks.clear()
            self._latency.clear()
        self._ticks.append(tick)
        self._latency.update(tick.latency)
        while self._ticks[0].ends_s <= tick.ends_s - _WINDOW_S:
            self._latency.subtract(self._ticks.popleft().latency)
        point = self._point(observations, decision)
        with self._lock:
            self._points.append(point)

    def _point(self, observations: Observations, decision: Decision) -> Point:
        self._latency = +self._latency
        p95 = Histogram.from_counts(self._latency).quantile(0.95)
        seconds = sum(tick.seconds for tick in self._ticks)
        judged = sum(tick.judged for tick in self._ticks)
        over = sum(tick.answered + tick.failed for tick in self._ticks)
        nano = sum(tick.nano_usd for tick in self._ticks)
        admitted = [sum(each) for each in zip(*(t.admitted for t in self._ticks), strict=True)]
        beside = tried(decision, admitted)
        return (
            math.floor(self._now_s() * 1000),
            int(decision.mode),
            None if math.isnan(p95) else round(p95, 4),
            _over(sum(tick.ill for tick in self._ticks), judged),
            _over(sum(tick.failed for tick in self._ticks), over),
            _over(nano / NANO_USD * 3600.0, seconds),
            _over(sum(tick.offered for tick in self._ticks), seconds),
            observations.in_flight,
            observations.waiting,
            None if beside is None else int(beside[0]),
            0.0 if beside is None else round(beside[1], 4),
        )

    def points(self, most: int = _MOST_POINTS) -> list[Point]:
        """All of them, the oldest first; evenly fewer where they are more than `most`."""
        with self._lock:
            found = list(self._points)
        step = math.ceil(len(found) / most) if found else 1
        return found[::-step][::-1]

    def newest(self) -> Point | None:
        """The last one; None before the first tick."""
        with self._lock:
            return self._points[-1] if self._points else None


def _tick(observations: Observations, tick_s: float) -> _Tick:
    served, requests = observations.served, observations.requests
    latency: Counter[int] = Counter()
    for entry in served:
        latency.update(entry.latency.counts())
    return _Tick(
        ends_s=(observations.tick + 1) * tick_s,
        seconds=observations.ticks * tick_s,
        latency=dict(latency),
        judged=sum(entry.judged for entry in served),
        ill=sum(entry.ill for entry in served),
        answered=sum(entry.answered.total for entry in requests),
        failed=sum(entry.failed.total for entry in requests),
        nano_usd=sum(entry.nano_usd for entry in served),
        offered=sum(observations.offered),
        admitted=observations.admitted,
    )


def _over(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole > 0 else None
