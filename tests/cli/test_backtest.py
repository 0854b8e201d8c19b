"""`open-balancer fit` and `open-balancer backtest`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from balancer.core.controller import Controller
from balancer.core.journal import JournalWriter
from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.backtesting.fidelity import TOLERANCES
from tests.cli.conftest import Command
from tests.core.builders import tick
from tests.fitting.worlds import lived

pytestmark = pytest.mark.slow

QUICK = "name: quick\nthresholds: {soft: {latency_p95: 12s, error_rate: 5%}}\nbaseline: null\n"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen minutes of a service, four of them with refusals."""
    return lived(
        tmp_path_factory.mktemp("journal"),
        "error_storm",
        "duration=15m",
        "faults.0.at=6m",
        "faults.0.for=4m",
        "expectations=[]",
    )


def test_a_fit_is_a_scenario_that_loads(command: Command, tmp_path: Path, journal: Path) -> None:
    """And the command says what was seen, and what is assumed."""
    done = command("fit", journal, "--out", "incident.yaml")
    assert done.exit_code == 0, done.output
    assert "seen: overloaded of " in done.output
    assert "assumed: quality is not told" in done.output
    scenario = load(tmp_path / "incident.yaml").scenario
    assert (scenario.scenario, scenario.duration) == ("incident", 900.0)
    assert "# - quality is not told" in (tmp_path / "incident.yaml").read_text()


def test_a_backtest_compares_candidates_with_what_was_live(
    command: Command, tmp_path: Path, journal: Path
) -> None:
    """The record has the live policy, static, and every candidate; the page says so."""
    (tmp_path / "quick.yaml").write_text(QUICK)
    arguments = ("--policy", "quick.yaml", "--replications", "2", "--workers", "1", "--out", "out")
    done = command("backtest", journal, *arguments)
    assert done.exit_code == 0, done.output
    assert "backtest: good fit" in done.output
    record = json.loads((tmp_path / "out" / "backtest.json").read_text())
    assert [arm["arm"] for arm in record["arms"]] == ["live", "static", "quick"]
    assert record["trustworthy"] is True
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Would quick have served these" in page
    assert load(tmp_path / "out" / "scenario.yaml").scenario.duration == 900.0
    assert command("backtest", journal, *arguments).exit_code == 0, "an earlier report is replaced"
    kept = tmp_path / "out" / "lived.policy.0.jsonl"
    kept.write_bytes(journal.read_bytes())
    refused = command("backtest", kept, *arguments)
    assert refused.exit_code == 2
    assert "is read here, and would be replaced" in refused.output
    assert kept.read_bytes() == journal.read_bytes()


def test_what_the_journal_never_saw_is_marked_and_swept(
    command: Command, tmp_path: Path, journal: Path
) -> None:
    """Soft was never entered: a candidate that goes there rests on assumptions."""
    (tmp_path / "eager.yaml").write_text(
        "name: eager\nlaw: always_soft\nbaseline: null\nthresholds: {soft: {latency_p95: 12s}}\n"
    )
    arguments = ("--policy", "eager.yaml", "--replications", "2", "--workers", "1", "--out", "out")
    done = command("backtest", journal, *arguments)
    assert "eager: assumed: " in " ".join(done.output.split())
    arm = json.loads((tmp_path / "out" / "backtest.json").read_text())["arms"][2]
    assert arm["assumed"]["share"] > 0.9
    quality = arm["assumed"]["bounds"]["quality"]
    assert quality["worse"] < arm["metrics"]["quality"]["estimate"] < quality["better"]


