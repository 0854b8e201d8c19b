"""`open-balancer run`: what it writes, prints and exits with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from balancer.core.policy import Policy
from scenarios.schema import Scenario
from sim.study import experiment
from tests.cli.conftest import Command
from tests.waiting import GIVE_UP_S, until

pytestmark = pytest.mark.slow

SCENARIO = """\
scenario: tiny
title: Does it hold for two minutes?
duration: 2m
warm_up: 10s
replications: 24
workload:
  arrivals: {process: poisson, rate: 5}
expectations:
  - never_above: normal
  - availability: {at_least: 50%}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A scenario that passes."""
    path = tmp_path / "tiny.yaml"
    path.write_text(SCENARIO)
    return path


def test_a_policy_that_holds_exits_with_0_and_leaves_a_report(
    command: Command, scenario: Path, tmp_path: Path
) -> None:
    """Report, verdict, the journals of all arms and what is drawn of them; nothing else."""
    done = command("run", scenario)
    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "balancer-reports" / "latest").iterdir()) == [
        "junit.xml",
        "report.html",
        "tiny.cheapest.0.jsonl",
        "tiny.none.0.jsonl",
        "tiny.policy.0.jsonl",
        "tiny.static.0.jsonl",
        "tiny.timeline.csv",
        "verdict.json",
    ]
    assert "report: balancer-reports/run-" in done.stdout


def test_a_doubtful_policy_is_told_of_before_anything_runs(
    command: Command, scenario: Path, tmp_path: Path
) -> None:
    """As `policy check` would, each once; `--quiet` prints nothing but errors."""
    (tmp_path / "mine.yaml").write_text("name: mine\nthresholds: {soft: {latency_p95: 500}}\n")
    words = ("run", scenario, "--policy", "mine.yaml", "--replications", "1")
    told = command(*words).stderr.splitlines()
    assert [line.split(":")[:2] for line in told] == [
        ["warning", " mine.yaml"],
        ["warning", " policy mine"],
    ]
    assert command(*words, "--quiet").stderr == ""


def test_the_table_says_what_was_expected_and_what_came_of_it(
    command: Command, scenario: Path
) -> None:
    """One line an expectation, with its verdict."""
    lines = command("run", scenario).stdout.splitlines()
    assert lines[:2] == ["tiny: pass", "policy default (law mildest), 24 replications, seed 1"]
    assert any("availability at least 50%" in line and "pass" in line for line in lines)


def test_an_interrupted_run_keeps_what_is_finished(
    command: Command, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readable, with what is missing, and without a journal of half a run."""
    later = tmp_path / "later.yaml"
    later.write_text(SCENARIO.replace("scenario: tiny", "scenario: later"))
    whole = experiment.run_scenario

    def interrupted(scenario: Scenario, policy: Policy, **options: Any) -> experiment.Result:
        if scenario.scenario == "later":
            (options["out"] / "later.policy.0.jsonl").write_text("half a li")
            raise KeyboardInterrupt
        return whole(scenario, policy, **options)

    monkeypatch.setattr(experiment, "run_scenario", interrupted)
    done = command("run", scenario, later, "--quiet")
    assert (done.exit_code, done.stderr) == (130, "not finished: later\ninterrupted\n")
    report = tmp_path / "balancer-reports" / "latest"
    assert [entry["scenario"] for entry in json.loads((report / "verdict.json").read_text())] == [
        "tiny"
    ]
    assert "not finished: later." in (report / "report.html").read_text()
    assert not list(report.glob("later*"))


