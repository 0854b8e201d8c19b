"""Sums over the last so many ticks, for gauges that look back."""

from __future__ import annotations

from collections import deque
from operator import add, sub

__all__ = ["Rolling"]

Row = tuple[int, ...]


class Rolling:
    """Sums of rows of whole numbers over a rolling window, kept in slices.

    Args:
        window_ticks: how far back.
        slices: into how many parts; the window is at most one part longer than asked for.
    """

    __slots__ = ("_kept", "_slice_ticks", "_window_ticks", "total")

    def __init__(self, window_ticks: int, slices: int) -> None:
        self._window_ticks = window_ticks
        self._slice_ticks = max(1, window_ticks // slices)
        self._kept: deque[tuple[int, Row]] = deque()
        self.total: Row = ()

    def add(self, tick: int, row: Row) -> None:
        """Take in a tick; what has become too old leaves."""
        part = tick // self._slice_ticks
        if self._kept and self._kept[-1][0] == part:
            self._kept[-1] = (part, tuple(map(add, self._kept[-1][1], row)))
        else:
            self._kept.append((part, row))
        self.total = tuple(map(add, self.total, row)) if self.total else row
        oldest = (tick - self._window_ticks) // self._slice_ticks
        while self._kept[0][0] <= oldest:
            self.total = tuple(map(sub, self.total, self._kept.popleft()[1]))
