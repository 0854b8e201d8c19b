"""A CSV file of one's own: its separator and the form of its times are found out, and said."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from balancer.core.errors import TraceError

from .clocks import TimeForm, time_form
from .layout import Layout
from .lines import MalformedError, lines_of
from .recognition import other_format
from .rows import Batch
from .tables import csv_batches, places

__all__ = [
    "ROLES",
    "Sheet",
    "answered",
    "guessed_columns",
    "own_csv",
    "separator_of",
    "sheet",
    "well_formed",
]

ROLES = {
    "time": (
        "time", "timestamp", "ts", "datetime", "date", "at", "start", "start_time", "started_at",
        "created", "created_at", "request_time", "arrival", "arrived_at",
    ),
    "prompt_tokens": (
        "prompt_tokens", "input_tokens", "context_tokens", "request_tokens", "tokens_in",
        "prompt_token_count", "prompttokencount", "contexttokens", "input_length", "prompt",
    ),
    "output_tokens": (
        "output_tokens", "completion_tokens", "response_tokens", "generated_tokens", "tokens_out",
        "candidates_token_count", "candidatestokencount", "generatedtokens", "answer_tokens",
        "output_length", "completion", "output",
    ),
    "model": ("model", "model_name", "model_id"),
    "latency": (
        "latency", "latency_s", "latency_ms", "duration", "duration_s", "duration_ms", "elapsed",
        "elapsed_s", "elapsed_ms", "elapsed_time", "response_time", "response_time_ms",
    ),
    "status": ("status", "status_code", "http_status", "code", "outcome", "result"),
}  # fmt: skip
"""What a column of each role is often called; in what is looked for, the first that is there."""

NEEDED = ("time", "prompt_tokens", "output_tokens")
_SEPARATORS = (",", ";", "\t", "|")
_SAID = {",": "','", ";": "';'", "\t": "tabs", "|": "'|'"}
_GOOD = frozenset(
    ("ok", "success", "succeeded", "complete", "completed", "done", "stop", "length", "max_tokens")
)


class Sheet(NamedTuple):
    """What the first lines of a file show.

    Attributes:
        header: names of its columns.
        separator: between cells.
        times: form of its times; None: the column is not there, or holds no time.
    """

    header: tuple[str, ...]
    separator: str
    times: TimeForm | None

    @property
    def said(self) -> str:
        """How it is read, for a person."""
        times = "" if self.times is None else f", times are {self.times.said}"
        return f"columns are separated by {_SAID[self.separator]}{times}"


def separator_of(header: str) -> str:
    """What separates the columns of a header: of those that may, the most frequent."""
    return max(_SEPARATORS, key=header.count)


def sheet(path: Path, time: str, unit: str | None) -> Sheet:
    """Look at the first lines of a file.

    Raises:
        TraceError: it cannot be read, or has no header.
    """
    with well_formed(path), lines_of(path) as lines:
        first = next((line for line in lines if not line.isspace()), None)
        if first is None:
            raise TraceError("holds no requests", where=str(path))
        separator = separator_of(first)
        rows = csv.reader(chain([first], islice(lines, 100)), delimiter=separator)
        header = tuple(cell.strip() for cell in next(rows))
        row = next(filter(None, rows), None)
    known = [name.lower() for name in header]
    if row is None or time.lower() not in known or len(row) != len(header):
        return Sheet(header, separator, None)
    return Sheet(header, separator, time_form(row[known.index(time.lower())], unit))


@contextmanager
def well_formed(path: Path) -> Iterator[None]:
    """Say of which file a line is that is too long, or no CSV.

    Raises:
        TraceError: there is one.
    """
    try:
        yield
    except MalformedError as error:
        raise TraceError(error.problem, where=f"{path}:{error.line}") from None
    except csv.Error as error:
        raise TraceError(f"is not CSV: {error}", where=str(path)) from None


def guessed_columns(header: Sequence[str]) -> dict[str, str]:
    """Columns by role, for those that are called as such columns often are."""
    plain = {re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_"): name for name in header}
    found = {
        role: next((plain[name] for name in names if name in plain), None)
        for role, names in ROLES.items()
    }
    return {role: name for role, name in found.items() if name is not None}


def answered(status: str) -> bool:
    """Whether a status says that an answer came: 200 to 299, or a word such as ok."""
    text = status.strip().lower()
    try:
        return 200 <= float(text) < 300
    except ValueError:
        return text in _GOOD


def own_csv(lines: Iterator[str], layout: Layout) -> Iterator[Batch]:
    """Batches of a CSV file of one's own.

    Raises:
        MalformedError: a line that cannot be read.
    """
    kept: list[str] = []
    first: list[str] = []
    for line in lines:  # up to the first request
        kept.append(line)
        if not line.isspace():
            first.append(line)
        if len(first) == 2:
            break
    if not first:
        return
    separator = separator_of(first[0])
    try:
        header, *row = csv.reader(first, delimiter=separator)
    except csv.Error as error:
        raise MalformedError(len(kept), f"is not CSV: {error}") from None
    at = len(kept) if len(first) < 2 else kept.index(first[0]) + 1
    where = _places(header, layout, at, first[0])
    if not row:
        return
    time = row[0][where[0]] if len(row[0]) > where[0] else ""
    form = time_form(time, layout.unit)
    if form is None:
        problem = (
            f"{layout.names[0]}: found {time!r:.60}, expected an ISO 8601 time, Unix time in s or "
            "ms, or a number of seconds"
        )
        raise MalformedError(len(kept), problem)

    def mend(picked: tuple[str, ...]) -> tuple[str, str, str]:
        at, prompt, output, *status = picked
        if status and not answered(status[0]):
            output = ""
        # Nothing was recorded: the replay takes another request's.
        return at, prompt.strip() or "0", output.strip() or "0"

    yield from csv_batches(
        chain(kept, lines),
        layout.names,
        form.clock(),
        form="csv",
        separator=separator,
        status=layout.status,
        mend=mend,
    )


def _places(header: list[str], layout: Layout, line: int, text: str) -> list[int]:
    status = () if layout.status is None else (layout.status,)
    try:
        return places(header, (*layout.names, *status), line)
    except MalformedError as error:
        guesses = guessed_columns(header)
        said = other_format(text, "csv")
        if not said:
            told = ", ".join(f"{role}: {guesses.get(role, '...')}" for role in NEEDED)
            said = f"; say which they are: `columns: {{{told}}}`"
        raise MalformedError(line, error.problem + said) from None
