"""Where reports go when nobody says where."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from balancer.core.errors import InputError
from balancer.records.folders import REPORTS, mark_latest, run_folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_runs_that_begin_together_have_a_folder_each() -> None:
    """Though none of them has written anything yet."""
    with ExitStack() as stack:
        folders = [stack.enter_context(run_folder(None, "run")) for _ in range(5)]
        assert len(set(folders)) == 5
        assert all(folder.is_dir() for folder in folders)


def test_a_run_that_writes_nothing_leaves_no_folder(here: Path) -> None:
    """Nor the one around it, if that is new."""

    def refused() -> None:
        with run_folder(None, "run"):
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        refused()
    assert list(here.iterdir()) == []


def test_what_was_written_stays(here: Path) -> None:
    """And the next run has another one."""
    for _ in range(2):
        with run_folder(None, "run") as folder:
            (folder / "verdict.json").write_text("[]")
    assert len(list((here / REPORTS).glob("run-*/verdict.json"))) == 2


def test_a_folder_that_is_named_is_taken_as_it_is(here: Path) -> None:
    """Whether or not it is there; nothing is made."""
    with run_folder(Path("mine"), "run") as folder:
        assert folder == Path("mine")
    assert list(here.iterdir()) == []


def test_a_file_in_the_way_is_told(here: Path) -> None:
    """In one sentence."""
    (here / REPORTS).write_text("")
    with pytest.raises(InputError, match="balancer-reports: cannot be written"):
        run_folder(None, "run").__enter__()


def test_latest_leads_to_the_newest(here: Path) -> None:
    """And nothing is left beside it."""
    for name in ("run-1", "run-2"):
        (here / REPORTS / name).mkdir(parents=True)
        mark_latest(here / REPORTS / name)
    assert (here / REPORTS / "latest").resolve().name == "run-2"
    assert sorted(path.name for path in (here / REPORTS).iterdir()) == ["latest", "run-1", "run-2"]
