"""The event list."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.plant.events import DAYS, EVENT, LATER, chained, days_per_s, pop, push, turn_to
from sim.plant.world import STATE

ROOM = 64


class Lists(NamedTuple):
    """What the event list works on."""

    events: Any
    later: Any
    days: Any


def calendar(per_s: float) -> tuple[Any, Lists]:
    """An empty one."""
    state = np.zeros(1, STATE)
    state["days_per_s"], state["day_s"] = per_s, 1 / per_s
    later = np.zeros(ROOM, LATER)
    chained(later, 0, -1)
    return state[0], Lists(np.zeros(ROOM, EVENT), later, np.full(DAYS, -1, np.int32))


MOMENTS = st.one_of(
    st.floats(0, 3), st.sampled_from([1.0, 2.0, 2.0 + DAYS]), st.floats(0, 3 * DAYS)
)


@pytest.mark.slow
@given(st.lists(st.one_of(MOMENTS, st.none()), max_size=60), st.sampled_from([1.0, 8.0]))
def test_events_come_by_time_and_ties_in_the_order_they_were_made(
    script: list[float | None], per_s: float
) -> None:
    """Under any mix of additions and removals (None), within a round of days and beyond it."""
    state, lists = calendar(per_s)
    expected: list[tuple[float, int]] = []

    def removed() -> None:
        turn_to(state, lists, math.inf)
        expected.sort()
        assert (lists.events[0]["at_s"], lists.events[0]["slot"]) == expected.pop(0)
        pop(state, lists.events)

    for number, at_s in enumerate(script):
        if at_s is not None:
            push(state, lists, at_s, 0, number, 0)
            expected.append((at_s, number))
        elif expected:
            removed()
    while expected:
        removed()
    assert state["events"] == state["later"] == 0


def test_what_never_happens_takes_no_place() -> None:
    """A call that hangs for ever has no end to wait for."""
    state, lists = calendar(1.0)
    push(state, lists, math.inf, 0, 0, 0)
    assert state["events"] == state["later"] == 0


def test_a_day_that_begins_after_the_moment_is_left_alone() -> None:
    """And one that begins at it is not: what happens then comes first."""
    state, lists = calendar(1.0)
    push(state, lists, 7.5, 0, 0, 0)
    turn_to(state, lists, 6.9)
    assert (state["events"], state["later"]) == (0, 1)
    turn_to(state, lists, 7.0)
    assert (state["events"], state["later"]) == (1, 0)


def test_with_nothing_pending_the_calendar_leaps_to_the_moment() -> None:
    """Or an idle week would be turned through day by day."""
    state, lists = calendar(4.0)
    turn_to(state, lists, 1000.0)
    assert state["day"] == 4000
    turn_to(state, lists, math.inf)
    assert state["day"] == 4000


@pytest.mark.parametrize(
    ("per_s", "days"), [(0.0, 1.0), (0.01, 1.0), (4.0, 2.0), (500.0, 256.0), (1e9, 4096.0)]
)
def test_a_day_is_a_power_of_two_of_a_second_with_about_two_events(
    per_s: float, days: float
) -> None:
    """So that its bounds are exact; never longer than a second, nor shorter than a 4096th."""
    assert days_per_s(per_s) == days