def test_a_poor_fit_exits_with_3(
    command: Command, tmp_path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and the report is there to see why."""
    nothing = {name: replace(each, most=0.0) for name, each in TOLERANCES.items()}
    monkeypatch.setattr("sim.backtesting.fidelity.TOLERANCES", nothing)
    (tmp_path / "quick.yaml").write_text(QUICK)
    arguments = ("--policy", "quick.yaml", "--replications", "2", "--workers", "1", "--out", "out")
    done = command("backtest", journal, *arguments)
    assert done.exit_code == 3, done.output
    assert "poor fit" in done.output.lower()
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("name", ["live", "static", "cheapest", "none"])
def test_a_name_that_stands_for_another_arm_is_refused(
    command: Command, tmp_path: Path, journal: Path, name: str
) -> None:
    """It would be run without its controller, and nobody would notice."""
    (tmp_path / "mine.yaml").write_text(QUICK.replace("quick", name))
    done = command("backtest", journal, "--policy", "mine.yaml", "--replications", "2")
    assert done.exit_code == 2
    assert f"a policy cannot be named {name!r} here; rename it" in done.stderr


def test_a_backtest_asks_for_its_cluster_first(
    command: Command, tmp_path: Path, journal: Path
) -> None:
    """Before a journal is read."""
    (tmp_path / "quick.yaml").write_text(QUICK)
    words = ("--policy", "quick.yaml", "--workers", "2", "--cluster", "tcp://h:1")
    done = command("backtest", journal, *words)
    assert done.exit_code == 2
    assert "give one of them" in done.stderr


def test_a_fit_named_by_its_day_is_a_name(command: Command, tmp_path: Path, journal: Path) -> None:
    """And no number."""
    (tmp_path / "2026-11-29.jsonl").write_bytes(journal.read_bytes())
    done = command("fit", "2026-11-29.jsonl", "--out", "2026-11-29.yaml")
    assert done.exit_code == 0, done.output
    assert load(tmp_path / "2026-11-29.yaml").scenario.scenario == "2026_11_29"


def refused(command: Command, tmp_path: Path, *journals: Path) -> str:
    """The one message of a fit that is refused, and leaves nothing."""
    done = command("fit", *journals, "--out", "fitted.yaml")
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert not (tmp_path / "fitted.yaml").exists()
    assert not list(tmp_path.glob(".*.partial"))
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("found", "put", "problem"),
    [
        ('"offered":[0,', '"offered":[0,-', "offered: found -"),
        ('"offered":[0,', '"offered":[0,NaN,0],"x":[0,', "NaN is no number"),
        ('"finished":', '"finishd":', "served: unknown key 'finishd'"),
        ('{"tick":40,', '{"tick":-40,', "tick: found -40, expected a whole number"),
        ('{"tick":40,', '{"tick":NaN,', "NaN is no number a journal may hold"),
        ('{"tick":40,', '{"tick":4,', "tick 4 comes after tick 39"),
        ('{"tick":40,', '{"tick:40,', "not JSON"),
    ],
)
def test_a_corrupted_line_is_named(
    command: Command, tmp_path: Path, journal: Path, found: str, put: str, problem: str
) -> None:
    """As the strict reader names it, though the lean one stumbled."""
    lines = journal.read_text().splitlines(keepends=True)
    place = next(
        number
        for number, line in enumerate(lines)
        if number > 40 and found in line and line.startswith('{"tick"')
    )
    lines[place] = lines[place].replace(found, put, 1)
    (tmp_path / "bad.jsonl").write_text("".join(lines))
    message = refused(command, tmp_path, tmp_path / "bad.jsonl")
    assert message.startswith(f"error: {tmp_path}/bad.jsonl:{place + 1}: ")
    assert problem in message


def test_another_version_is_refused(command: Command, tmp_path: Path, journal: Path) -> None:
    """With what to do about it."""
    (tmp_path / "old.jsonl").write_text(journal.read_text().replace('"journal":2', '"journal":1'))
    assert "the journal's format is 1; this version reads 2" in refused(
        command, tmp_path, tmp_path / "old.jsonl"
    )


def test_too_short_a_journal_is_refused(command: Command, tmp_path: Path, journal: Path) -> None:
    """A fit of a minute would say nothing."""
    (tmp_path / "short.jsonl").write_text("".join(journal.read_text().splitlines(True)[:90]))
    assert "too short: 89s with" in refused(command, tmp_path, tmp_path / "short.jsonl")


def test_a_journal_without_traffic_is_refused(command: Command, tmp_path: Path) -> None:
    """Nor would one of silence."""
    path = tmp_path / "silence.jsonl"
    controller = Controller(default_policy())
    with path.open("w") as stream:
        writer = JournalWriter(stream, controller.policy, {})
        for index in range(600):
            seen = tick(index)
            writer.write(seen, controller.step(seen))
    assert "holds no traffic" in refused(command, tmp_path, path)


def test_files_that_do_not_follow_each_other_are_refused(
    command: Command, tmp_path: Path, journal: Path
) -> None:
    """What is left out between them nobody knows."""
    assert "expected the files of one journal, oldest first" in refused(
        command, tmp_path, journal, journal
    )


def test_a_start_that_is_no_time_is_refused(
    command: Command, tmp_path: Path, journal: Path
) -> None:
    """Of a header's epoch."""
    text = journal.read_text().replace('"run":{', '"run":{"epoch":-5,', 1)
    (tmp_path / "early.jsonl").write_text(text)
    assert "run.epoch: found -5" in refused(command, tmp_path, tmp_path / "early.jsonl")


def test_a_policy_that_does_not_load_is_refused_before_anything_runs(
    command: Command, tmp_path: Path, journal: Path
) -> None:
    """One message, and no directory."""
    (tmp_path / "bad.yaml").write_text("name: bad\nlaw: nonsense\n")
    done = command("backtest", journal, "--policy", "bad.yaml", "--out", "out")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: bad.yaml")
    assert not (tmp_path / "out").exists()


def test_two_candidates_of_one_name_are_refused(
    command: Command, tmp_path: Path, journal: Path
) -> None:
    """Their rows could not be told apart."""
    (tmp_path / "quick.yaml").write_text(QUICK)
    policies = ("--policy", "quick.yaml", "--policy", "quick.yaml")
    done = command("backtest", journal, *policies, "--out", "out")
    assert (done.exit_code, (tmp_path / "out").exists()) == (2, False)
    assert "two policies are named 'quick'" in done.stderr


def test_a_torn_last_line_is_skipped_and_told(
    command: Command, tmp_path: Path, journal: Path
) -> None:
    """As a crash leaves it."""
    (tmp_path / "torn.jsonl").write_text(journal.read_text()[:-20])
    done = command("fit", tmp_path / "torn.jsonl", "--out", "fitted.yaml")
    assert done.exit_code == 0
    assert "the last line is torn and was skipped" in done.output
