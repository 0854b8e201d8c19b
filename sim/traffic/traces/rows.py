"""Rows of a trace, converted a column at a time: at a fifth of the cost of a row at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .lines import MalformedError

__all__ = ["AmbiguousError", "Batch", "Clock", "Names", "Rows"]

_MOST_TOKENS = 100_000_000
_AT_ONCE = 4096

Names = tuple[str, str, str]
"""What a format calls the time, the prompt's tokens and the answer's."""
Clock = Callable[[Sequence[Any]], list[float]]
"""Seconds of a column of times; raises what the conversion of a bad one raises."""


class Batch(NamedTuple):
    """Some requests of a trace, in its order.

    Attributes:
        lines: number of the line of each, from 1.
        s: seconds on the trace's own clock.
        prompt, output: tokens.
    """

    lines: Sequence[int]
    s: np.ndarray[Any, Any]
    prompt: np.ndarray[Any, Any]
    output: np.ndarray[Any, Any]


class AmbiguousError(Exception):
    """A time that could mean two things; the text says which."""


class Rows:
    """Cells of rows that wait for their conversion.

    Whatever is wrong with a row, those before it are converted first: a window that ends before
    the bad row never hears of it.
    """

    def __init__(self, names: Names, clock: Clock) -> None:
        self._names = names
        self._clock = clock
        self._lines: list[int] = []
        self._cells: list[tuple[Any, Any, Any]] = []

    def add(self, line: int, cells: tuple[Any, Any, Any]) -> bool:
        """Keep a row; true when there are enough of them to be converted."""
        self._lines.append(line)
        self._cells.append(cells)
        return len(self._cells) == _AT_ONCE

    def convert(self) -> Iterator[Batch]:
        """What was kept, as a batch.

        Raises:
            MalformedError: the first bad row, after the good ones before it.
        """
        lines, cells = self._lines, self._cells
        self._lines, self._cells = [], []
        if not cells:
            return
        try:
            found = self._batch(lines, cells)
        except (ValueError, TypeError, OverflowError, AmbiguousError):
            bad, problem = self._first_bad(cells)
            if bad:
                yield self._batch(lines[:bad], cells[:bad])
            raise MalformedError(lines[bad], problem) from None
        yield found

    def _batch(self, lines: list[int], cells: list[tuple[Any, Any, Any]]) -> Batch:
        times, prompts, outputs = zip(*cells, strict=True)
        return Batch(lines, self._times(times), _tokens(prompts), _tokens(outputs))

    def _times(self, column: Sequence[Any]) -> np.ndarray[Any, Any]:
        s = np.array(self._clock(column), np.float64)
        if not np.isfinite(s).all():
            raise ValueError
        return s

    def _first_bad(self, cells: list[tuple[Any, Any, Any]]) -> tuple[int, str]:
        for place, row in enumerate(cells):
            problem = self._problem(row)
            if problem:
                return place, problem
        raise AssertionError("rows that are good one by one must be good together")

    def _problem(self, row: tuple[Any, Any, Any]) -> str:
        at, *tokens = row
        name, *names = self._names
        try:
            self._times([at])
        except AmbiguousError as error:
            return f"{name}: found {at!r:.60}, {error}"
        except (ValueError, TypeError, OverflowError):
            return f"{name}: found {at!r:.60}, expected a time"
        for name, found in zip(names, tokens, strict=True):
            try:
                _tokens([found])
            except (ValueError, TypeError, OverflowError):
                return f"{name}: found {found!r:.60}, expected a whole number of tokens"
        return ""


def _tokens(column: Sequence[Any]) -> np.ndarray[Any, Any]:
    if bool in set(map(type, column)):
        raise ValueError
    numbers = np.fromiter(map(float, column), np.float64, len(column))
    if not ((numbers >= 0) & (numbers <= _MOST_TOKENS) & (numbers == np.floor(numbers))).all():
        raise ValueError
    return numbers.astype(np.int32)
