"""Requests of a CSV file, by the names of its columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter

from balancer.core.errors import nearest

from .lines import MalformedError
from .recognition import other_format
from .rows import Batch, Clock, Names, Rows

__all__ = ["csv_batches", "places"]

Mend = Callable[[tuple[str, ...]], tuple[str, str, str]]
"""Makes time and tokens of the cells that were picked."""


def csv_batches(
    lines: Iterator[str],
    names: Names,
    clock: Clock,
    *,
    form: str,
    separator: str = ",",
    status: str | None = None,
    mend: Mend | None = None,
) -> Iterator[Batch]:
    """Batches of a CSV file.

    Args:
        lines: of the file, its header first.
        names: of the columns to read.
        clock: of its times.
        form: name of the format, for errors.
        separator: between cells.
        status: of one more column that `mend` is given.
        mend: what is made of the cells; None: they are taken as they are.

    Raises:
        MalformedError: a line that cannot be read.
    """
    beginning: list[str] = []
    for line in lines:
        beginning.append(line)
        if not line.isspace():
            break
    reader = csv.reader(chain(beginning, lines), strict=True, delimiter=separator)
    rows = Rows(names, clock)
    wrong: MalformedError | None = None
    try:
        header = next(filter(None, reader), None)
        if header is None:
            return
        wanted = names if status is None else (*names, status)
        try:
            pick, width = itemgetter(*places(header, wanted, reader.line_num)), len(header)
        except MalformedError as error:
            hint = other_format(beginning[-1], form)
            raise MalformedError(error.line, error.problem + hint) from None
        for cells in reader:
            if not cells:
                continue
            if len(cells) != width:
                problem = f"found {len(cells)} columns, expected {width}"
                wrong = MalformedError(reader.line_num, problem)
                break
            picked = pick(cells)
            if rows.add(reader.line_num, picked if mend is None else mend(picked)):
                yield from rows.convert()
    except csv.Error as error:
        wrong = MalformedError(reader.line_num, f"is not CSV: {error}")
    except MalformedError as error:
        wrong = error
    yield from rows.convert()
    if wrong is not None:
        raise wrong


def places(cells: list[str], columns: Iterable[str], line: int) -> list[int]:
    """Where columns stand in a header; upper and lower case are the same.

    Raises:
        MalformedError: one is missing.
    """
    found = [cell.strip().lower() for cell in cells]
    for column in columns:
        if column.lower() not in found:
            hint = nearest(column.lower(), found)
            problem = f"has no column {column!r}{hint}; found {', '.join(cells)[:200]}"
            raise MalformedError(line, problem)
    return [found.index(column.lower()) for column in columns]
