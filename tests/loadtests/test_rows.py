"""Rows survive their way through a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import InputError
from loadtests.rows import ANSWER, Fate, Request, read_rows, write_row

REQUEST = Request(3, 1.25, 1.26, 4.5, ANSWER, 200)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    """A hang's duration included, which is infinite."""
    fate = Fate(3, 0, "gemini-2.5-flash", 1.5, float("inf"), "", 9, 0, 9, 0, 1_000_000, 900_000, 5)
    path = tmp_path / "fates.jsonl"
    with path.open("w") as sink:
        write_row(sink, fate)
        write_row(sink, fate)
    assert read_rows([path], Fate) == [fate, fate]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    """A process that is killed may leave one."""
    path = tmp_path / "requests.jsonl"
    with path.open("w") as sink:
        write_row(sink, REQUEST)
        sink.write('[4,1.5,"')
    assert read_rows([path], Request) == [REQUEST]


def test_other_files_are_refused(tmp_path: Path) -> None:
    """The message names file and line."""
    path = tmp_path / "requests.jsonl"
    path.write_text("[1,2]\n")
    with pytest.raises(InputError, match=r"requests\.jsonl: line 1"):
        read_rows([path], Request)
    with pytest.raises(InputError, match=r"cannot be read"):
        read_rows([tmp_path / "none.jsonl"], Request)
