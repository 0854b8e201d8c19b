"""The hard budget: money is reserved before a call starts and settled when it ends.

Counting after the fact lets every call in flight overshoot. Here a call first reserves its
worst case and gives back what it did not use, so that what was settled in any rolling
window never exceeds the limit (overshoot 0).

The arithmetic is functions over one flat row of whole numbers a limit, and not a class,
because the same functions run in plain Python and compiled inside the simulator's kernel.
A row is ``[limit, slice_ticks, slices, settled, reserved, current_slice, ring...]`` in
nano-dollars. The window is rolled in coarse slices, and one slice more than the window is
counted, so the rolling sum is never below the true one. For it, at most two slices' worth of
a budget is out of use: a thirtieth with 60 slices, a tenth where the window is ten ticks.
"""

from __future__ import annotations

from collections.abc import MutableSequence

__all__ = ["advance", "headroom", "new_row", "reserve", "settle"]

LIMIT, SLICE_TICKS, SLICES, SETTLED, RESERVED, CURRENT, RING = range(7)


def new_row(limit_nano_usd: int, window_ticks: int, slices: int = 60) -> list[int]:
    """A fresh row for a limit over a rolling window of ticks, in about so many slices."""
    slice_ticks = -(-window_ticks // max(1, min(slices, window_ticks)))
    # Whole ticks make slices longer than asked for; as many as cover the window are enough.
    slices = -(-window_ticks // slice_ticks)
    return [limit_nano_usd, slice_ticks, slices, 0, 0, 0, *([0] * (slices + 1))]


def advance(row: MutableSequence[int], tick: int) -> None:
    """Roll the window to a tick; a tick in the past changes nothing."""
    target = tick // row[SLICE_TICKS]
    ring = row[SLICES] + 1
    steps = target - row[CURRENT]
    if steps <= 0:
        return
    steps = min(steps, ring)
    for step in range(1, steps + 1):
        place = RING + (target - steps + step) % ring
        row[SETTLED] -= row[place]
        row[place] = 0
    row[CURRENT] = target


def headroom(row: MutableSequence[int]) -> int:
    """Nano-dollars that may still be reserved."""
    return row[LIMIT] - row[SETTLED] - row[RESERVED]


def reserve(row: MutableSequence[int], nano_usd: int) -> bool:
    """Hold money for a call that is about to start; False, and nothing held, if it won't fit."""
    if nano_usd > row[LIMIT] - row[SETTLED] - row[RESERVED]:
        return False
    row[RESERVED] += nano_usd
    return True


def settle(row: MutableSequence[int], reserved_nano_usd: int, actual_nano_usd: int) -> None:
    """Give back a reservation and book what the call really cost, at the tick rolled to."""
    row[RESERVED] -= reserved_nano_usd
    row[SETTLED] += actual_nano_usd
    row[RING + row[CURRENT] % (row[SLICES] + 1)] += actual_nano_usd
