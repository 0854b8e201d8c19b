"""Whole faults, from beginning to end."""

from __future__ import annotations

import pytest

from tests.core.ladder.climb import (
    FAULT,
    NORMAL,
    SOFT,
    loop,
)
from tests.core.loop import Health, during


@pytest.mark.parametrize(
    ("name", "health"),
    [
        ("latency", Health(latency_s=6.0)),
        ("errors", Health(failing=0.4)),
        ("hang", Health(hangs=True)),
        ("cost", Health(nano_usd=4_000_000)),
    ],
)
def test_a_fault_of_one_model_costs_two_transitions(name: str, health: Health) -> None:
    """Up within ten seconds, no flapping, and back in normal within 200 s of its end."""
    run = loop(during(FAULT, normal=health)).run(1500)
    assert run.path == [SOFT, NORMAL], name
    assert run.steps[0].tick - 100 < 10
    assert 0 < run.steps[1].tick - 700 < 200
