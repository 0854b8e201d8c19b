"""What is found wrong with scenarios before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import ScenarioError, TraceError
from scenarios.schema import Scenario
from sim.study.soundness import check_scenarios


def world(**keys: object) -> Scenario:
    """A scenario with some keys."""
    return Scenario.model_validate({"scenario": "world", "title": "Is it sound?", **keys})


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"expectations": [{"reaches": {"mode": "soft", "within": "1m", "of": "flood"}}]},
            "mine.yaml: expectations.0: the scenario has no fault",
        ),
        (
            {"faults": [{"kind": "hang", "at": "10m", "for": "1m", "name": "x"}] * 2},
            "mine.yaml: faults.1: 'x' is the name of faults.0 too",
        ),
        (
            {"faults": [{"kind": "process", "process": "no.py:f", "at": "10m", "for": "1m"}]},
            "mine.yaml: faults.0.process: there is no file no.py",
        ),
        (
            {"duration": 14_400, "workload": {"arrivals": {"rate": 100_000}}},
            "mine.yaml: workload.arrivals: 1,440,000,000 requests are more than",
        ),
        (
            {
                "duration": 14_400,
                "workload": {
                    "classes": [
                        {"name": "people"},
                        {"name": "batch", "arrivals": {"rate": 100_000}},
                    ]
                },
            },
            "mine.yaml: workload.arrivals: 1,440,000,000 requests are more than",
        ),
    ],
)
def test_what_cannot_be_run_is_said_with_its_file(keys: dict[str, object], said: str) -> None:
    """Where the schema sees nothing wrong."""
    with pytest.raises(ScenarioError) as error:
        check_scenarios([world(), world(**keys)], ["other.yaml", "mine.yaml"])
    assert str(error.value).startswith(said)


def test_a_trace_that_cannot_be_read_is_said_with_its_own_line(tmp_path: Path) -> None:
    """Not with the scenario's."""
    trace = tmp_path / "trace.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2\n")
    arrivals = {"trace": str(trace), "format": "azure"}
    with pytest.raises(TraceError) as error:
        check_scenarios([world(workload={"arrivals": arrivals})], ["mine.yaml"])
    assert str(error.value).startswith(f"{trace}:2: ")


def test_a_trace_with_a_gap_instead_of_traffic_is_said_with_the_scenarios_file(
    tmp_path: Path,
) -> None:
    """The trace is as it should be; the window is wrong."""
    trace = tmp_path / "trace.csv"
    trace.write_text("Timestamp,Request tokens,Response tokens\n0,1,1\n1,1,1\n172800,1,1\n")
    arrivals = {"trace": str(trace), "format": "burstgpt"}
    with pytest.raises(ScenarioError) as error:
        check_scenarios([world(workload={"arrivals": arrivals})], ["mine.yaml"])
    assert str(error.value).startswith("mine.yaml: workload.arrivals: the trace has no request")
    assert "`start: 2d`" in str(error.value)


def test_files_of_two_scenarios_must_not_overwrite_each_other() -> None:
    """Names that differ may still make one file name."""
    with pytest.raises(ScenarioError, match=r"b.yaml: is named 'a b', as a.yaml is"):
        check_scenarios([world(scenario="a-b"), world(scenario="a b")], ["a.yaml", "b.yaml"])


def test_scenarios_that_can_be_run_pass() -> None:
    """Silently."""
    check_scenarios([world(), world(scenario="other")], ["a.yaml", "b.yaml"])
