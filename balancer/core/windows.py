"""Sliding windows over ticks: any window, "since entry" included, is one subtraction.

The ledger keeps cumulative counts for each served mode, and for all modes together, in a
ring of ticks. What happened in a window is the difference of two rows; a window may start
at any tick the ring still holds. Ticks are counted when a window is first asked for: most laws
ask for one every tick, but one may live by the last tick alone.

What failed by another's fault than the upstream's (`balancer.core.observations.ILLNESSES`) is
left out of all counts of attempts and requests; what it cost is not. It is known only at its end,
so it is taken back then from what had started: over a short window that count may be negative.
"""

from __future__ import annotations

from collections import deque
from operator import add, sub

from .histogram import Histogram, merge
from .modes import MODES, Mode
from .observations import (
    FAILURES,
    ILLNESSES,
    NO_FAILURES,
    ModeObservations,
    Observations,
)

__all__ = [
    "ALL",
    "CUTS",
    "FAILED",
    "FINISHED",
    "FIRST_TOKENS",
    "NANO",
    "OFFERED",
    "QUOTA",
    "STARTED",
    "TIMED",
    "TOKENS",
    "Row",
    "Windows",
]

STARTED, FINISHED, FAILED, QUOTA, TOKENS, NANO, TIMED, FIRST_TOKENS = range(8)
"""Columns of a row."""
OFFERED = slice(8, 11)
"""Requests by priority that the upstream is to serve, in the row of all modes only."""
CUTS = OFFERED.stop
"""First column of the counts above cuts: latency cuts, then first-token cuts."""
ALL = len(MODES)
"""Row of all modes together, beside one for each `Mode`."""

Row = tuple[int, ...]

_NO_REQUESTS = (0,) * (CUTS - OFFERED.start)
_QUOTA_KINDS = (FAILURES.index("quota_minute"), FAILURES.index("quota_day"))