def test_an_interruption_before_anything_is_finished_leaves_nothing(
    command: Command, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to read."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "run_scenario", interrupted)
    assert command("run", scenario).exit_code == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


def test_the_verdict_says_how_to_run_it_again(
    command: Command, scenario: Path, tmp_path: Path
) -> None:
    """With the file, the policy and every override, so that nothing needs to be remembered."""
    policy = tmp_path / "mine.yaml"
    policy.write_text("name: mine\n")
    override = "workload.arrivals.rate=4"
    command("run", "tiny.yaml", "--policy", "mine.yaml", "--set", override, "--quiet")
    (entry,) = json.loads((tmp_path / "balancer-reports" / "latest" / "verdict.json").read_text())
    assert entry["command"] == [
        *("open-balancer", "run", "tiny.yaml", "--policy", "mine.yaml", "--set", override),
        *("--seed", "1", "--replications", "24"),
    ]
    page = (tmp_path / "balancer-reports" / "latest" / "report.html").read_text()
    assert " ".join(entry["command"]) in page


def test_a_policy_that_fails_exits_with_1(command: Command, scenario: Path) -> None:
    """An expectation nobody could meet."""
    scenario.write_text(SCENARIO.replace("never_above: normal", "latency_p95: {at_most: 1ms}"))
    assert command("run", scenario, "--quiet").exit_code == 1


def test_one_replication_is_inconclusive_and_exits_with_3(command: Command, scenario: Path) -> None:
    """No interval is invented."""
    assert command("run", scenario, "--quiet", "--replications", "1").exit_code == 3


def test_a_failure_outweighs_what_is_inconclusive(
    command: Command, scenario: Path, tmp_path: Path
) -> None:
    """Of several scenarios the worst verdict counts; one violation fails a never."""
    override = "faults:\n  - {kind: override, mode: hard, at: 30s, for: 30s}\n"
    held = tmp_path / "held.yaml"
    held.write_text(SCENARIO.replace("scenario: tiny", "scenario: held") + override)
    done = command("run", scenario, held, "--quiet", "--replications", "1")
    verdicts = json.loads((tmp_path / "balancer-reports" / "latest" / "verdict.json").read_text())
    assert [(entry["scenario"], entry["verdict"]) for entry in verdicts] == [
        ("tiny", "inconclusive"),
        ("held", "fail"),
    ]
    assert done.exit_code == 1


def test_quiet_prints_nothing(command: Command, scenario: Path) -> None:
    """The exit code says it all."""
    assert command("run", scenario, "--quiet").output == ""


def test_json_is_the_verdict_again(command: Command, scenario: Path, tmp_path: Path) -> None:
    """A pipeline takes it from where it wants it."""
    command("run", scenario, "--quiet", "--json", "found.json", "--out", "out", "--seed", "7")
    found = (tmp_path / "found.json").read_text()
    assert found == (tmp_path / "out" / "verdict.json").read_text()
    assert json.loads(found)[0]["seed"] == 7


def test_a_policy_file_goes_before_the_default(
    command: Command, scenario: Path, tmp_path: Path
) -> None:
    """The verdict names the policy that was tried."""
    (tmp_path / "mine.yaml").write_text("name: mine\nlaw: threshold\n")
    command("run", scenario, "--quiet", "--policy", "mine.yaml")
    (found,) = json.loads((tmp_path / "balancer-reports" / "latest" / "verdict.json").read_text())
    assert (found["policy"], found["law"]) == ("mine", "threshold")


def test_what_was_set_is_what_is_run(command: Command, scenario: Path, tmp_path: Path) -> None:
    """`--set` changes any key."""
    command("run", scenario, "--quiet", "--set", "duration=3m", "--set", "title=Longer")
    (found,) = json.loads((tmp_path / "balancer-reports" / "latest" / "verdict.json").read_text())
    assert (found["duration_s"], found["title"]) == (180.0, "Longer")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.yaml"], "nowhere.yaml: no such file"),
        (["study"], "no scenario is called 'study' (did you mean 'steady'?)"),
        (
            ["tiny.yaml", "--set", "duratoin=3m"],
            "unknown key 'duratoin' (did you mean 'duration'?)",
        ),
        (["tiny.yaml", "--set", "duration=3lb"], "duration"),
        (["tiny.yaml", "--set", "duration=-3s"], "duration"),
        (["tiny.yaml", "--set", "workload.arrivals.rate=.nan"], "workload.arrivals.rate"),
        (["tiny.yaml", "--policy", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["tiny.yaml", "--json", "no/where.json"], "is in no directory that exists"),
        (["tiny.yaml", "--json", "./tiny.yaml"], "tiny.yaml: is read here; choose another name"),
        (["tiny.yaml", "--out", "tiny.yaml"], "is a file; expected a directory"),
        (["tiny.yaml", "--json", "."], "found a directory, expected a file"),
        (["tiny.yaml", "--out", "x" * 300], "cannot be used: File name too long"),
        (["tiny.yaml", "tiny.yaml"], "is named 'tiny', as tiny.yaml is"),
    ],
)
def test_bad_input_is_one_message_and_exits_with_2(
    command: Command, scenario: Path, tmp_path: Path, arguments: list[str], problem: str
) -> None:
    """No traceback, and no output directory left half-written."""
    done = command("run", *arguments)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


