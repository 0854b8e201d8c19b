"""Recorded traffic: three public formats, read line by line, each mistake with its line.

azure: CSV with `TIMESTAMP,ContextTokens,GeneratedTokens`, wall time (Azure LLM inference
    traces, github.com/Azure/AzurePublicDataset).
burstgpt: CSV with `Timestamp` in seconds, `Request tokens` and `Response tokens`
    (github.com/HPMLL/BurstGPT); failed requests, with no response tokens, count as asked.
mooncake: JSON Lines with `timestamp` in milliseconds, `input_length`, `output_length`
    (github.com/kvcache-ai/Mooncake).
"""

from __future__ import annotations

import csv
import json
import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from balancer.core.errors import TraceError, nearest

__all__ = ["FORMATS", "Trace", "read_trace"]

_MOST_REQUESTS = 5_000_000
_LONGEST_LINE = 1_000_000
_MOST_TOKENS = 100_000_000

Row = tuple[float, int, int]
"""Seconds on the trace's own clock, prompt tokens, output tokens."""


class Trace(NamedTuple):
    """Requests of a trace.

    Attributes:
        s: seconds since the first request, not descending.
        prompt, output: tokens.
        span_s: length of one round, when the trace is repeated: up to the last request and
            one mean gap more.
    """

    s: np.ndarray[Any, Any]
    prompt: np.ndarray[Any, Any]
    output: np.ndarray[Any, Any]
    span_s: float


def read_trace(path: Path, form: str) -> Trace:
    """Read a trace; reading the same unchanged file again costs nothing.

    Raises:
        TraceError: missing, unreadable, empty, too long, or malformed: the line is named.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return _read(path, form, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1)
def _read(path: Path, form: str, _changed: int, _size: int) -> Trace:
    seconds, prompts, outputs = array("d"), array("i"), array("i")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for line, (at_s, prompt, output) in FORMATS[form](_Lines(stream)):
                _check_place(line, at_s, seconds)
                seconds.append(at_s)
                prompts.append(prompt)
                outputs.append(output)
    except _MalformedError as error:
        raise TraceError(error.problem, where=f"{path}:{error.line}") from None
    except UnicodeDecodeError:
        raise TraceError("is not UTF-8 text", where=str(path)) from None
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", where=str(path)) from None
    if not seconds:
        raise TraceError("holds no requests", where=str(path))
    s = np.array(seconds) - seconds[0]
    if s[-1] <= 0:
        raise TraceError("all requests have one time; expected a span of time", where=str(path))
    return Trace(
        s=s,
        prompt=np.array(prompts, np.int32),
        output=np.array(outputs, np.int32),
        span_s=float(s[-1]) * len(s) / (len(s) - 1),
    )


class _MalformedError(Exception):
    """A line that cannot be read."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(line, problem)
        self.line = line
        self.problem = problem


def _check_place(line: int, at_s: float, before: array[float]) -> None:
    if before and at_s < before[-1]:
        problem = f"the clock goes back by {before[-1] - at_s:g} s; expected ascending times"
        raise _MalformedError(line, problem)
    if len(before) == _MOST_REQUESTS:
        problem = f"found more than {_MOST_REQUESTS:,} requests; cut the trace shorter"
        raise _MalformedError(line, problem)


class _Lines(Iterator[str]):
    """Lines of a stream, of bounded length, counted from 1."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.number = 0

    def __next__(self) -> str:
        text = self._stream.readline(_LONGEST_LINE + 1)
        if not text:
            raise StopIteration
        self.number += 1
        if len(text) > _LONGEST_LINE:
            raise _MalformedError(self.number, f"is longer than {_LONGEST_LINE:,} characters")
        return text


def _csv_rows(
    lines: _Lines, columns: tuple[str, str, str], clock: Callable[[str], float]
) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(lines, strict=True)
    places: list[int] = []
    width = 0
    try:
        for cells in reader:
            if not cells:
                continue
            if not places:
                places, width = _places(cells, columns, lines.number), len(cells)
                continue
            if len(cells) != width:
                problem = f"found {len(cells)} columns, expected {width}"
                raise _MalformedError(lines.number, problem)
            at, prompt, output = (cells[place] for place in places)
            yield lines.number, _row(lines.number, columns, (at, prompt, output), clock)
    except csv.Error as error:
        raise _MalformedError(lines.number, f"is not CSV: {error}") from None


def _places(cells: list[str], columns: Iterable[str], line: int) -> list[int]:
    found = [cell.strip().lower() for cell in cells]
    for column in columns:
        if column.lower() not in found:
            hint = nearest(column.lower(), found)
            problem = f"has no column {column!r}{hint}; found {', '.join(cells)[:200]}"
            raise _MalformedError(line, problem)
    return [found.index(column.lower()) for column in columns]


def _row(
    line: int,
    names: tuple[str, str, str],
    values: tuple[Any, Any, Any],
    clock: Callable[[Any], float],
) -> Row:
    try:
        at_s = clock(values[0])
    except (ValueError, TypeError, OverflowError):
        at_s = math.nan
    if not math.isfinite(at_s):
        raise _MalformedError(line, f"{names[0]}: found {values[0]!r:.60}, expected a time")
    prompt, output = (
        _tokens(line, name, value) for name, value in zip(names[1:], values[1:], strict=True)
    )
    return at_s, prompt, output


def _tokens(line: int, name: str, found: Any) -> int:
    try:
        number = math.nan if isinstance(found, bool) else float(found)
    except (ValueError, TypeError):
        number = math.nan
    if not 0 <= number <= _MOST_TOKENS or number != int(number):
        problem = f"{name}: found {found!r:.60}, expected a whole number of tokens"
        raise _MalformedError(line, problem)
    return int(number)


def _wall_time_s(text: str) -> float:
    moment = datetime.fromisoformat(text.strip())
    # Differences only matter, so the calendar may be counted without a time zone.
    return moment.toordinal() * 86_400.0 + (
        moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    )


def _azure(lines: _Lines) -> Iterator[tuple[int, Row]]:
    return _csv_rows(lines, ("TIMESTAMP", "ContextTokens", "GeneratedTokens"), _wall_time_s)


def _burstgpt(lines: _Lines) -> Iterator[tuple[int, Row]]:
    return _csv_rows(lines, ("Timestamp", "Request tokens", "Response tokens"), float)


def _mooncake(lines: _Lines) -> Iterator[tuple[int, Row]]:
    names = ("timestamp", "input_length", "output_length")
    for text in lines:
        if not text.strip():
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            raise _MalformedError(lines.number, "is not JSON; expected one object a line") from None
        if not isinstance(entry, dict):
            raise _MalformedError(lines.number, "is no JSON object; expected one a line")
        for name in names:
            if name not in entry:
                raise _MalformedError(lines.number, f"has no key {name!r}{nearest(name, entry)}")
        at, prompt, output = (entry[name] for name in names)
        yield lines.number, _row(lines.number, names, (at, prompt, output), _milliseconds)


def _milliseconds(found: Any) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError
    return found / 1e3


FORMATS: dict[str, Callable[[_Lines], Iterator[tuple[int, Row]]]] = {
    "azure": _azure,
    "burstgpt": _burstgpt,
    "mooncake": _mooncake,
}
"""Readers by the name of their format."""
