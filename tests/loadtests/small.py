"""Small scenarios for the tests of load tests."""

from __future__ import annotations

from typing import Any

from scenarios.schema import Scenario

__all__ = ["small_scenario"]


def small_scenario(**changes: Any) -> Scenario:
    """A minute of conversations, two a second."""
    values: dict[str, Any] = {
        "scenario": "small",
        "title": "A minute of conversations",
        "duration": 60,
        "warm_up": 0,
        "workload": {"arrivals": {"rate": 2}},
        **changes,
    }
    return Scenario.model_validate(values)
