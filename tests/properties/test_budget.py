"""Laws of the hard budget, for any interleaving of calls."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.budget import RESERVED, SETTLED, advance, headroom, new_row, reserve, settle

LIMIT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that starts some ticks after the one before, and ends some ticks later."""

    gap: int
    lasts: int
    worst: int
    actual: int


calls = st.lists(
    st.builds(
        lambda gap, lasts, worst, share: Call(
            gap=gap, lasts=lasts, worst=worst, actual=int(worst * share)
        ),
        st.integers(0, 5),
        st.integers(0, 40),
        st.integers(1, LIMIT),
        st.floats(0.0, 1.0),
    ),
    max_size=120,
)
windows = st.integers(1, 200)


def serve(window: int, todo: list[Call]) -> tuple[list[int], list[tuple[int, int]]]:
    """Run calls against a budget: the row at the end, and what was settled at which tick."""
    row = new_row(LIMIT, window)
    in_flight: list[tuple[int, Call]] = []
    settled: list[tuple[int, int]] = []
    now = 0

    def end(until: int) -> None:
        for at, call in sorted(in_flight, key=lambda pair: pair[0]):
            if at <= until:
                in_flight.remove((at, call))
                advance(row, at)
                settle(row, call.worst, call.actual)
                settled.append((at, call.actual))

    for call in todo:
        now += call.gap
        end(now)
        advance(row, now)
        if reserve(row, call.worst):
            in_flight.append((now + call.lasts, call))
    end(now + 1000)
    return row, settled


@given(windows, calls)
def test_no_rolling_window_ever_exceeds_the_limit(window: int, todo: list[Call]) -> None:
    """True windows, tick by tick: a window of w ticks touches w + 1 of them."""
    _, settled = serve(window, todo)
    for end in {at for at, _ in settled}:
        assert sum(spent for at, spent in settled if end - window <= at <= end) <= LIMIT


@given(windows, calls)
def test_everything_reserved_is_given_back(window: int, todo: list[Call]) -> None:
    """When all calls have ended nothing is held, and after a window all is free again."""
    row, settled = serve(window, todo)
    assert row[RESERVED] == 0
    last = max((at for at, _ in settled), default=0)
    advance(row, last + 3 * window + 3)
    assert (row[SETTLED], headroom(row)) == (0, LIMIT)


@given(windows, calls)
def test_what_is_counted_is_never_below_the_true_spend(window: int, todo: list[Call]) -> None:
    """The coarse sum errs on the safe side only."""
    row, settled = serve(window, todo)
    if settled:
        end = max(at for at, _ in settled)
        assert row[SETTLED] >= sum(spent for at, spent in settled if end - window <= at)


@settings(max_examples=30)
@given(st.integers(10, 4000))
def test_nine_tenths_of_a_budget_are_usable_under_steady_load(window: int) -> None:
    """Calls of one unit, more than fit: what gets through in a window, after two of them."""
    per_tick = 7
    limit = per_tick * window // 2 + 10 * per_tick
    row = new_row(limit, window)
    spent: list[int] = []
    for at in range(5 * window if window < 500 else 3 * window):
        advance(row, at)
        here = 0
        while here < per_tick and reserve(row, 1):
            settle(row, 1, 1)
            here += 1
        spent.append(here)
    usable = sum(spent[-2 * window :]) / 2
    assert usable >= 0.9 * min(limit, per_tick * window)
    assert usable <= limit
