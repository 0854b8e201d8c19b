"""Data as CSV: what stands in a file is what was meant."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from reports.data_files import Cell, write_csv


def table(path: Path, rows: list[list[Cell]]) -> list[list[str]]:
    """Rows as a reader of the file finds them."""
    write_csv(path, ["name", "value"], rows)
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))[1:]


def test_a_number_comes_back_to_the_bit(tmp_path: Path) -> None:
    """Nothing is rounded: the page rounds for people, the file does not."""
    ((_, found),) = table(tmp_path / "a.csv", [["third", 1 / 3]])
    assert float(found) == 1 / 3


def test_what_does_not_exist_is_empty(tmp_path: Path) -> None:
    """A spreadsheet would read "nan" as a word."""
    found = table(tmp_path / "a.csv", [["a", math.nan], ["b", math.inf], ["c", None]])
    assert [value for _, value in found] == ["", "", ""]


def test_signs_and_line_ends_in_text_stay_in_their_cell(tmp_path: Path) -> None:
    """Commas, quotes and line ends do not move the cells after them."""
    text = 'a,"b"\nc'
    assert table(tmp_path / "a.csv", [[text, 1]]) == [[text, "1"]]


def test_text_is_no_formula(tmp_path: Path) -> None:
    """A scenario's name must not run in whoever opens the file; a negative number is one."""
    found = table(tmp_path / "a.csv", [['=HYPERLINK("x")', -1.5]])
    assert found == [['\'=HYPERLINK("x")', "-1.5"]]
