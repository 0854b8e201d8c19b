"""The scenario of the how-to guide is what the guide says it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.study.experiment import run_scenario

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-scenario.md"


@pytest.fixture
def scenario_file(tmp_path: Path) -> Path:
    """The scenario on the page."""
    path = tmp_path / "bad_afternoon.yaml"
    path.write_text(PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0])
    return path


def verdict(path: Path, overrides: list[str], replications: int) -> str:
    """The default policy's verdict; 23 replications are the least that pass every kind."""
    scenario = load(path, overrides).scenario
    return run_scenario(scenario, default_policy(), replications=replications, workers=1).verdict


def test_the_scenario_of_the_guide_passes(scenario_file: Path) -> None:
    """As it stands on the page."""
    assert verdict(scenario_file, [], 24) == "pass"


def test_the_scenario_of_the_guide_fails_when_it_is_made_harder(scenario_file: Path) -> None:
    """With the overrides the page gives."""
    overrides = re.findall(r"--set (\S+)", PAGE.read_text(encoding="utf-8"))
    assert len(overrides) == 2
    assert verdict(scenario_file, overrides, 2) == "fail"
