"""Output that is complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import InputError
from sim.study.report_directory import report_directory


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


@pytest.mark.parametrize("name", ["notes.txt", "my_analysis.csv"])
def test_a_report_with_something_added_is_left_alone(tmp_path: Path, name: str) -> None:
    """What a user put there is not ours to delete."""
    (tmp_path / "verdict.json").write_text("[]")
    (tmp_path / "steady.timeline.csv").write_text("")
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=name), report_directory(tmp_path):
        pass


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
