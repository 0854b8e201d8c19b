"""The pages about the gate say what the gate does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from balancer.cli import app
from sim.study.margins import BETTER, DEFAULT_MARGINS, parse_margins
from sim.study.non_inferiority import UNSEEN
from sim.study.sequential import (
    LAST_LOOK,
    NOMINAL_FAIL_ERROR,
    NOMINAL_PASS_ERROR,
    Looks,
)

DOCS = Path(__file__).parents[2] / "docs"
WORKFLOWS = ("gate-in-github-actions.md", "gate-in-gitlab-ci.md")


def workflow(page: str) -> Any:
    """The workflow file of a page."""
    text = (DOCS / "how-to" / page).read_text(encoding="utf-8")
    (found,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return YAML(typ="safe").load(found)


def texts(value: Any) -> list[str]:
    """Every text in a document."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("page", WORKFLOWS)
def test_a_workflow_calls_commands_and_options_that_exist(page: str) -> None:
    """And gates with the default margins, written out so that they can be changed."""
    group: Any = get_command(app)
    gate = group.commands["gate"]
    known = {option for parameter in gate.params for option in parameter.opts}
    calls = [text for text in texts(workflow(page)) if "open-balancer gate" in text]
    assert len(calls) == 1
    assert set(re.findall(r"--[\w-]+", calls[0])) <= known
    assert f"--margin {DEFAULT_MARGINS}" in calls[0]


def test_a_github_workflow_has_what_a_pull_request_needs() -> None:
    """It starts on one, may comment on it, and fetches what it is compared with."""
    found = workflow(WORKFLOWS[0])
    # YAML 1.1 reads the key `on` as true; ours reads 1.2, as GitHub does.
    assert "pull_request" in found["on"]
    assert found["permissions"]["pull-requests"] == "write"
    (checkout,) = [s for s in found["jobs"]["gate"]["steps"] if "checkout" in s.get("uses", "")]
    assert checkout["with"]["fetch-depth"] == 0


def test_a_gitlab_job_reports_what_the_gate_writes() -> None:
    """JUnit, and the directory as an artifact whatever the verdict."""
    artifacts = workflow(WORKFLOWS[1])["policy-gate"]["artifacts"]
    assert artifacts["reports"]["junit"] == "balancer-gate/junit.xml"
    assert artifacts["when"] == "always"


def test_the_command_page_names_every_metric_that_may_have_a_margin() -> None:
    """By a name that the option understands."""
    text = (DOCS / "reference" / "command.md").read_text(encoding="utf-8")
    listed = text.split("A margin may be of ")[1].split(".\n")[0]
    names = re.findall(r"`(\w+)`", listed)
    amounts = {name: "$5" if name == "utility" else "5%" for name in names}
    found = {parse_margins(f"{name}={amount}")[0].metric for name, amount in amounts.items()}
    assert found == set(BETTER)


def test_the_explanation_gives_the_numbers_in_force() -> None:
    """Margins, looks, levels and what is added to the spread."""
    text = (DOCS / "explanation" / "gate.md").read_text(encoding="utf-8")
    assert f"`{DEFAULT_MARGINS}`" in text
    assert f"`--replications-max` ({LAST_LOOK})" in text
    assert len(Looks.up_to(LAST_LOOK, comparisons=1).at) == 7
    assert "There are seven" in text
    assert f"nominal error of {NOMINAL_PASS_ERROR:.1%}".replace("%", " %") in text
    assert f"of {NOMINAL_FAIL_ERROR:.1%} for a fail".replace("%", " %") in text
    assert UNSEEN == 1.5
    assert "one and a\nhalf margins are added" in text
