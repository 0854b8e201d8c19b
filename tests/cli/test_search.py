"""`open-balancer search`: what it writes, prints and exits with."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import find

from tests.cli.conftest import Command

QUIET = """\
scenario: night
title: Does the policy sleep through the night?
duration: 6m
warm_up: 1m
workload:
  arrivals: {rate: 0.03}
clients: {reasks: {share: 0%}}
"""
OPTIONS = ("--goal", "transitions > 0", "--scenario", "night.yaml", "--kind", "error")
FEW = ("--examples", "6", "--replications", "2")


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A quiet scenario, and two policies: one that judges by one call, one by sixty."""
    (tmp_path / "night.yaml").write_text(QUIET)
    (tmp_path / "hasty.yaml").write_text("name: hasty\nlaw: ladder\nladder: {min_samples: 1}\n")
    (tmp_path / "calm.yaml").write_text("name: calm\nlaw: ladder\nladder: {min_samples: 60}\n")
    return tmp_path


@pytest.mark.slow
def test_what_was_found_is_a_scenario_that_fails(command: Command, night: Path) -> None:
    """Run as it is, with the policy it names, it gives the verdict the search gave."""
    done = command("search", "hasty.yaml", *OPTIONS, *FEW, "--out", "sub")
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout.startswith("found: transitions > 0, the mildest of ")
    text = (night / "sub/found.yaml").read_text()
    assert text.startswith("# Found by open-balancer search: transitions > 0, with ")
    again = command("run", "sub/found.yaml")
    assert again.exit_code == 1
    assert "policy hasty" in again.stdout


def test_nothing_found_is_said_with_what_was_tried(command: Command, night: Path) -> None:
    """And no file is left."""
    done = command("search", "calm.yaml", *OPTIONS, *FEW)
    assert done.exit_code == 0
    assert done.stdout.startswith("nothing found: ")
    assert "at most 2 of error, 10s to 5m long" in done.stdout
    assert {path.name for path in night.iterdir()} == {"night.yaml", "hasty.yaml", "calm.yaml"}


def test_an_interrupt_leaves_what_was_found(
    command: Command, night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best so far is written and marked, and the exit code says it was cut short."""

    def cut_short(*args: object, **options: object) -> None:
        find(*args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.study.search.find", cut_short)
    done = command("search", "hasty.yaml", *OPTIONS, *FEW)
    assert done.exit_code == 130
    found = (night / "balancer-reports" / "latest" / "found.yaml").read_text()
    assert "it was interrupted" in " ".join(found.split("\n# "))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("none.yaml", *OPTIONS), "none.yaml: no such file"),
        (("hasty.yaml", *OPTIONS, "--kind", "flood"), "unknown kind of fault 'flood'"),
        (("hasty.yaml", *OPTIONS, "--out", "calm.yaml"), "calm.yaml: is no directory"),
        (("hasty.yaml", *OPTIONS, "--out", "taken"), "taken/found.yaml: is no earlier find"),
        (("hasty.yaml", "--goal", "speed < 9"), "unknown metric 'speed'"),
    ],
)
def test_bad_input_is_one_message(
    command: Command, night: Path, arguments: tuple[str, ...], problem: str
) -> None:
    """Before anything is simulated."""
    (night / "taken").mkdir()
    (night / "taken" / "found.yaml").write_text("mine")
    done = command("search", *arguments)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1
