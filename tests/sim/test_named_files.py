"""Files that a scenario names are the same ones wherever it is simulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import ScenarioError
from scenarios.schema import Scenario
from sim.workers.named_files import check_files, files_of, from_anywhere
from tests.sim.small_world import world


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """One that names a trace and a fault in Python beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trace.csv").write_text("a")
    (tmp_path / "fault.py").write_text("b")
    plain = world(faults=[{"kind": "process", "process": "fault.py:f", "at": 1, "for": 5}])
    arrivals = plain.workload.arrivals.model_copy(update={"trace": "trace.csv"})
    workload = plain.workload.model_copy(update={"arrivals": arrivals})
    return from_anywhere(plain.model_copy(update={"workload": workload}))


def test_its_paths_are_complete(scenario: Scenario, tmp_path: Path) -> None:
    """A worker stands in another directory."""
    assert list(files_of(scenario)) == [str(tmp_path / "trace.csv"), str(tmp_path / "fault.py")]
    assert scenario.faults[0].model_dump()["process"] == f"{tmp_path / 'fault.py'}:f"


def test_a_scenario_that_names_no_file_needs_none() -> None:
    """And stays as it is."""
    assert from_anywhere(world()) == world()
    assert files_of(world()) == {}


def test_the_same_file_is_in_order_and_a_changed_one_is_not(
    scenario: Scenario, tmp_path: Path
) -> None:
    """Though it is as long as before."""
    expected = files_of(scenario)
    check_files(expected)
    (tmp_path / "trace.csv").write_text("c")
    with pytest.raises(ScenarioError, match="is another file than on the machine") as caught:
        check_files(expected)
    assert caught.value.where == str(tmp_path / "trace.csv")


def test_a_missing_file_is_named_there_and_here(scenario: Scenario, tmp_path: Path) -> None:
    """Once a worker lacks it, once we do."""
    expected = files_of(scenario)
    (tmp_path / "fault.py").unlink()
    with pytest.raises(ScenarioError, match=r"on the worker .* this file cannot be read") as caught:
        check_files(expected)
    assert caught.value.where == str(tmp_path / "fault.py")
    with pytest.raises(ScenarioError, match=r"^\S*fault\.py: cannot be read"):
        files_of(scenario)
