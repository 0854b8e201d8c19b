"""The hard budget: what is reserved, settled, and given back as the window rolls."""

from __future__ import annotations

import pytest

from balancer.core.budget import RING, advance, headroom, new_row, reserve, settle


def test_a_fresh_row_has_all_its_limit() -> None:
    """Sixty slices and one more in a ring."""
    row = new_row(1000, 3600)
    assert headroom(row) == 1000
    assert len(row) == RING + 61


def test_what_fits_is_reserved() -> None:
    """The whole limit may be held at once, by one call or by many."""
    row = new_row(1000, 60)
    assert reserve(row, 600)
    assert reserve(row, 400)
    assert headroom(row) == 0


def test_what_does_not_fit_is_refused_and_holds_nothing() -> None:
    """A refusal leaves room for a smaller call."""
    row = new_row(1000, 60)
    assert not reserve(row, 1001)
    assert headroom(row) == 1000


def test_settling_gives_back_what_was_not_used() -> None:
    """600 held, 100 spent: 900 are left."""
    row = new_row(1000, 60)
    reserve(row, 600)
    settle(row, 600, 100)
    assert headroom(row) == 900


def test_settled_money_returns_when_its_slice_has_left_the_window() -> None:
    """Spent in tick 0 of a minute's window: still counted at 60, free at 61."""
    row = new_row(1000, 60)
    reserve(row, 1000)
    settle(row, 1000, 1000)
    advance(row, 60)
    assert headroom(row) == 0
    advance(row, 61)
    assert headroom(row) == 1000


def test_reserved_money_does_not_return_by_waiting() -> None:
    """A call that runs for hours holds its worst case for hours."""
    row = new_row(1000, 60)
    reserve(row, 400)
    advance(row, 100_000)
    assert headroom(row) == 600


def test_a_tick_in_the_past_changes_nothing() -> None:
    """Calls may settle in any order of their clocks."""
    row = new_row(1000, 60)
    advance(row, 50)
    reserve(row, 100)
    settle(row, 100, 100)
    before = list(row)
    advance(row, 10)
    assert row == before


def test_a_leap_longer_than_the_window_empties_it() -> None:
    """Every slice of the ring is cleared, once."""
    row = new_row(1000, 60)
    for at in range(60):
        advance(row, at)
        reserve(row, 10)
        settle(row, 10, 10)
    advance(row, 10_000)
    assert headroom(row) == 1000
    assert row[RING:] == [0] * 61


@pytest.mark.parametrize("window_ticks", [1, 7, 10, 59, 60, 61, 100, 119, 121, 3600, 86_400])
def test_the_ring_covers_the_window_and_hardly_more(window_ticks: int) -> None:
    """Money spent now is held for the window, and for at most two slices beyond it."""
    row = new_row(1000, window_ticks)
    _, slice_ticks, slices, *_ = row
    assert slices * slice_ticks >= window_ticks
    assert (slices + 1) * slice_ticks < window_ticks + 2 * slice_ticks
    assert slice_ticks <= max(1, window_ticks / 30)


def test_a_call_that_cost_more_than_its_worst_case_is_booked_in_full() -> None:
    """A wrong estimate is not hidden: no room is left until it has rolled out."""
    row = new_row(1000, 60)
    reserve(row, 500)
    settle(row, 500, 1500)
    assert headroom(row) == -500
    assert not reserve(row, 0)
