"""The simulator reproduces queueing theory; `make prove` checks every queue."""

from __future__ import annotations

import pytest

from .table import QUICK, Queue

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("queue", [pytest.param(queue, id=queue.name) for queue in QUICK])
def test_the_simulator_agrees_with_theory(queue: Queue) -> None:
    """Within four standard errors, which are at most 2 % of the figure."""
    for row in queue.rows([queue.sample(k) for k in range(queue.replications)]):
        assert abs(row.z) <= 4.0, row
        assert row.precision <= 0.02, row
