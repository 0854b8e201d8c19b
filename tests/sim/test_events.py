"""The event list."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.events import pop, push
from sim.world import EVENT, STATE


@given(st.lists(st.one_of(st.floats(0, 3), st.sampled_from([1.0, 2.0]), st.none()), max_size=60))
def test_events_come_by_time_and_ties_in_the_order_they_were_made(
    script: list[float | None],
) -> None:
    """Under any mix of additions and removals (None)."""
    state, events = np.zeros(1, STATE), np.zeros(64, EVENT)
    expected: list[tuple[float, int]] = []
    for number, at_s in enumerate(script):
        if at_s is not None:
            push(state[0], events, at_s, 0, number, 0)
            expected.append((at_s, number))
        elif expected:
            expected.sort()
            assert (events[0]["at_s"], events[0]["slot"]) == expected.pop(0)
            pop(state[0], events)
    expected.sort()
    for at_s, number in expected:
        assert (events[0]["at_s"], events[0]["slot"]) == (at_s, number)
        pop(state[0], events)
    assert state[0]["events"] == 0
