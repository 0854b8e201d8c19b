"""Every call's duration, put back to the tick in which it began: faults strike calls at the start.

A journal tells when a call ended and, to 1 %, how long it took, so also when it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from balancer.core.observations import FAILURES

from .columns import Columns

__all__ = ["TIMEOUT", "Samples", "samples"]

Column = np.ndarray[Any, Any]

TIMEOUT = FAILURES.index("timeout")

NEAR = 0.03
"""A call that is called off takes its deadline, to within a bucket and a tick's worth of delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Durations of answers and timeouts.

    Attributes:
        begin: tick in which each began.
        cell: as in `Columns`.
        octave: binary logarithm of its seconds.
        count: how many were alike.
        late: whether it is a timeout.
        deadlines: seconds after which the calls of each cell are called off; NaN: none was.
    """

    begin: Column
    cell: Column
    octave: Column
    count: Column
    late: Column
    deadlines: tuple[float, ...]

    def of(self, chosen: Column) -> Samples:
        """Some of them."""
        return Samples(
            begin=self.begin[chosen],
            cell=self.cell[chosen],
            octave=self.octave[chosen],
            count=self.count[chosen],
            late=self.late[chosen],
            deadlines=self.deadlines,
        )


def samples(columns: Columns, tick_s: float, planned_s: tuple[float | None, ...]) -> Samples:
    """Durations of a journal's calls.

    A call that another one of its request went before counts from that one's start; where that
    was called off, it is left out, for it says nothing of how long the call took.

    Args:
        columns: of the journal.
        tick_s: length of a tick.
        planned_s: deadline of each mode, where the policy says one.
    """
    durations = columns.latency
    seconds = durations.seconds
    cell = columns.cell[durations.row]
    timeouts = columns.failures[durations.row, TIMEOUT]
    deadlines = tuple(
        _deadline(seconds[chosen], timeouts[chosen], planned_s[mode])
        for place, (mode, _) in enumerate(columns.cells)
        for chosen in [cell == place]
    )
    at = np.nan_to_num(np.array(deadlines), nan=np.inf)[cell]
    late = (timeouts > 0) & (seconds >= at * (1.0 - NEAR))
    kept = seconds <= at * (1.0 + NEAR)
    begin = columns.served_middle[durations.row] - seconds / tick_s
    found = Samples(
        begin=np.maximum(np.floor(begin), 0).astype(np.int64),
        cell=cell,
        octave=np.log2(seconds),
        count=durations.count,
        late=late,
        deadlines=deadlines,
    )
    return found.of(kept & (found.begin < columns.ticks))


def _deadline(seconds: Column, timeouts: Column, planned_s: float | None) -> float:
    """The plan's, or else the least duration that all timeouts together may have had."""
    if not timeouts.any():
        return float("nan") if planned_s is None else planned_s
    if planned_s is not None:
        return planned_s
    # The longest of a row are its timeouts; most have had no other call before them.
    longest = seconds[timeouts > 0]
    return float(np.quantile(longest, 0.5))
