"""Output that is complete or not there."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from balancer.core.errors import InputError
from balancer.records.backtest import BACKTEST
from balancer.records.comparison import COMPARISON
from balancer.records.gate import GATE
from balancer.records.tuning import TUNING
from balancer.records.verdict import VERDICT
from reports.comparison.page import COMPARISON_DATA
from reports.gate.page import GATE_DATA, MARKDOWN
from reports.junit import JUNIT
from reports.run.page import REPORT
from reports.tuning.page import TUNING_DATA
from sim.run.result import ARMS
from sim.study.replications import journal_name
from sim.study.report_directory import is_ours, report_directory
from sim.tuning.policy_files import CHOSEN
from tests.sim.small_world import world


def test_the_directory_appears_when_all_went_well(tmp_path: Path) -> None:
    """With what was written into it, and nothing beside it."""
    out = tmp_path / "deep" / "report"
    with report_directory(out) as work:
        (work / "verdict.json").write_text("[]")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["verdict.json"]
    assert [path.name for path in out.parent.iterdir()] == ["report"]


def test_nothing_is_left_of_a_run_that_failed(tmp_path: Path) -> None:
    """Neither the directory nor what it was prepared in."""

    def interrupted() -> None:
        with report_directory(tmp_path / "report") as work:
            (work / "half.jsonl").write_text("{")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """No journal of the earlier run survives among the new ones."""
    out = tmp_path / "report"
    out.mkdir()
    (out / "verdict.json").write_text("[]")
    (out / "old.policy.0.jsonl").write_text("")
    with report_directory(out) as work:
        (work / "verdict.json").write_text("[1]")
    assert [path.name for path in out.iterdir()] == ["verdict.json"]
    assert (out / "verdict.json").read_text() == "[1]"


@pytest.mark.parametrize("kind", ["gate", "comparison"])
def test_gates_and_comparisons_are_replaced_like_runs(tmp_path: Path, kind: str) -> None:
    """Each is known by its JSON file, and its data are its own."""
    out = tmp_path / "report"
    out.mkdir()
    (out / f"{kind}.json").write_text("{}")
    (out / f"{kind}.csv").write_text("")
    with report_directory(out) as work:
        (work / "verdict.json").write_text("[]")
    assert [path.name for path in out.iterdir()] == ["verdict.json"]


def test_an_earlier_report_survives_a_run_that_failed(tmp_path: Path) -> None:
    """It is replaced at the end only."""
    out = tmp_path / "report"
    out.mkdir()
    (out / "verdict.json").write_text("[]")
    with pytest.raises(ValueError, match="broke"), report_directory(out):
        raise ValueError("broke")
    assert (out / "verdict.json").read_text() == "[]"


def test_an_empty_directory_may_be_filled(tmp_path: Path) -> None:
    """There is nothing in it to lose."""
    with report_directory(tmp_path) as work:
        (work / "verdict.json").write_text("[]")
    assert (tmp_path / "verdict.json").exists()


@pytest.mark.parametrize("name", ["notes.txt", "report.html", "thesis"])
def test_a_directory_that_is_no_report_is_left_alone(tmp_path: Path, name: str) -> None:
    """One strange file is enough, and so is a verdict that is missing."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match="no report of ours"), report_directory(tmp_path):
        pass
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "my_analysis.csv",
        "NOTES.md",
        "tuesday.jsonl",
        "chart.svg",
        "chart.png",
        "other.json",
        "junit-old.xml",
        "index.html",
        "steady.calls.0.jsonl",
    ],
)
def test_a_report_with_something_added_is_left_alone(tmp_path: Path, name: str) -> None:
    """What a user put there is not ours to delete."""
    (tmp_path / "verdict.json").write_text("[]")
    (tmp_path / "steady.timeline.csv").write_text("")
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=name), report_directory(tmp_path):
        pass


def test_every_file_of_a_report_may_be_replaced(tmp_path: Path) -> None:
    """By the names that those who write them use."""
    names = [
        *(each.file for each in (VERDICT, COMPARISON, GATE, TUNING, BACKTEST)),
        *(REPORT, JUNIT, GATE_DATA, MARKDOWN, COMPARISON_DATA, TUNING_DATA, CHOSEN),
        *(journal_name(world(scenario="Latency: spike"), arm, 12) for arm in ARMS),
        *("locust.html", "locust_stats.csv", "study.jsonl", "study.jsonl.lock", "scenario.yaml"),
        "latency_spike.timeline.csv",
    ]
    for name in names:
        (tmp_path / name).write_text("")
    (tmp_path / "front").mkdir()
    (tmp_path / "front" / "12.yaml").write_text("")
    assert all(is_ours(path) for path in tmp_path.iterdir())
    (tmp_path / "front" / "mine.yaml").write_text("")
    assert not is_ours(tmp_path / "front")


