"""The data behind a figure, as a CSV file beside the page (RFC 4180)."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["Cell", "write_csv"]

Cell = str | float | int | None

FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the start of a formula."""


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write a table: numbers in full, "" where there is none.

    Text that a spreadsheet would run as a formula gets an apostrophe before it, which the
    spreadsheet takes away: names come from files of strangers.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Cell) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return repr(value)
