"""A window of a trace: read line by line, each mistake with its line, only the window kept."""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from balancer.core.errors import TraceError
from balancer.units import show_seconds

from .formats import FORMATS
from .layout import Layout
from .lines import MalformedError, lines_of
from .rows import Batch

__all__ = ["Trace", "read_trace"]

_MOST_REQUESTS = 50_000_000
_USUAL = Layout()

Column = np.ndarray[Any, Any]


class Trace(NamedTuple):
    """Requests of a window of a trace.

    Attributes:
        s: seconds since the beginning of the window, not descending.
        prompt, output: tokens, as recorded.
        span_s: length of one round, when the window is repeated. Where the trace ends inside the
            window, up to the last request and one mean gap more.
        before_s, next_s: the last request before the window and the first behind it, in seconds
            since the trace's first request; None if there is none.
    """

    s: Column
    prompt: Column
    output: Column
    span_s: float
    before_s: float | None
    next_s: float | None


def read_trace(
    path: Path,
    form: str,
    start_s: float = 0.0,
    length_s: float = math.inf,
    layout: Layout = _USUAL,
) -> Trace:
    """Read a window of a trace; reading the same of an unchanged file again costs nothing.

    What lies behind the window is not read, but for the first request there.

    Args:
        path: of the file; gzip is told by its first bytes.
        form: one of `FORMATS`.
        start_s: where the window begins, in seconds since the first request.
        length_s: how long it is.
        layout: what the scenario says of it.

    Returns:
        The window; its columns are empty if it lies in a gap of the trace.

    Raises:
        TraceError: missing, unreadable, empty, too long, malformed (the line is named), or the
            window begins behind the last request.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return _read(path, form, start_s, length_s, layout, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1)
def _read(
    path: Path,
    form: str,
    start_s: float,
    length_s: float,
    layout: Layout,
    _changed: int,
    _size: int,
) -> Trace:
    window = _Window(start_s, length_s)
    try:
        with lines_of(path) as lines:
            for batch in FORMATS[form](lines, layout):
                window.take(batch)
                if window.next_s is not None:
                    break
    except MalformedError as error:
        raise TraceError(error.problem, where=f"{path}:{error.line}") from None
    problem = window.problem()
    if problem:
        raise TraceError(problem, where=str(path))
    return window.trace()


class _Window:
    """What is kept while a trace is read."""

    def __init__(self, start_s: float, length_s: float) -> None:
        self._start_s = start_s
        self._length_s = length_s
        self._origin_s: float | None = None
        self._last_s = 0.0
        self._before_s: float | None = None
        self.next_s: float | None = None
        # Arrays of the standard library grow in place; joining numpy's would take twice the memory.
        self._s, self._prompt, self._output = array("d"), array("i"), array("i")

    def take(self, batch: Batch) -> None:
        """Keep what lies in the window.

        Raises:
            MalformedError: the clock goes back inside the window or before it, or the window
                holds more than fits.
        """
        if self._origin_s is None:
            self._origin_s = float(batch.s[0])
        s = batch.s - self._origin_s
        back = np.flatnonzero(np.diff(s, prepend=self._last_s) < 0)
        good = int(back[0]) if len(back) else len(s)
        ascending = s[:good]
        first, end = np.searchsorted(ascending, (self._start_s, self._start_s + self._length_s))
        if first:
            self._before_s = float(ascending[first - 1])
        if len(self._s) + end - first > _MOST_REQUESTS:
            line = batch.lines[first + _MOST_REQUESTS - len(self._s)]
            problem = (
                f"found more than {_MOST_REQUESTS:,} requests to replay; take fewer with "
                "workload.arrivals.length"
            )
            raise MalformedError(line, problem)
        self._s.frombytes(ascending[first:end].tobytes())
        self._prompt.frombytes(batch.prompt[first:end].tobytes())
        self._output.frombytes(batch.output[first:end].tobytes())
        if end < good:
            self.next_s = float(ascending[end])
        elif good < len(s):
            before = ascending[-1] if good else self._last_s
            problem = f"the clock goes back by {before - s[good]:g} s; expected ascending times"
            raise MalformedError(batch.lines[good], problem)
        self._last_s = float(ascending[-1]) if good else self._last_s

    def problem(self) -> str:
        """What is wrong with the window as a whole; "" if nothing is."""
        if self._origin_s is None:
            return "holds no requests"
        if self.next_s is not None:
            return ""
        if not self._s:
            return (
                f"ends {show_seconds(math.floor(self._last_s))} after its first request, before "
                f"workload.arrivals.start ({show_seconds(self._start_s)})"
            )
        if self._s[-1] <= self._s[0]:
            there = " from workload.arrivals.start on" if self._start_s else ""
            return f"all requests{there} have one time; expected a span of time"
        return ""

    def trace(self) -> Trace:
        """The window as it is now."""
        s = _column(self._s, np.float64)
        s -= self._start_s
        span_s = self._length_s
        if self.next_s is None:
            mean_gap_s = float(s[-1] - s[0]) / (len(s) - 1)
            span_s = min(span_s, float(s[-1]) + mean_gap_s)
        return Trace(
            s=s,
            prompt=_column(self._prompt, np.int32),
            output=_column(self._output, np.int32),
            span_s=span_s,
            before_s=self._before_s,
            next_s=self.next_s,
        )


def _column(kept: array[Any], kind: type[np.generic]) -> Column:
    """What was kept, without a copy of it."""
    return np.frombuffer(kept, kind) if kept else np.empty(0, kind)