def test_a_report_that_is_read_for_another_is_left_alone(tmp_path: Path) -> None:
    """Though it has a name of ours: a journal is what is left of a day."""
    out = tmp_path / "report"
    out.mkdir()
    (out / "verdict.json").write_text("[]")
    journal = out / "steady.policy.0.jsonl"
    journal.write_text("{}")
    with (
        pytest.raises(InputError, match=r"steady\.policy\.0\.jsonl.*is read here"),
        report_directory(out, ["steady", None, journal]),
    ):
        pass
    assert journal.read_text() == "{}"


def test_what_is_put_into_a_report_meanwhile_is_kept(tmp_path: Path) -> None:
    """A run takes long enough to write a note beside the one before."""
    out = tmp_path / "report"
    out.mkdir()
    (out / "verdict.json").write_text("[]")
    with report_directory(out) as work:
        (work / "verdict.json").write_text("[1]")
        (out / "NOTES.md").write_text("mine")
    assert (out / "NOTES.md").read_text() == "mine"
    assert (out / "verdict.json").read_text() == "[1]"


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    """With what was expected."""
    (tmp_path / "report").write_text("")
    with pytest.raises(InputError, match="is a file"), report_directory(tmp_path / "report"):
        pass


def test_a_name_that_no_directory_can_have_is_refused(tmp_path: Path) -> None:
    """In one sentence, with the reason."""
    with (
        pytest.raises(InputError, match="cannot be used: File name too long"),
        report_directory(tmp_path / ("x" * 300)),
    ):
        pass


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    """It leads to no directory."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="cannot be"), report_directory(tmp_path / "loop"):
        pass


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """In one sentence."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot be written"),
        report_directory(tmp_path / "file" / "report"),
    ):
        pass


@pytest.fixture(params=["a mount", "a mount that looks like none", "where a shell stands"])
def fixed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a report that cannot be moved."""
    out = tmp_path / "mounted"
    out.mkdir()
    (out / "verdict.json").write_text("[]")
    (out / "old.policy.0.jsonl").write_text("")
    if request.param == "where a shell stands":
        monkeypatch.chdir(out)
        return out
    rename = Path.rename

    def busy(self: Path, target: Path) -> Path:
        if self == out:
            raise OSError(errno.EBUSY, "Device or resource busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", busy)
    monkeypatch.setattr(os.path, "ismount", lambda path: request.param == "a mount" and path == out)
    return out


def test_a_directory_that_cannot_be_moved_is_filled(fixed: Path) -> None:
    """As that of `docker run -v` and that of `--out .`, where a run must not end in nothing."""
    with report_directory(fixed) as work:
        (work / "verdict.json").write_text("[1]")
        (work / "front").mkdir()
        (work / "front" / "1.yaml").write_text("")
    assert sorted(path.name for path in fixed.iterdir()) == ["front", "verdict.json"]
    assert (fixed / "verdict.json").read_text() == "[1]"
    assert [path.name for path in fixed.parent.iterdir()] == ["mounted"]


def test_a_directory_that_cannot_be_filled_is_as_before(
    fixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a disk that fills up when the second file is put there."""
    move = shutil.move

    def full(source: Path, target: Path) -> None:
        if source.name == "verdict.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        move(source, target)

    monkeypatch.setattr(shutil, "move", full)

    def run() -> None:
        with report_directory(fixed) as work:
            (work / "verdict.json").write_text("[1]")
            (work / "junit.xml").write_text("")

    with pytest.raises(OSError, match="No space"):
        run()
    assert sorted(path.name for path in fixed.iterdir()) == ["old.policy.0.jsonl", "verdict.json"]
    assert (fixed / "verdict.json").read_text() == "[]"
    assert [path.name for path in fixed.parent.iterdir()] == ["mounted"]


def test_an_earlier_report_is_put_back_where_the_new_one_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two renames make a replacement, and the second can fail."""
    out = tmp_path / "report"
    out.mkdir()
    (out / "verdict.json").write_text("[]")
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="Input/output"), report_directory(out) as work:
        (work / "verdict.json").write_text("[1]")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (out / "verdict.json").read_text() == "[]"
