"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from balancer.cli.whole_files import write_whole
from balancer.core.errors import InputError


def test_nothing_is_half_written(tmp_path: Path) -> None:
    """One file that cannot be written leaves all earlier ones as they were."""
    write_whole(tmp_path / "d", {"a": "old", "b": "old"})
    with pytest.raises(InputError, match=r"b: cannot be written: '\\ud800' is no text"):
        write_whole(tmp_path / "d", {"a": "new", "b": "\ud800"})
    written = {path.name: path.read_text() for path in (tmp_path / "d").iterdir()}
    assert written == {"a": "old", "b": "old"}


def test_a_directory_in_a_files_place_is_refused(tmp_path: Path) -> None:
    """By its name, before anything is changed."""
    write_whole(tmp_path, {"a": "old"})
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="b: is a directory"):
        write_whole(tmp_path, {"a": "new", "b": "new"})
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_full_disk_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the message names the file."""
    (tmp_path / "a").write_text("old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="a: cannot be written: No space left"):
        write_whole(tmp_path, {"a": "new"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    """As a policy that is kept elsewhere; one that leads to nothing yet makes a file."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "policy").write_text("old")
    for name in ("policy", "new"):
        (tmp_path / name).symlink_to(Path("elsewhere") / name)
    write_whole(tmp_path, {"policy": "new", "new": "new"})
    assert (tmp_path / "policy").is_symlink()
    assert (tmp_path / "elsewhere" / "policy").read_text() == "new"
    assert (tmp_path / "elsewhere" / "new").read_text() == "new"
    assert len(list((tmp_path / "elsewhere").iterdir())) == 2


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    """In one sentence."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="loop: cannot be written"):
        write_whole(tmp_path, {"loop": "new"})


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    """Nobody else may read what only its owner could."""
    (tmp_path / "secret").write_text("old")
    (tmp_path / "secret").chmod(0o600)
    write_whole(tmp_path, {"secret": "new"})
    assert (tmp_path / "secret").read_text() == "new"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """And stays one: /dev/stdout of a machine was replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    write_whole(tmp_path, {"pipe": "new"})
    reader.join()
    assert heard == ["new"]
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_file_that_is_a_mount_is_written_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be put there instead of it."""
    (tmp_path / "verdict.json").write_text("old")
    inode = (tmp_path / "verdict.json").stat().st_ino
    monkeypatch.setattr(os.path, "ismount", lambda path: path.name == "verdict.json")
    write_whole(tmp_path, {"verdict.json": "new"})
    assert (tmp_path / "verdict.json").read_text() == "new"
    assert (tmp_path / "verdict.json").stat().st_ino == inode
