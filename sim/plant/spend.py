"""What was truly spent in a rolling window, tick by tick, to check a budget from outside.

A row is ``[limit, window_ticks, sum, this_tick, overshoot, ring...]`` in nano-dollars; the
ring holds one number a tick. Unlike the ledger's it knows nothing of reservations.
"""

from __future__ import annotations

from typing import Any

from ..compiled import compiled

__all__ = ["OVERSHOOT", "RING", "THIS_TICK", "close", "new_row"]

LIMIT, WINDOW_TICKS, SUM, THIS_TICK, OVERSHOOT, RING = range(6)


def new_row(limit_nano_usd: int, window_ticks: int) -> list[int]:
    """A fresh row."""
    return [limit_nano_usd, window_ticks, 0, 0, 0, *([0] * window_ticks)]


@compiled
def close(row: Any, tick: int) -> None:
    """Close a tick; ticks must come one by one."""
    place = RING + tick % row[WINDOW_TICKS]
    row[SUM] += row[THIS_TICK] - row[place]
    row[place] = row[THIS_TICK]
    row[THIS_TICK] = 0
    row[OVERSHOOT] = max(row[OVERSHOOT], row[SUM] - row[LIMIT])
