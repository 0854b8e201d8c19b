"""The simulator reproduces queueing theory; `make prove` checks every queue."""

from __future__ import annotations

import pytest

from .table import QUICK, Part

PARTS = [pytest.param(part, id=f"{part.func.__name__}-{part.args[0]:g}") for part in QUICK]


@pytest.mark.parametrize("part", PARTS)
def test_the_simulator_agrees_with_theory(part: Part) -> None:
    """Within four standard errors, which are at most 2 % of the figure."""
    for row in part():
        assert abs(row.z) <= 4.0, row
        assert row.precision <= 0.02, row
