"""Calls that went through and that no plan governs, by what they are of: counted apart."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ...core.histogram import Histogram, bucket_index
from ...runtime.calls import Passage

__all__ = ["Passed", "PassedCounts"]

_MINUTE_S = 60.0
_DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Calls of one kind in a stretch of time.

    Attributes:
        calls: how many.
        failures: of them, by kind.
        latency: of complete answers and timeouts; wall seconds.
        nano_usd: what they cost.
    """

    calls: int
    failures: dict[str, int]
    latency: Histogram
    nano_usd: int


@dataclass(slots=True)
class _Row:
    calls: int = 0
    nano_usd: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)


class PassedCounts:
    """Takes in every call; asked now and then, from any thread.

    Args:
        now_s: monotonic seconds.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._minutes: deque[tuple[int, dict[str, _Row]]] = deque(maxlen=_DAY_MINUTES)

    def add(self, passage: Passage) -> None:
        """Take in a call; on its caller's time."""
        minute = int(self._now_s() // _MINUTE_S)
        with self._lock:
            if not self._minutes or self._minutes[-1][0] != minute:
                self._minutes.append((minute, {}))
            row = self._minutes[-1][1].setdefault(passage.kind, _Row())
            row.calls += 1
            row.nano_usd += passage.nano_usd
            if passage.failure is not None:
                row.failures[passage.failure] += 1
            if passage.slow_or_whole:
                row.latency[bucket_index(passage.seconds)] += 1

    def last(self, seconds: float) -> dict[str, Passed]:
        """By kind, of the last so many wall seconds; to the end of the minute they began in."""
        oldest = (self._now_s() - seconds) // _MINUTE_S
        found: dict[str, _Row] = {}
        with self._lock:
            for minute, rows in self._minutes:
                if minute >= oldest:
                    for kind, row in rows.items():
                        _add(found.setdefault(kind, _Row()), row)
        return {kind: _passed(row) for kind, row in sorted(found.items())}


def _add(one: _Row, other: _Row) -> None:
    one.calls += other.calls
    one.nano_usd += other.nano_usd
    one.failures.update(other.failures)
    one.latency.update(other.latency)


def _passed(row: _Row) -> Passed:
    return Passed(
        calls=row.calls,
        failures=dict(row.failures),
        latency=Histogram.from_counts(row.latency),
        nano_usd=row.nano_usd,
    )
