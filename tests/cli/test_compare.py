"""`open-balancer compare`: what it writes, prints and exits with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim.study.compare import LawComparison
from sim.study.compared_laws import RIVALS
from tests.cli.conftest import Command

SCENARIO = """\
scenario: tiny
title: Which law for two minutes?
duration: 2m
warm_up: 10s
replications: 2
workload:
  arrivals: {process: poisson, rate: 5}
expectations:
  - availability: {at_least: 50%}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A scenario that every law gets through."""
    path = tmp_path / "tiny.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.mark.slow
def test_all_laws_are_compared_and_written_down(
    command: Command, scenario: Path, tmp_path: Path
) -> None:
    """Each has a line in the table and an entry in the file."""
    done = command("compare", scenario, "--json", "again.json")
    assert (done.exit_code, done.stderr) == (0, "")
    written = (tmp_path / "balancer-reports" / "latest" / "comparison.json").read_text()
    record = json.loads(written)
    assert record["laws"] == list(RIVALS)
    for law in record["laws"]:
        assert any(line.startswith(f"{law} ") for line in done.stdout.splitlines())
    assert (tmp_path / "again.json").read_text() == written
    assert done.stdout.splitlines()[-1].startswith("report: balancer-reports/compare-")
    assert (tmp_path / "balancer-reports" / "latest" / "report.html").is_file()


@pytest.mark.slow
def test_the_file_says_how_to_compare_again(
    command: Command, scenario: Path, tmp_path: Path
) -> None:
    """With everything that was chosen."""
    policy = tmp_path / "mine.yaml"
    policy.write_text("name: mine\n")
    words = ["--laws", "none", "--policy", "mine.yaml", "--replications", "1", "--seed", "4"]
    command("compare", *words, "tiny.yaml", "--quiet")
    record = json.loads((tmp_path / "balancer-reports" / "latest" / "comparison.json").read_text())
    assert record["command"] == ["open-balancer", "compare", *words, "tiny.yaml"]
    (entry,) = record["scenarios"]
    assert (entry["policy"], entry["seed"], entry["replications"]) == ("mine", 4, 1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("tiny.yaml", "--laws", "laddder"), "unknown law 'laddder'"),
        (("tiny.yaml", "tiny.yaml"), "is named 'tiny', as tiny.yaml is"),
        (("tinny.yaml",), "tinny.yaml"),
        (("tiny.yaml", "--json", "nowhere/it.json"), "no directory that exists"),
        (("tiny.yaml", "--json", "."), "found a directory"),
        (("tiny.yaml", "--out", "tiny.yaml"), "is a file"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(
    command: Command, scenario: Path, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    """Exit code 2, and no directory."""
    done = command("compare", *arguments)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_an_interrupted_comparison_keeps_what_is_finished(
    command: Command, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readable, with what is missing; the exit code is that of an interruption."""
    (tmp_path / "other.yaml").write_text(SCENARIO.replace("tiny", "other"))
    whole = LawComparison.run

    def interrupted(self: LawComparison, **options: Any) -> None:
        def stop(done: int, _total: int) -> None:
            if done == 6:
                raise KeyboardInterrupt

        whole(self, **{**options, "workers": 1, "progress": stop})

    monkeypatch.setattr(LawComparison, "run", interrupted)
    done = command("compare", "tiny.yaml", "other.yaml", "--laws", "ladder,none")
    assert done.exit_code == 130
    assert "not finished: other" in done.stderr
    record = json.loads((tmp_path / "balancer-reports" / "latest" / "comparison.json").read_text())
    assert [each["scenario"] for each in record["scenarios"]] == ["tiny"]
    assert record["missing"] == ["other"]


def test_an_interruption_before_anything_is_finished_leaves_nothing(
    command: Command, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had not been called."""

    def interrupted(self: LawComparison, **_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LawComparison, "run", interrupted)
    assert command("compare", "tiny.yaml").exit_code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]
