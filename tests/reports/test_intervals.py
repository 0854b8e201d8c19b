"""Where an interval and its bound are drawn."""

from __future__ import annotations

import math

import pytest

from reports.run.intervals import interval_plot


def test_places_keep_their_order_and_stay_inside() -> None:
    """The drawing has the interval's order and fits its line."""
    plot = interval_plot(0.95, 0.9, 0.99, 0.8, "higher")
    assert plot is not None
    assert 0 < plot.bound < plot.low < plot.estimate < plot.high < 100


@pytest.mark.parametrize(
    ("better", "allowed"), [("lower", "left"), ("higher", "right"), ("", "nowhere")]
)
def test_the_allowed_side_is_where_the_expectation_holds(better: str, allowed: str) -> None:
    """Below an upper bound, above a lower one."""
    plot = interval_plot(5.0, 4.0, 6.0, 5.5, better)
    assert plot is not None
    sides = {
        "left": (0.0, plot.bound),
        "right": (plot.bound, 100.0),
        "nowhere": (0.0, 0.0),
    }
    assert (plot.allowed_from, plot.allowed_to) == sides[allowed]


def test_one_replication_draws_its_estimate_only() -> None:
    """Without an interval there is a dot and no bar."""
    plot = interval_plot(5.0, math.nan, math.nan, 6.0, "lower")
    assert plot is not None
    assert plot.low == plot.high == plot.estimate


def test_no_estimate_or_no_bound_draws_nothing() -> None:
    """Never reached, or nothing to hold it against."""
    assert interval_plot(math.nan, 1.0, 2.0, 3.0, "lower") is None
    assert interval_plot(1.0, 1.0, 2.0, math.nan, "lower") is None


def test_all_at_one_place_is_drawn_in_the_middle() -> None:
    """An estimate on its bound, without spread, divides nothing by zero."""
    plot = interval_plot(0.0, 0.0, 0.0, 0.0, "lower")
    assert plot is not None
    assert plot.estimate == plot.bound == 50.0
