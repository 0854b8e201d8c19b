"""What a comparison says in short numbers."""

from __future__ import annotations

import math

import pytest

from balancer.records.interval import UNDEFINED, Interval
from reports.comparison.words import plus_minus


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.974, 1.0, "±0.026"),  # it ends with the metric's range
        (0.996, 1.01, "±0.010"),
        (0.99, 1.01, "±0.010"),
        (1.0, 1.0, ""),
        (math.nan, math.nan, ""),
        (-math.inf, 1.0, ""),
    ],
)
def test_the_farther_end_of_an_interval_is_told(low: float, high: float, said: str) -> None:
    """Half the width of one that is cut on one side would promise twice as much."""
    assert plus_minus(Interval(estimate=1.0, low=low, high=high), "1.000", "score") == said


def test_what_is_undefined_has_no_interval() -> None:
    """So nothing stands behind its dash."""
    assert plus_minus(UNDEFINED, "–", "score") == ""
