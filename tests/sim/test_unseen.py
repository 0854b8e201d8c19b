"""Intervals with room for what was not seen."""

from __future__ import annotations

import math

import pytest
from scipy.special import betaincinv

from sim.study.intervals import mean_interval
from sim.study.unseen import Room, honest_interval, replications_to_tell

SHARES = Room(reach=1.0, least=0.0, most=1.0)
ORDINARY = [9.8, 10.1, 10.4, 9.9, 10.0, 10.2, 9.7, 10.3, 10.0, 9.6]


@pytest.mark.parametrize("n", [2, 10, 24, 150])
def test_runs_that_agree_leave_the_share_that_they_may_have_missed(n: int) -> None:
    """One minus the tail's n-th root, of the way to where an unseen run may lie."""
    found = honest_interval([3.0] * n, Room(reach=8.0, least=0.0))
    missed = 1.0 - 0.025 ** (1.0 / n)
    assert found.estimate == 3.0
    assert found.high == pytest.approx(3.0 + 8.0 * missed, rel=0.02)
    assert found.low == pytest.approx(3.0 - 3.0 * missed, abs=0.06)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 24), (5, 24), (12, 24)])
def test_a_yes_or_no_has_clopper_and_pearsons_ends(hits: int, n: int) -> None:
    """Or Student's, where they are wider."""
    values = [1.0] * hits + [0.0] * (n - hits)
    found = honest_interval(values, SHARES)
    low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 0.975))
    student = mean_interval(values)
    assert found.high == pytest.approx(max(high, student.high), abs=0.006)
    assert found.low == pytest.approx(max(0.0, min(low, student.low)), abs=0.006)


def test_ordinary_values_have_hardly_more_than_students_interval() -> None:
    """Where no run of another kind is taken to exist."""
    student = mean_interval(ORDINARY)
    found = honest_interval(ORDINARY, Room(reach=0.0))
    assert found.low <= student.low and student.high <= found.high
    assert found.high - found.low < 1.15 * (student.high - student.low)


def test_skewed_values_reach_farther_on_their_long_side() -> None:
    """A longer tail is not seen to its end."""
    found = honest_interval([1.0] * 8 + [2.0, 6.0], Room(reach=0.0, least=0.0))
    assert found.high - found.estimate > 1.5 * (found.estimate - found.low)


def test_no_end_leaves_the_range() -> None:
    """Nor is it narrower than the values themselves."""
    found = honest_interval([0.9, *[1.0] * 9], Room(reach=0.5, least=0.0, most=1.0))
    assert found.high == 1.0
    assert 0.0 < found.low < 0.97


def test_rounding_is_added_on_both_sides() -> None:
    """Also where nothing differs."""
    found = honest_interval([3.0] * 10, Room(reach=0.0, rounding=0.02))
    assert (found.low, found.high) == (2.98, 3.02)


def test_what_cannot_differ_is_a_point() -> None:
    """To the bit."""
    found = honest_interval([0.1] * 10, Room(reach=0.0))
    assert (found.low, found.estimate, found.high) == (0.1, 0.1, 0.1)


def test_one_value_and_undefined_values_have_no_interval() -> None:
    """As with Student's."""
    assert math.isnan(honest_interval([1.0], SHARES).low)
    assert honest_interval([1.0], SHARES).estimate == 1.0
    assert math.isnan(honest_interval([1.0, math.nan], SHARES).estimate)
    assert math.isnan(honest_interval([], SHARES).estimate)


def test_many_values_are_judged_in_groups_and_still_by_their_rare_ones() -> None:
    """Three of 3,000: Clopper and Pearson's end, not the nearer one of Student."""
    values = [0.0] * 2997 + [1.0] * 3
    found = honest_interval(values, SHARES)
    assert found.high == pytest.approx(float(betaincinv(4, 2997, 0.975)), rel=0.05)
    assert found.high > mean_interval(values).high


def test_the_same_values_have_the_same_interval() -> None:
    """Though its ends are drawn."""
    assert honest_interval(ORDINARY, SHARES) == honest_interval(list(ORDINARY), SHARES)


@pytest.mark.parametrize(("bound", "side"), [(10.2, 1.0), (9.8, -1.0)])
def test_the_replications_that_tell_just_tell(bound: float, side: float) -> None:
    """With the sample repeated to that number; half of them do not."""
    room = Room(reach=1.0)
    needed = replications_to_tell(ORDINARY, bound, room)
    assert needed is not None and needed > 10
    enough = honest_interval((ORDINARY * 20)[: 10 * math.ceil(needed / 10)], room)
    half = honest_interval((ORDINARY * 20)[: needed // 2], room)
    assert side * (bound - (enough.high if side > 0 else enough.low)) > 0.0
    assert side * (bound - (half.high if side > 0 else half.low)) < 0.0


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, 2.0]])
def test_no_number_is_told_where_the_values_do_not_tell(values: list[float]) -> None:
    """No spread, an undefined value, or a mean on the bound."""
    assert replications_to_tell(values, 1.5, SHARES) is None


def test_a_bound_within_the_rounding_is_never_told() -> None:
    """More runs do not make the values finer."""
    assert replications_to_tell([3.0, 3.0], 3.01, Room(reach=0.0, rounding=0.02)) is None
