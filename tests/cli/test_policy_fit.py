"""`open-balancer policy fit`, and `policy check --journal`."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.controller import Controller
from balancer.core.journal import JournalWriter
from balancer.policy_file import load_policy
from balancer.runtime.journal import JournalFiles
from tests.cli.conftest import Command
from tests.core.builders import make_policy
from tests.core.steady import steady

pytestmark = pytest.mark.slow

POLICY = "law: mildest\nbaseline: null\nthresholds:\n  soft: {latency_p95: 15s, error_rate: 5%}\n"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of calls whose P95 is 21.5 s, with nothing wrong."""
    path = tmp_path_factory.mktemp("journal") / "calls.jsonl"
    controller = Controller(make_policy(law="none"))
    with path.open("w") as stream:
        writer = JournalWriter(stream, controller.policy, {})
        for observations in steady(1.0, 1.1, median_s=8.0):
            writer.write(observations, controller.step(observations))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same traffic in the files of a live journal, oldest first."""
    journal = JournalFiles(
        tmp_path_factory.mktemp("live") / "calls.jsonl", max_bytes=300_000, keep=9
    )
    controller = Controller(make_policy(law="none"))
    writer = journal.begin(controller.policy, {}, None)
    for observations in steady(1.0, 1.1, median_s=8.0):
        if journal.put(writer, observations, controller.step(observations)):
            writer = journal.begin(controller.policy, {}, controller.state())
    journal.close()
    return [*journal.earlier(), journal.path]


def test_a_threshold_that_healthy_traffic_crosses_is_warned_about(
    command: Command, tmp_path: Path, slow: Path
) -> None:
    """It is still a valid policy."""
    (tmp_path / "mine.yaml").write_text(POLICY)
    done = command("policy", "check", "mine.yaml", "--journal", slow)
    assert done.exit_code == 0
    assert done.stderr == (
        "warning: latency_p95 is 21.8 s where nothing is wrong, the threshold of soft is 15 s; "
        "28 s would fit\n"
    )
    assert done.stdout.splitlines()[0] == "mine.yaml: a valid policy, law mildest, 2 rules"
    assert f"mine.yaml: does not fit {slow}, by 3," in done.stdout


def test_a_policy_is_fitted_and_then_fits(command: Command, tmp_path: Path, slow: Path) -> None:
    """What was changed is said, from what to what, and by how much evidence."""
    (tmp_path / "mine.yaml").write_text(POLICY)
    done = command("policy", "fit", slow, "--policy", "mine.yaml", "--out", "fitted.yaml")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"fitted to {slow}, by 3,")
    assert "calls of normal mode in 1.1 hours (13 of 13 stretches are ordinary)" in lines[0]
    assert lines[1:4] == [
        "  soft latency_p95: 15 s -> 28 s",
        "  soft error_rate: 5.0%, kept",
        "  baseline requests_per_s: 0.999",
    ]
    assert lines[-1] == "policy: fitted.yaml"
    assert load_policy(tmp_path / "fitted.yaml").rules[0].threshold == 28.0
    done = command("policy", "check", "fitted.yaml", "--journal", slow)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "fitted.yaml: fits" in done.stdout


def test_without_a_file_the_policy_is_printed_alone(command: Command, slow: Path) -> None:
    """The default policy, fitted; the rest goes to standard error."""
    done = command("policy", "fit", slow)
    assert done.exit_code == 0
    assert "soft: {latency_p95: 28s" in done.stdout
    assert "  baseline requests_per_s: 5.5 -> 0.999" in done.stderr


def test_files_of_a_journal_are_as_good_as_one(
    command: Command, slow: Path, files: list[Path]
) -> None:
    """Stretches go on from file to file; the current one, which is the last, names the workload."""
    assert len(files) > 2
    whole, parts = command("policy", "fit", slow), command("policy", "fit", *files)
    assert (parts.exit_code, parts.stdout) == (0, whole.stdout)
    evidence = parts.stderr.splitlines()[0]
    assert evidence.startswith(f"fitted to {files[0]} to {files[-1]}, by 3,")
    (files[0].parent / "fitted.yaml").write_text(parts.stdout)
    options = [word for path in files for word in ("--journal", path)]
    options += ["--date", "2026-06-01"]
    done = command("policy", "check", files[0].parent / "fitted.yaml", *options)
    assert (done.exit_code, done.stderr) == (0, "")


def test_files_that_do_not_follow_one_another_exit_with_2(
    command: Command, slow: Path, files: list[Path]
) -> None:
    """In another order, with one left out, or of another journal: file and tick are named."""
    first, second, third = files[:3]
    for given, problem in (
        ((second, first), f"{first}: begins afresh, and {second} ends at tick "),
        ((first, third), f"{third}: goes on from tick "),
        ((second, second), f"{second}: goes on from tick "),
        ((first, slow), f"{slow}: begins afresh, and {first} ends at tick "),
    ):
        done = command("policy", "fit", *given)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: {problem}")
        assert "expected the files of one journal, oldest first, and none left out" in done.stderr


def test_too_little_evidence_exits_with_2(command: Command, tmp_path: Path, slow: Path) -> None:
    """For both, with what is needed; a torn end is said as well."""
    short = tmp_path / "short.jsonl"
    short.write_text("".join(slow.read_text().splitlines(keepends=True)[:900]))
    (tmp_path / "mine.yaml").write_text(POLICY)
    for words in (("check", "mine.yaml", "--journal", short), ("fit", short)):
        done = command("policy", *words)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"error: {short}: too little evidence: ")


def test_a_torn_journal_is_read_up_to_its_end(command: Command, tmp_path: Path, slow: Path) -> None:
    """With a warning."""
    (tmp_path / "torn.jsonl").write_text(slow.read_text()[:-9])
    (tmp_path / "mine.yaml").write_text(POLICY.replace("15s", "28s"))
    done = command("policy", "check", "mine.yaml", "--journal", "torn.jsonl")
    assert done.exit_code == 0
    assert done.stderr.endswith("the last line is torn and was skipped\n")


def test_what_cannot_be_read_or_written_exits_with_2(
    command: Command, tmp_path: Path, slow: Path
) -> None:
    """A journal that is none, a place that is none, and a policy left unwise is warned about."""
    (tmp_path / "mine.yaml").write_text(POLICY)
    assert "no such file" in command("policy", "fit", "none.jsonl").stderr
    (tmp_path / "calls.csv").write_text("ts,in,out\n1,2,3\n")
    for words in (("fit", "calls.csv"), ("check", "mine.yaml", "--journal", "calls.csv")):
        said = command("policy", *words).stderr
        assert said.startswith("error: calls.csv:1: not JSON: ")
        assert said.endswith("; a CSV file? see open-balancer new --from\n")
    assert "mine.yaml:1: not JSON" in command("policy", "fit", "mine.yaml").stderr
    found = command("policy", "fit", slow, "--out", "nowhere/fitted.yaml")
    assert (found.exit_code, "in no directory" in found.stderr) == (2, True)
    text = slow.read_text()
    found = command("policy", "fit", slow, "--out", slow)
    assert (found.exit_code, "is read here" in found.stderr) == (2, True)
    assert slow.read_text() == text


def test_a_baseline_that_is_kept_is_said(command: Command, tmp_path: Path, slow: Path) -> None:
    """With the reason."""
    (tmp_path / "mine.yaml").write_text(POLICY)
    text = slow.read_text().replace('"output_tokens"', '"cached_tokens"')
    (tmp_path / "other.jsonl").write_text(text)
    done = command("policy", "fit", "other.jsonl", "--policy", "mine.yaml", "--out", "fitted.yaml")
    assert "  baseline: kept; the journal holds no tokens\n" in done.stdout