def test_a_mistake_in_the_last_scenario_does_not_cost_the_first(
    command: Command, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only the simulator knows to be wrong is found before anything runs, too."""
    monkeypatch.setattr("sim.study.experiment.run_scenario", lambda *_, **__: pytest.fail("it ran"))
    (tmp_path / "last.yaml").write_text(
        SCENARIO.replace("tiny", "last") + "  - reaches: {mode: soft, within: 1m, of: flood}\n"
    )
    done = command("run", scenario, "last.yaml")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: last.yaml:11: expectations.2: the scenario has no fault")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such terminals here")
def test_a_terminal_that_closes_leaves_nothing_half_written(scenario: Path) -> None:
    """As Ctrl-C does; the exit code is the signal's."""
    words = [sys.executable, "-m", "balancer.cli", "run", str(scenario)]
    with subprocess.Popen(
        [*words, "--replications", "100000", "--workers", "1"],
        cwd=scenario.parent,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs these tests may have told its children to outlive the terminal (nohup).
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
    ) as child:
        written = "balancer-reports/.run-*.partial/*.jsonl"
        until(lambda: list(scenario.parent.glob(written)) or child.poll() is not None)
        assert child.poll() is None, "it ended by itself"
        child.send_signal(signal.SIGHUP)
        assert child.wait(GIVE_UP_S) == 128 + signal.SIGHUP
    assert [path.name for path in scenario.parent.iterdir()] == ["tiny.yaml"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--replications", "0"],
        ["--replications", "many"],
        ["--replications", "10000000000000000000000"],
        ["--workers", "0"],
        ["--seed", "-1"],
        ["--colour"],
    ],
)
def test_a_bad_option_exits_with_2(
    command: Command, scenario: Path, tmp_path: Path, arguments: list[str]
) -> None:
    """Before anything is read or run."""
    assert command("run", scenario, *arguments).exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


def test_an_interrupt_exits_with_130_and_leaves_nothing(
    command: Command, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is no bug, so it has no traceback."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.study.experiment.run_scenario", interrupted)
    done = command("run", scenario)
    assert (done.exit_code, done.output) == (130, "interrupted\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


def test_without_arguments_the_main_scenario_runs(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what `make run` shows."""
    asked: list[str] = []

    def load(source: str, overrides: list[str]) -> None:
        asked.append(source)
        raise KeyboardInterrupt

    monkeypatch.setattr("scenarios.loader.load", load)
    command("run")
    assert asked == ["conversation_overload"]


def test_nothing_replaces_the_last_run(command: Command, scenario: Path, tmp_path: Path) -> None:
    """Each has a folder of its own beside the others, and `latest` leads to the newest."""
    for seed in ("1", "2"):
        options = ("--seed", seed, "--replications", "1", "--quiet")
        assert command("run", scenario, *options).exit_code in (0, 3)
    reports = tmp_path / "balancer-reports"
    folders = sorted(path for path in reports.iterdir() if not path.is_symlink())
    seeds = [json.loads((each / "verdict.json").read_text())[0]["seed"] for each in folders]
    assert sorted(seeds) == [1, 2]
    newest = json.loads((reports / "latest" / "verdict.json").read_text())
    assert newest[0]["seed"] == 2
    assert all((each / "tiny.policy.0.jsonl").is_file() for each in folders)
