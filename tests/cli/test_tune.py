"""`open-balancer tune`: what it writes, prints and exits with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from balancer.policy_file import load_policy
from sim.tuning import asked, explanation, study, trials
from sim.tuning import tune as tunings
from tests.cli.conftest import Command
from tests.tuning.asking import BLIND, SLOW, SPACE

pytestmark = pytest.mark.slow


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario of a minute, a policy that is blind to it, a space; and a tuning of few runs."""
    for module in (asked, study, trials):
        monkeypatch.setattr(module, "BLOCKS", (2,))
    monkeypatch.setattr(tunings, "FRESH", 3)
    monkeypatch.setattr(explanation, "AROUND", 2)
    (tmp_path / "slow.yaml").write_text(SLOW.format(name="slow", factor=4))
    (tmp_path / "blind.yaml").write_text(BLIND)
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


ASKED = ("tune", "slow.yaml", "--policy", "blind.yaml", "--space", "space.yaml", "--trials", "12")
TUNING = "balancer-reports/tuning"


def record(folder: Path) -> dict[str, Any]:
    """What was written."""
    found: dict[str, Any] = json.loads((folder / TUNING / "tuning.json").read_text())
    return found


def test_a_front_is_written_ready_for_the_gate(command: Command, files: Path) -> None:
    """Policy files, a report, and the gate's command as the last line; then it goes on."""
    asked = (*ASKED, "--objective", "latency_p95", "--choose", "knee")
    done = command(*asked)
    assert done.exit_code == 0
    about = f"warning: {TUNING}/candidate.yaml: latency_p95 "
    assert all(line.startswith(about) for line in done.stderr.splitlines())
    out = files / TUNING
    assert sorted(path.name for path in out.iterdir()) == [
        "candidate.yaml",
        "front",
        "report.html",
        "study.jsonl",
        "tuning.csv",
        "tuning.json",
    ]
    first, *_, last = done.stdout.splitlines()
    assert first.startswith(
        "scenarios: 1 to tune on, 0 held out; 12 trials (whole dozens), at most "
    )
    assert "every interval is of 3 replications" in done.stdout
    assert last == (
        "next: open-balancer gate --candidate balancer-reports/tuning/candidate.yaml "
        "--baseline blind.yaml slow.yaml"
    )
    chosen = load_policy(out / "candidate.yaml")
    assert chosen == load_policy(out / "front" / "1.yaml")
    assert chosen.name == "blind-tuned-1"
    assert (out / "candidate.yaml").read_text().startswith("# Nobody waits so long.")
    before = record(files)
    again = command(*asked)
    assert "12 trials were taken from the study" in again.stdout
    assert record(files) == before


def test_what_policy_check_says_of_the_candidate_is_said(command: Command, files: Path) -> None:
    """In its words; and that nothing is wrong in any scenario, before it begins."""
    (files / "slow.yaml").write_text(SLOW.format(name="slow", factor=4).partition("faults:")[0])
    baseline = (
        "baseline: {workload: mine, requests_per_s: 5, prompt_tokens: 1155, output_tokens: 211,\n"
        "  thinking_tokens: 1021, latency_p95: 900s, model: gemini-3.8-flash}\n"
    )
    (files / "blind.yaml").write_text(BLIND + baseline)
    done = command(*ASKED, "--objective", "latency_p95", "--choose", "1")
    assert done.exit_code == 0
    assert done.stderr.startswith("warning: no scenario has a fault: ")
    candidate = f"{TUNING}/candidate.yaml"
    said = command("policy", "check", candidate).stderr
    assert "latency_p95 at rest on mine is 900 s, at or above the lowest entry threshold" in said
    expected = said.replace("warning: ", f"warning: {candidate}: ")
    assert done.stderr.endswith(expected)


def test_a_number_that_is_not_in_the_table_costs_nothing_but_the_choice(
    command: Command, files: Path
) -> None:
    """Everything else is written."""
    done = command(*ASKED, "--objective", "latency_p95", "--choose", "9", "--quiet")
    assert done.exit_code == 2
    assert "and none with the number 9; everything but candidate.yaml is written" in done.stderr
    assert record(files)["front"]
    assert not (files / TUNING / "candidate.yaml").exists()


def test_constraints_that_no_policy_keeps_exit_with_1(command: Command, files: Path) -> None:
    """The nearest trial is named."""
    done = command(*ASKED, "--constraint", "latency_p95 <= 100ms")
    assert done.exit_code == 1
    assert "note: nearest came trial" in done.stdout
    assert record(files)["front"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--objective", "costs"), "unknown metric 'costs'"),
        (("--constraint", "availability >= 101%"), "--constraint 'availability >= 101%'"),
        (("--sampler", "nsga3"), "did you mean 'nsga2'"),
        (("--time", "soon"), "--time: found 'soon', expected a duration"),
        (("--trials", "12", "--time", "10m"), "found --trials and --time, expected one of them"),
        (("--choose", "9" * 5000), "--choose: found '9999999999"),
        (("--choose", "best"), "--choose: found 'best', expected knee or a policy's number"),
        (("--holdout", "slow.yaml"), "--holdout: nothing is left to tune on"),
        (("--holdout", "latency_spikes"), "did you mean 'latency_spike'"),
        (("--policy", "none.yaml"), "none.yaml: no such file"),
        (("--space", "none.yaml"), "none.yaml: no such file"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(
    command: Command, files: Path, options: tuple[str, ...], words: str
) -> None:
    """Exit code 2, before anything runs."""
    done = command("tune", "slow.yaml", *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (files / TUNING).exists()


def test_an_interrupt_keeps_the_study(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, and the same command goes on."""

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    asked = (*ASKED, "--objective", "latency_p95", "--quiet")
    with monkeypatch.context() as patch:
        patch.setattr(tunings, "_judged", interrupted)
        done = command(*asked)
    assert done.exit_code == 130
    assert f"study kept: {TUNING}/study.jsonl; the same command goes on" in done.stderr
    assert [path.name for path in (files / TUNING).iterdir()] == ["study.jsonl"]
    assert command(*asked).exit_code == 0
    assert record(files)["trials"] > 0


def test_another_s_directory_is_left_alone(command: Command, files: Path) -> None:
    """What is in the way is named."""
    (files / TUNING).mkdir(parents=True)
    (files / TUNING / "notes.txt").write_text("mine")
    done = command(*ASKED)
    assert done.exit_code == 2
    assert "holds 'notes.txt'" in done.stderr
