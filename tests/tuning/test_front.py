"""Who is on a front, a part of it, and its knee."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from sim.tuning.front import betters, knee, non_dominated, spread

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20)


@given(POINTS)
def test_nobody_on_the_front_is_bettered_and_everybody_else_is(
    points: list[tuple[int, int]],
) -> None:
    """By one on the front, or is as good as one."""
    front = non_dominated(points)
    for one, other in product(front, front):
        assert not betters(points[one], points[other])
    for place, point in enumerate(points):
        assert place in front or any(
            betters(points[one], point) or points[one] == point for one in front
        )


@given(POINTS, st.integers(2, 6))
def test_a_part_of_the_front_keeps_its_ends(points: list[tuple[int, int]], most: int) -> None:
    """The best of each objective is there, and no more than asked for."""
    front = [points[place] for place in non_dominated(points)]
    kept = [front[place] for place in spread(front, most)]
    assert len(kept) == min(most, len(front))
    for k in (0, 1):
        assert min(point[k] for point in kept) == min(point[k] for point in front)


def test_the_knee_is_farthest_from_the_line_between_the_extremes() -> None:
    """Whatever the objectives' scales are."""
    points = [(0.0, 1000.0), (1.0, 300.0), (2.0, 100.0), (6.0, 60.0), (10.0, 0.0)]
    assert knee(points) == 2
    assert knee([(x * 1e-6, y) for x, y in points]) == 2


def test_the_knee_is_nearest_to_the_best_of_all_by_manhattan_distance() -> None:
    """Of three objectives too: the first from the back is as far off as one and a half ranges."""
    corners = [(0.0, 10.0, 10.0), (10.0, 0.0, 10.0), (10.0, 10.0, 0.0)]
    assert knee([*corners, (5.0, 5.0, 5.0), (2.0, 7.0, 2.0)]) == 4
    assert knee([*corners, (4.0, 4.0, 4.0), (2.0, 7.0, 4.0)]) == 3


def test_of_one_objective_the_best_is_the_front_and_its_knee() -> None:
    """There is nothing to trade."""
    points = [(3.0,), (1.0,), (2.0,)]
    assert non_dominated(points) == [1]
    assert knee([(1.0,)]) == 0
