"""`open-balancer gate`: what it writes, prints and exits with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.slow

SCENARIO = """\
scenario: tiny
title: Is it as good for three minutes?
duration: 3m
warm_up: 10s
workload:
  arrivals: {process: poisson, rate: 5}
faults:
  - {kind: latency, model: asked, factor: x4, at: 30s, for: 2m}
"""
IDLE = "name: idle\nlaw: none\n"
"""Waits the slow model out, which the default policy does not."""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A scenario, and a policy that is worse than the default in it."""
    (tmp_path / "tiny.yaml").write_text(SCENARIO)
    (tmp_path / "idle.yaml").write_text(IDLE)
    (tmp_path / "same.yaml").write_text("name: same\n")
    return tmp_path


def gated(folder: Path, name: str = "balancer-reports/latest") -> dict[str, Any]:
    """What was written."""
    found: dict[str, Any] = json.loads((folder / name / "gate.json").read_text())
    return found


def test_a_candidate_that_decides_alike_passes_with_0(command: Command, files: Path) -> None:
    """The default policy under another name; a report, and nothing else, is left."""
    done = command("gate", "tiny.yaml", "--candidate", "same.yaml", "--replications-max", "12")
    assert (done.exit_code, done.stderr) == (0, "")
    assert gated(files)["identical"] is True
    assert sorted(path.name for path in (files / "balancer-reports" / "latest").iterdir()) == [
        "gate.csv",
        "gate.json",
        "gate.md",
        "junit.xml",
        "report.html",
    ]


def test_policies_for_other_traffic_are_warned_of(command: Command, files: Path) -> None:
    """Dollars either way, multiples where they would act at rest; silent where asked to be."""
    baseline = (
        "baseline: {workload: mine, requests_per_s: 0.5, prompt_tokens: 1155, output_tokens: 211,\n"
        "  thinking_tokens: 1021, model: gemini-3.8-flash}\n"
    )
    (files / "mine.yaml").write_text(
        f"name: mine\n{baseline}thresholds: {{soft: {{token_cost_per_hour: $20}}}}\n"
    )
    (files / "multiple.yaml").write_text(
        f"name: multiple\n{baseline}thresholds: {{soft: {{token_cost_per_hour: x2}}}}\n"
    )
    words = ("--replications-max", "10", "--margin", "latency_p95=5%", "--baseline", "mine.yaml")
    gate = ("gate", "tiny.yaml", "--candidate", "multiple.yaml", *words)
    assert command(*gate).stderr.splitlines() == [
        "warning: policy mine is for 0.5 requests/s, scenario tiny has 5: its thresholds in "
        "dollars may not fit",
        "warning: policy multiple is for 0.5 requests/s, scenario tiny has 5: its thresholds on "
        "spending, multiples of the baseline's, may not fit",
    ]
    assert command(*gate, "--quiet").stderr == ""
    run = ("run", "tiny.yaml", "--replications", "1", "--set", "workload.arrivals.rate=0.1")
    assert "warning: policy mine is for 0.5 requests/s, scenario tiny has 0.1: " in (
        command(*run, "--policy", "mine.yaml").stderr
    )
    assert "requests/s, scenario" not in command(*run, "--policy", "multiple.yaml").stderr


def test_a_worse_candidate_fails_with_1_and_a_better_one_passes(
    command: Command, files: Path
) -> None:
    """The same two policies, once in each part."""
    options = ("--margin", "latency_p95=5%", "--replications-max", "10", "--quiet", "tiny.yaml")
    assert command("gate", "--candidate", "idle.yaml", *options).exit_code == 1
    better = ("--baseline", "idle.yaml", "--candidate", "same.yaml", "--out", "better")
    done = command("gate", *better, *options)
    assert (done.exit_code, done.output) == (0, "")
    assert gated(files, "better")["command"] == [
        *("open-balancer", "gate", "--candidate", "same.yaml", "--baseline", "idle.yaml"),
        *("--margin", "latency_p95=5%", "--replications-max", "10", "tiny.yaml"),
    ]


