"""What a live run is worth."""

from __future__ import annotations

import math

import pytest

from loadtests.overhead import Overhead
from loadtests.player import Lag
from loadtests.result import on_time


def cost(late_s: float) -> Overhead:
    """Of a run whose requests were sent so late."""
    lag = Lag(p50_s=late_s / 2, p95_s=late_s, max_s=2 * late_s)
    return Overhead(p50_s=0.01, p95_s=0.02, sent_late=lag, call_s=0.01)


@pytest.mark.parametrize(
    ("late_s", "verdict"),
    [
        ([0.02], "pass"),
        ([1.0], "pass"),
        ([1.1], "inconclusive"),
        ([0.1, 52.0, 0.1], "inconclusive"),
        ([math.nan], "inconclusive"),
        ([0.1, math.nan], "inconclusive"),
    ],
)
def test_traffic_that_came_late_proves_nothing(late_s: list[float], verdict: str) -> None:
    """One run of several is enough to spoil it; nothing that was sent is no proof either."""
    found = on_time([cost(each) for each in late_s], 1.0)
    assert found.verdict == verdict
    assert ("did not keep up" in found.note) == (verdict == "inconclusive")