class Windows:
    """Counts of the last ticks.

    Args:
        length_ticks: the longest window that will be asked for.
        latency_ticks: the longest window whose whole latency histogram will be asked for.
        latency_cuts, ttft_cuts: ascending bucket edges to count samples above.
    """

    __slots__ = (
        "_latencies",
        "_latency_ticks",
        "_now",
        "_rings",
        "_size",
        "_uncounted",
        "_windows",
        "_zero",
        "latency_cuts",
        "tick",
        "ttft_cuts",
    )

    def __init__(
        self,
        length_ticks: int,
        latency_ticks: int,
        latency_cuts: tuple[int, ...],
        ttft_cuts: tuple[int, ...],
    ) -> None:
        self.tick = -1
        self.latency_cuts = latency_cuts
        self.ttft_cuts = ttft_cuts
        self._zero: Row = (0,) * (CUTS + len(latency_cuts) + len(ttft_cuts))
        self._size = length_ticks + 1
        self._rings: list[list[Row]] = [[self._zero] * self._size for _ in range(ALL + 1)]
        self._now: list[Row] = [self._zero] * (ALL + 1)
        # Several rules ask for the same window in the same tick.
        self._windows: dict[tuple[int, int], Row] = {}
        # The ring holds no more ticks than these.
        self._uncounted: deque[Observations] = deque(maxlen=self._size)
        self._latency_ticks = latency_ticks
        self._latencies: deque[tuple[int, Mode, Histogram]] = deque()

    def add(self, observations: Observations) -> None:
        """Take in the next tick; the index must be the last one's successor, or the first."""
        self.tick = observations.tick
        self._uncounted.append(observations)
        self._windows.clear()

    def _count(self) -> None:
        """Count the ticks that nobody has asked for yet."""
        uncounted = self._uncounted
        while uncounted:
            self._count_tick(uncounted.popleft())
        while self._latencies and self._latencies[0][0] <= self.tick - self._latency_ticks:
            self._latencies.popleft()

    def _count_tick(self, observations: Observations) -> None:
        tick = observations.tick
        now = self._now
        served = self._zero
        for entry in observations.served:
            row = self._increment(entry)
            now[entry.mode] = tuple(map(add, now[entry.mode], row))
            served = row if served is self._zero else tuple(map(add, served, row))
            if entry.latency:
                self._latencies.append((tick, entry.mode, entry.latency))
        demand = observations.demand
        if served is not self._zero or any(demand):
            everything = served[: OFFERED.start] + demand + served[CUTS:]
            now[ALL] = tuple(map(add, now[ALL], everything))
        place = tick % self._size
        for ring, row in zip(self._rings, now, strict=True):
            ring[place] = row

    def _increment(self, entry: ModeObservations) -> Row:
        failures = entry.failures
        unjudged = failed = quota = 0
        if failures is not NO_FAILURES:
            unjudged = sum(failures[ILLNESSES:])
            failed = sum(failures) - unjudged
            quota = failures[_QUOTA_KINDS[0]] + failures[_QUOTA_KINDS[1]]
        timed, slow = entry.latency.counted(self.latency_cuts)
        firsts, late = entry.ttft.counted(self.ttft_cuts) if self.ttft_cuts else (0, ())
        return (
            entry.started - unjudged,
            entry.finished - unjudged,
            failed,
            quota,
            entry.prompt_tokens + entry.output_tokens + entry.thinking_tokens,
            entry.nano_usd,
            timed,
            firsts,
            *_NO_REQUESTS,
            *slow,
            *late,
        )

    def since(self, row: int, tick: int) -> Row:
        """Counts of a row in the ticks after `tick`, the current one included.

        A tick that the ring no longer holds is taken as the oldest it does.
        """
        found = self._windows.get((row, tick))
        if found is None:
            self._count()
            oldest = self.tick - self._size + 1
            before = self._rings[row][max(tick, oldest) % self._size]
            found = self._windows[row, tick] = tuple(map(sub, self._now[row], before))
        return found

    def latency(self, row: int, tick: int) -> Histogram:
        """Latencies of a row in the ticks after `tick`, as one histogram."""
        self._count()
        return merge(
            histogram for at, mode, histogram in self._latencies if at > tick and row in (ALL, mode)
        )

    def state(self) -> dict[str, object]:
        """What the ring holds, as plain values; rows are given only where they change."""
        self._count()
        first = self.tick - self._size + 1
        changes = []
        for number, ring in enumerate(self._rings):
            base = before = ring[first % self._size]
            for tick in range(first + 1, self.tick + 1):
                row = ring[tick % self._size]
                if row is not before and row != before:
                    changes.append([number, tick, *map(sub, row, base)])
                    before = row
        return {
            "tick": self.tick,
            "latency_cuts": list(self.latency_cuts),
            "ttft_cuts": list(self.ttft_cuts),
            "rows": changes,
            "latencies": [
                [tick, int(mode), [n for pair in histogram.counts().items() for n in pair]]
                for tick, mode, histogram in self._latencies
            ],
        }

    def restore(self, tick: int, rows: list[list[int]], latencies: list[list[object]]) -> None:
        """Take back what `state` gave, of a ledger with the same cuts and any length."""
        self._windows.clear()
        self._uncounted.clear()
        self.tick = tick
        first = tick - self._size + 1
        changes = {(number, at): tuple(values) for number, at, *values in rows}
        # A longer ledger remembers more; what it counted before this one's first tick is a base.
        bases = {number: tuple(values) for number, at, *values in rows if at < first}
        for number, ring in enumerate(self._rings):
            row = bases.get(number, self._zero)
            for index in range(first, tick + 1):
                row = changes.get((number, index), row)
                ring[index % self._size] = row
            self._now[number] = row
        self._latencies.clear()
        for at, mode, flat in latencies:
            assert isinstance(at, int)
            assert isinstance(mode, int)
            assert isinstance(flat, list)
            counts = dict(zip(flat[::2], flat[1::2], strict=True))
            self._latencies.append((at, MODES[mode], Histogram.from_counts(counts)))
