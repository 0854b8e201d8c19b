"""Value axes: limits, ticks, labels apart."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from reports.run.scales import limits, linear_ticks, log_ticks, spread


def test_limits_hold_every_finite_value() -> None:
    """NaN windows do not count, and zero stays in sight on a linear axis."""
    low, high = limits([math.nan, 3.0, 7.0], log=False)
    assert low < 0
    assert high > 7.0
    low, high = limits([0.0, math.nan, 3.0, 7.0], log=True)
    assert 0 < low < 3.0
    assert high > 7.0


@pytest.mark.parametrize("log", [True, False])
def test_limits_of_nothing_are_an_axis_all_the_same(log: bool) -> None:
    """No value at all still gives a range to draw."""
    low, high = limits([math.nan], log=log)
    assert low < high


def test_a_constant_gets_room_on_a_log_axis() -> None:
    """The one value does not fill the axis with its noise."""
    low, high = limits([2.0, 2.0], log=True)
    assert high / low >= 4


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.8, 12.0, [1.0, 2.0, 5.0, 10.0]),
        (0.01, 1000.0, [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]),
    ],
)
def test_log_ticks_are_round_and_never_crowded(low: float, high: float, ticks: list[float]) -> None:
    """1, 2, 5 while there is room, else the powers of ten."""
    assert log_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize("high", [0.05, 1.0, 7.3, 99.0, 123_456.0])
def test_linear_ticks_start_at_zero_and_are_few(high: float) -> None:
    """Between three and five, the last within the axis."""
    ticks = linear_ticks(high)
    assert ticks[0] == 0.0
    assert 2 <= len(ticks) <= 5
    assert ticks[-1] <= high * (1 + 1e-9)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], []),
        ([50.0], [50.0]),
        ([10.0, 40.0], [10.0, 40.0]),
        ([50.0, 50.0], [45.0, 55.0]),
        ([99.0, 100.0], [90.0, 100.0]),
        ([20.0, 20.0, 25.0], [11.666, 21.666, 31.666]),
    ],
)
def test_labels_that_would_overlap_are_pushed_apart(
    wanted: list[float], expected: list[float]
) -> None:
    """Each label stays as near to its line as the gap allows, and below the top."""
    assert spread(wanted, gap=10.0, top=100.0) == pytest.approx(expected, abs=0.01)


def test_pushed_labels_keep_their_gap() -> None:
    """However the ends meet, no two labels are nearer than the gap."""
    for crowd in ([0.0] * 5, [97.0, 98.0, 99.0], [1.0, 5.0, 40.0, 41.0, 60.0]):
        places = spread(crowd, gap=9.0, top=100.0)
        assert all(high - low >= 9.0 - 1e-9 for low, high in pairwise(places))
