"""Windows and ramps of faults."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.errors import ScenarioError
from scenarios.schema import Scenario
from sim.run.fault_windows import Window, check_faults, describe, fault_name, level, windows


def scenario(*faults: dict[str, Any], duration: float = 1000.0) -> Scenario:
    """A scenario with nothing but faults."""
    return Scenario.model_validate(
        {
            "scenario": "t",
            "title": "t",
            "duration": duration,
            "warm_up": 0,
            "faults": list(faults),
        }
    )


def test_a_fault_has_one_window() -> None:
    """From `at`, for its length."""
    (fault,) = scenario({"kind": "latency", "factor": 4, "at": 100, "for": 50}).faults
    assert windows(fault, 1000.0) == (Window(from_s=100.0, to_s=150.0),)


def test_a_repeating_fault_comes_again_until_the_horizon() -> None:
    """Every period, as long as the window starts before the end."""
    (fault,) = scenario(
        {"kind": "latency", "factor": 4, "at": 100, "for": 50, "repeat_every": 400}
    ).faults
    assert [window.from_s for window in windows(fault, 1000.0)] == [100.0, 500.0, 900.0]


def test_without_a_ramp_a_fault_is_fully_in_force_in_its_window_only() -> None:
    """The start belongs to it, the end does not."""
    window = Window(from_s=10.0, to_s=20.0)
    assert [level(window, 0.0, at_s) for at_s in (9.9, 10.0, 19.9, 20.0)] == [0.0, 1.0, 1.0, 0.0]


def test_a_ramp_rises_and_falls_inside_the_window() -> None:
    """Over its length at either end."""
    window = Window(from_s=0.0, to_s=100.0)
    assert [level(window, 20.0, at_s) for at_s in (5.0, 50.0, 90.0)] == [0.25, 1.0, 0.5]


def test_a_fault_without_a_name_is_called_by_its_kind_and_place() -> None:
    """So that expectations can refer to it."""
    (fault,) = scenario({"kind": "latency", "factor": 4, "at": 1, "for": 1}).faults
    assert fault_name(fault, 0) == "latency 1"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (
            {"kind": "latency", "factor": 4, "model": "gemini-2.5-flash"},
            "latency of gemini-2.5-flash ×4",
        ),
        ({"kind": "latency", "add": "2s"}, "latency of all models +2 s"),
        ({"kind": "hang", "share": "30%"}, "calls to all models hang, 30 % of calls"),
        ({"kind": "error", "share": 0.4}, "calls to all models fail: overloaded, 40 % of calls"),
        (
            {"kind": "error", "error": "internal", "share": "3%", "deterministic": True},
            "calls to all models fail: internal, 3 % of requests, at every attempt",
        ),
        ({"kind": "quota", "factor": 0.5}, "quota of all models ×0.5"),
        (
            {"kind": "thinking", "factor": 8, "ignores_budget": True},
            "thinking of all models ×8, past its budget",
        ),
        ({"kind": "delay", "by": "30s"}, "observations arrive 30 s late"),
        ({"kind": "loss", "share": "10%"}, "10 % of ticks lose their observations"),
        ({"kind": "alert", "mode": "hard"}, "an external alert asks for hard, 60 s late"),
        ({"kind": "override", "mode": "soft"}, "an operator holds soft: scenario"),
        ({"kind": "memory", "level": "90%"}, "memory at 90 %"),
        ({"kind": "process", "process": "folder/a.py:f"}, "process a.py:f"),
    ],
)
def test_every_kind_of_fault_describes_itself(fault: dict[str, Any], text: str) -> None:
    """With its value and its probability."""
    (found,) = scenario({"at": 1, "for": 1, **fault}).faults
    assert describe(found) == text


def test_a_ramp_is_refused_where_there_is_nothing_to_ramp() -> None:
    """An alert is raised or not."""
    alert = {"kind": "alert", "mode": "soft", "at": 1, "for": 60, "ramp": 5}
    with pytest.raises(ScenarioError, match="alert has no ramp") as caught:
        check_faults(scenario(alert))
    assert caught.value.where == "faults.0.ramp"


def test_a_name_is_given_once() -> None:
    """Or an expectation could not say which fault it means."""
    twin = {"name": "storm", "kind": "hang", "at": 1, "for": 60}
    with pytest.raises(ScenarioError, match=r"name of faults\.0 too"):
        check_faults(scenario(twin, twin))
