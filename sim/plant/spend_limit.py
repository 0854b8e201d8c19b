"""A project's spend limit: what it was billed in a rolling window, all models together.

A bill falls due when the upstream is done with the call, so calls in flight can carry the
sum beyond the limit [assumed: nobody says when Google adds a call]. The window moves in
cells, 600 to a window, 1 s for ten minutes: a bill counts from up to a cell early to up to a
cell late.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..compiled import compiled

__all__ = ["SPENDING", "charge", "new_spending", "spend_wait_s"]

_CELLS = 600
_SOON = 1e-6

SPENDING = np.dtype(
    [
        ("limit_nano_usd", "i8"),  # negative: none
        ("window_s", "f8"),
        ("cell_s", "f8"),
        ("ahead_s", "f8"),  # no bill falls due later than so long after its call began
        ("cell", "i8"),
        ("spent_nano_usd", "i8"),  # in the window
    ],
    align=True,
)
"""A spend limit and what counts against it."""


def new_spending(
    limit_nano_usd: int, window_s: float, *, ahead_s: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """One record of `SPENDING`, and its cells: the window's and those that lie ahead.

    Args:
        limit_nano_usd: what may be spent in a window; negative: no limit.
        window_s: length of the window.
        ahead_s: longest time from a call to its bill.
    """
    spending = np.zeros(1, SPENDING)
    spending["limit_nano_usd"] = limit_nano_usd
    spending["window_s"] = window_s
    spending["cell_s"] = window_s / _CELLS
    spending["ahead_s"] = ahead_s
    ahead = math.ceil(ahead_s * _CELLS / window_s)
    size = 1 if limit_nano_usd < 0 else _CELLS + ahead + 4
    return spending, np.zeros(size, np.int64)


@compiled
def spend_wait_s(spending: Any, cells: Any, now_s: float, factor: float) -> float:
    """How long no call is granted, by what is billed so far: 0 below the limit.

    Args:
        spending: record of `SPENDING`.
        cells: nano-dollars by cell, the current one and those around it in a ring.
        now_s: time; must not go back.
        factor: what a fault leaves of the limit.
    """
    if spending.limit_nano_usd < 0:
        return 0.0
    now = int(now_s / spending.cell_s + _SOON)
    for passed in range(spending.cell + 1, now + 1):
        spending.spent_nano_usd += cells[passed % len(cells)]
        leaves = (passed - _CELLS - 1) % len(cells)
        spending.spent_nano_usd -= cells[leaves]
        cells[leaves] = 0
    spending.cell = max(spending.cell, now)
    over = spending.spent_nano_usd - spending.limit_nano_usd * factor
    if over < 0:
        return 0.0
    for counted in range(spending.cell - _CELLS, spending.cell + 1):
        over -= cells[counted % len(cells)]
        if over < 0:
            return float((counted + _CELLS + 1) * spending.cell_s - now_s)
    return float(_CELLS * spending.cell_s)


@compiled
def charge(spending: Any, cells: Any, due_s: float, now_s: float, nano_usd: int) -> None:
    """Put a bill where it falls due; `spend_wait_s` has brought the window up to now."""
    due_s = min(due_s, now_s + spending.ahead_s)
    cell = max(spending.cell, int(due_s / spending.cell_s + _SOON))
    cells[cell % len(cells)] += nano_usd
    if cell == spending.cell:
        spending.spent_nano_usd += nano_usd