def test_too_few_replications_are_inconclusive_with_3(command: Command, files: Path) -> None:
    """It says how many would do."""
    options = ("--margin", "latency_p95=25s", "--replications-max", "10", "--seed", "5")
    done = command("gate", "tiny.yaml", "--candidate", "idle.yaml", *options)
    assert done.exit_code == 3
    (scenario,) = gated(files)["scenarios"]
    assert scenario["seed"] == 5
    assert scenario["differences"][0]["replications_needed"] > 10


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--candidate", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["--candidate", "tiny.yaml"], "tiny.yaml"),
        (["--baseline", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["nowhere.yaml"], "nowhere.yaml: no such file"),
        (["study"], "no scenario is called 'study' (did you mean 'steady'?)"),
        (["tiny.yaml", "tiny.yaml"], "is named 'tiny', as tiny.yaml is"),
        (["--margin", "availabilty=1pp"], "did you mean 'availability'?"),
        (["--margin", "availability=0pp"], "expected more than 0"),
        (["--replications-max", "1000000"], "expected 10 to 100000"),
        (["--out", "tiny.yaml"], "is a file; expected a directory"),
    ],
)
def test_bad_input_is_one_message_and_exits_with_2(
    command: Command, files: Path, arguments: list[str], problem: str
) -> None:
    """No traceback, and no output directory left half-written."""
    before = sorted(files.iterdir())
    if "--candidate" not in arguments:
        arguments = ["--candidate", "same.yaml", *arguments]
    done = command("gate", *arguments)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize("arguments", [[], ["--candidate", "same.yaml", "--replications-max", "9"]])
def test_a_bad_option_exits_with_2(command: Command, files: Path, arguments: list[str]) -> None:
    """A candidate must be named; a few replications can agree by chance."""
    assert command("gate", "tiny.yaml", *arguments).exit_code == 2


def test_an_interrupt_leaves_what_is_finished(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A readable report that names what is missing, and exit code 130."""
    from sim.study.replications import replicate as real

    def interrupted(plans: Any, **more: Any) -> None:
        real(plans[:1], **more)
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.study.gate.replicate", interrupted)
    (files / "other.yaml").write_text(SCENARIO.replace("tiny", "other"))
    options = ("--candidate", "same.yaml", "--replications-max", "12")
    done = command("gate", "tiny.yaml", "other.yaml", *options)
    assert done.exit_code == 130
    assert done.stderr == "not finished: other\ninterrupted\n"
    found = gated(files)
    assert (found["verdict"], found["complete"], found["missing"]) == (
        "inconclusive",
        False,
        ["other"],
    )
    assert [scenario["scenario"] for scenario in found["scenarios"]] == ["tiny"]


def test_an_interrupt_before_anything_is_finished_leaves_nothing(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to read."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = sorted(files.iterdir())
    monkeypatch.setattr("sim.study.gate.replicate", interrupted)
    done = command("gate", "tiny.yaml", "--candidate", "same.yaml")
    assert (done.exit_code, done.output) == (130, "interrupted\n")
    assert sorted(files.iterdir()) == before


def test_without_scenarios_the_whole_library_is_gated(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every scenario that ships, once."""
    from scenarios.loader import library

    asked: list[str] = []

    def replicate(plans: Any, **_: object) -> None:
        asked.extend(plan.scenario.scenario for plan in plans)
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.study.gate.replicate", replicate)
    command("gate", "--candidate", "same.yaml")
    assert len(asked) == len(set(asked)) == len(library())


def test_an_interrupt_leaves_what_was_looked_at(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where no scenario is decided yet: ten pairs of runs of each are worth a report."""
    from sim.study.replications import replicate as real

    def interrupted(plans: Any, **more: Any) -> None:
        if plans[0].replications.start:
            raise KeyboardInterrupt
        real(plans, **more)

    monkeypatch.setattr("sim.study.gate.replicate", interrupted)
    options = ("--margin", "latency_p95=25s", "--replications-max", "40", "--seed", "5")
    done = command("gate", "tiny.yaml", "--candidate", "idle.yaml", *options)
    assert done.exit_code == 130
    found = gated(files)
    assert (found["verdict"], found["missing"]) == ("inconclusive", ["tiny"])
    (scenario,) = found["scenarios"]
    assert (scenario["verdict"], scenario["replications"]) == ("inconclusive", 10)


def test_each_finished_scenario_is_a_line_and_what_failed_comes_last(
    command: Command, files: Path
) -> None:
    """Off a terminal, too: a pipeline's log shows that it goes on."""
    (files / "calm.yaml").write_text(
        SCENARIO.replace("tiny", "calm").split("faults:")[0].replace("rate: 5", "rate: 1")
    )
    options = ("--margin", "latency_p95=5%", "--replications-max", "10")
    done = command("gate", "tiny.yaml", "calm.yaml", "--candidate", "idle.yaml", *options)
    lines = done.stdout.splitlines()
    told = sorted(line.split(" of 2 ")[1] for line in lines[:2])
    assert told == ["calm: inconclusive", "tiny: fail"]
    starts = [line.split()[0] for line in lines[2:] if line.startswith(("tiny ", "calm "))]
    assert starts == ["calm", "tiny"]
