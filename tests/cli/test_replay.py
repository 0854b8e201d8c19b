"""`open-balancer replay`: the same decisions, or where they differ."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from balancer.core.controller import Controller
from balancer.core.histogram import bucket_index
from balancer.core.journal import LONGEST_HEADER, JournalWriter
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from tests.cli.conftest import Command
from tests.core.builders import served, tick

QUICK_S, SLOW_S = 1.0, 20.0


def write_journal(path: Path, policy: Policy) -> None:
    """Four minutes in which a slow model takes the application to soft."""
    stream, controller = io.StringIO(), Controller(policy)
    writer = JournalWriter(stream, policy, {})
    for index in range(240):
        latency_s = SLOW_S if 60 <= index < 75 else QUICK_S
        seen = tick(index, served(latencies=[latency_s] * 10))
        writer.write(seen, controller.step(seen))
    path.write_text(stream.getvalue())


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal under the default policy."""
    path = tmp_path / "spell.jsonl"
    write_journal(path, default_policy())
    return path


def test_an_untouched_journal_is_reproduced(command: Command, journal: Path) -> None:
    """It says so, and exits with 0."""
    done = command("replay", journal)
    assert (done.exit_code, done.output) == (0, "240 decisions reproduced to the bit\n")


def test_a_changed_journal_is_told_where(command: Command, journal: Path) -> None:
    """What the controller saw was changed afterwards: it would not have left normal."""
    lines = journal.read_text().splitlines(keepends=True)
    slow, quick = (f"[{bucket_index(latency_s)},10]" for latency_s in (SLOW_S, QUICK_S))
    lines = [line.replace(slow, quick) for line in lines]
    journal.write_text("".join(lines))
    done = command("replay", journal)
    assert done.exit_code == 1
    assert "of 240 decisions came out differently:" in done.stdout
    assert "recorded soft (soft: latency_p95" in done.stdout


def test_another_policy_shows_where_it_would_have_decided_otherwise(
    command: Command, journal: Path, tmp_path: Path
) -> None:
    """And says what a replay cannot show."""
    (tmp_path / "lazy.yaml").write_text("name: lazy\nlaw: none\n")
    done = command("replay", journal, "--policy", "lazy.yaml")
    assert done.exit_code == 0
    assert done.stdout.startswith("policy lazy would have decided otherwise at ")
    assert "recorded soft" in done.stdout
    assert "now normal" in done.stdout
    assert "Its effect on the traffic is not simulated" in done.stdout


def test_the_same_policy_in_a_file_decides_the_same(
    command: Command, journal: Path, tmp_path: Path
) -> None:
    """Policy files and journals mean the same by a policy."""
    (tmp_path / "same.yaml").write_text("name: same\n")
    done = command("replay", journal, "--policy", "same.yaml")
    assert done.stdout.startswith("policy same would have decided the same at all 240 ticks")


def test_many_differences_are_cut_short(command: Command, tmp_path: Path) -> None:
    """A flapping policy would fill the terminal."""
    path = tmp_path / "flapping.jsonl"
    write_journal(path, default_policy())
    lines = path.read_text().splitlines(keepends=True)
    for place in range(1, len(lines), 2):
        lines[place] = lines[place].replace('"mode":"normal"}}', '"mode":"hard"}}')
    path.write_text("".join(lines))
    done = command("replay", path)
    listed = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(listed) == 21
    assert listed[-1].endswith(" more")


def test_a_torn_end_is_reported(command: Command, journal: Path) -> None:
    """On stderr, and what is whole is still compared."""
    journal.write_text(journal.read_text()[:-10])
    done = command("replay", journal)
    assert done.exit_code == 0
    assert done.stdout == "239 decisions reproduced to the bit\n"
    assert done.stderr.endswith("spell.jsonl:241: the last line is torn and was skipped\n")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file"),
        (b"", "no header"),
        (b"hello\n", ":1: not JSON"),
        (b"\xff\xfe\n", ":1: not UTF-8 text"),
        (b"\xff\xfe", ":1: not JSON"),
        (b"x" * (LONGEST_HEADER + 3), ":1: longer than 64,000,000 characters"),
    ],
    ids=["missing", "empty", "text", "binary", "binary without newline", "endless"],
)
def test_what_is_no_journal_exits_with_2(
    command: Command, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    """One message that names the file."""
    if content is not None:
        (tmp_path / "x.jsonl").write_bytes(content)
    done = command("replay", "x.jsonl")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: x.jsonl:")
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_directory_is_no_journal(command: Command, tmp_path: Path) -> None:
    """A report's directory given by mistake."""
    done = command("replay", tmp_path)
    assert done.exit_code == 2
    assert "found a directory, expected a journal" in done.stderr
