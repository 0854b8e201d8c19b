"""Places in a histogram."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from balancer.core.histogram import MAX_INDEX, MIN_INDEX, bucket_index, edge_s
from sim.plant.buckets import place_of
from sim.plant.world import BUCKETS


@given(st.floats(0, 2e4) | st.floats(0, 1e300) | st.just(math.inf) | st.floats(-10, 0))
def test_a_duration_has_the_place_the_core_gives_it(duration_s: float) -> None:
    """Whatever it is, the ends of the range included."""
    assert place_of(duration_s) == bucket_index(min(duration_s, 1e6)) - MIN_INDEX


def test_every_edge_is_where_the_core_has_it_to_the_last_bit() -> None:
    """On both sides of each, and a little beyond."""
    for index in range(MIN_INDEX, MAX_INDEX + 2):
        near = edge_s(index)
        for _ in range(6):
            near = math.nextafter(near, 0.0)
        for _ in range(13):
            assert place_of(near) == bucket_index(near) - MIN_INDEX
            near = math.nextafter(near, math.inf)


def test_there_is_a_place_for_every_bucket() -> None:
    """From the first to the last."""
    assert (place_of(0.0), place_of(1e9)) == (0, BUCKETS - 1)
