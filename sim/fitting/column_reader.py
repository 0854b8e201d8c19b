"""Reads a journal's lines into columns: a day's 86,400 in seconds.

`balancer.core.journal` builds every object that a controller may ask for, and checks every value
on the way. Here lines go straight into columns, and the checks that are left are made a column at
a time. Whatever these do not like is read again by that strict reader, which says what it is.
"""

from __future__ import annotations

import gc
import json
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np

from balancer.core.errors import JournalError
from balancer.core.histogram import MAX_INDEX, MIN_INDEX
from balancer.core.journal import Journal
from balancer.core.modes import MODES, Mode
from balancer.core.observations import FAILURES
from balancer.core.tick_codec import REQUEST_KEYS, SERVED_KEYS, TICK_KEYS
from balancer.journal_file import open_journal
from balancer.policy_fit import check_follows, names_of

from .columns import Column, Columns, Durations

__all__ = ["read_columns"]

_LABELS = {mode.label: int(mode) for mode in MODES}
_KINDS = {kind: place for place, kind in enumerate(FAILURES)}
_NOUGHTS = (0, 0, 0)
_EMPTY: tuple[()] = ()
_TICK = {"tick", "observations", "decision"}
_LARGEST = 2**62
IMPOSSIBLE = "holds what no journal does"


@dataclass(slots=True)
class _Histograms:
    """Flat histograms as they come."""

    flat: array[int] = field(default_factory=lambda: array("i"))
    lengths: array[int] = field(default_factory=lambda: array("i"))

    def durations(self) -> Durations:
        lengths = np.array(self.lengths, np.int64)
        flat = np.array(self.flat, np.int64)
        if np.any(lengths % 2):
            raise ValueError
        buckets, counts = flat[::2], flat[1::2]
        if len(flat) and (
            buckets.min() < MIN_INDEX or buckets.max() > MAX_INDEX or counts.min() < 1
        ):
            raise ValueError
        rows = np.repeat(np.arange(len(lengths)), lengths // 2)
        return Durations(row=rows, bucket=buckets, count=counts)


class _Lines:
    """Columns that grow, a line at a time."""

    def __init__(self) -> None:
        self.ticks: list[int] = []
        self.spans: list[int] = []
        self.by_priority: tuple[list[Sequence[int]], ...] = ([], [], [], [])
        self.waiting: list[int] = []
        self.mode: list[int] = []
        self.cells: dict[tuple[str, str], int] = {}
        self.served: list[tuple[int, ...]] = []
        self.failed_calls: list[tuple[int, int, int]] = []
        self.felt: list[tuple[int, ...]] = []
        self.latency, self.ttft = _Histograms(), _Histograms()
        self.answered, self.failed = _Histograms(), _Histograms()

    def reader(self) -> Callable[[Mapping[str, Any]], None]:
        """What takes in a line; one function, because it is called 86,400 times a day."""
        ticks, spans = self.ticks.append, self.spans.append
        waiting, modes = self.waiting.append, self.mode.append
        offered, admitted, shed, fallback = (each.append for each in self.by_priority)
        cells, rows, felt, failed_calls = self.cells, self.served, self.felt, self.failed_calls
        histograms = [
            (each.flat.extend, each.lengths.append)
            for each in (self.latency, self.ttft, self.answered, self.failed)
        ]
        (latency, latencies), (ttft, ttfts), (answered, answers), (failed, fails) = histograms

        def take(line: Mapping[str, Any]) -> None:
            tick, seen = line["tick"], line["observations"]
            if line.keys() != _TICK or not seen.keys() <= TICK_KEYS:
                raise ValueError
            get = seen.get
            ticks(tick)
            spans(get("ticks", 1))
            offered(get("offered", _NOUGHTS))
            admitted(get("admitted", _NOUGHTS))
            shed(get("shed", _NOUGHTS))
            fallback(get("fallback", _NOUGHTS))
            waiting(get("waiting", 0))
            modes(_LABELS[line["decision"]["mode"]])
            for entry in get("served", _EMPTY):
                if not entry.keys() <= SERVED_KEYS:
                    raise ValueError
                get = entry.get
                key = entry["mode"], entry["model"]
                cell = cells.get(key)
                if cell is None:
                    cell = cells[key] = len(cells)
                if "failures" in entry:
                    for kind, count in entry["failures"].items():
                        failed_calls.append((len(rows), _KINDS[kind], count))
                rows.append((tick, cell, get("started", 0), get("finished", 0),
                             get("prompt_tokens", 0), get("cached_tokens", 0),
                             get("output_tokens", 0), get("thinking_tokens", 0),
                             get("nano_usd", 0)))  # fmt: skip
                flat = get("latency", _EMPTY)
                latency(flat)
                latencies(len(flat))
                flat = get("ttft", _EMPTY)
                ttft(flat)
                ttfts(len(flat))
            for entry in seen.get("requests", _EMPTY):
                if not entry.keys() <= REQUEST_KEYS:
                    raise ValueError
                get = entry.get
                low, normal, high = get("unjudged", _NOUGHTS)
                felt.append((tick, _LABELS[entry["mode"]], get("begun", 0),
                             sum(get("ages", _EMPTY)[1::2]), low, normal, high))  # fmt: skip
                flat = get("answered", _EMPTY)
                answered(flat)
                answers(len(flat))
                flat = get("failed", _EMPTY)
                failed(flat)
                fails(len(flat))

        return take


def read_columns(paths: Sequence[Path]) -> Columns:
    """The columns of a journal's files, oldest first.

    Raises:
        JournalError: a file or a line is wrong; names it.
        InputError: a file does not go on where the one before it ends.
    """
    lines = _Lines()
    journals: list[Journal] = []
    for path in paths:
        journal = open_journal(path)
        if journals:
            check_follows(journal, journals[-1], lines.ticks[-1] if lines.ticks else None)
        journals.append(journal)
        torn = _read(path, journal, lines)
    try:
        return _columns(lines, journals, torn)
    except (ValueError, TypeError, OverflowError, IndexError):
        raise _strictly(paths) from None


def _read(path: Path, journal: Journal, lines: _Lines) -> str:
    """Take in the lines behind the first; what was skipped at the end, or ""."""
    take, loads = lines.reader(), _parser()
    number = 1
    collects = gc.isenabled()
    # Nothing here holds itself, and looking for what does would take a fifth of the time.
    gc.disable()
    try:
        with path.open("rb") as stream:
            stream.readline()
            for line in stream:
                number += 1
                if not line.endswith(b"\n"):
                    return f"{path}:{number}: the last line is torn and was skipped"
                take(loads(line))
    except OSError as error:
        raise JournalError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        # Its last line may be torn, and yet end; then nothing was taken in of it.
        for _ in journal:
            pass
        if journal.torn:
            return journal.torn
        raise JournalError(IMPOSSIBLE, where=str(path)) from None
    finally:
        if collects:
            gc.enable()
    return ""


def _parser() -> Callable[[bytes], Any]:
    """What parses a line: the quicker one, where it is installed, takes a second off a day."""
    try:
        import orjson
    except ImportError:
        return json.loads
    return orjson.loads


def _strictly(paths: Sequence[Path]) -> JournalError:
    """What the strict reader says of files that hold something impossible."""
    try:
        for path in paths:
            for _ in open_journal(path):
                pass
    except JournalError as error:
        return error
    return JournalError(IMPOSSIBLE, where=str(paths[0]))


def _whole(values: Sequence[Any], width: int) -> Column:
    """Whole numbers, not negative.

    Raises:
        ValueError, TypeError, OverflowError: something else.
    """
    found = np.array(values)
    if not len(values):
        return np.zeros((0, width), np.int64)
    if found.dtype.kind not in "iu" or found.shape != (len(values), width):
        raise ValueError
    if found.min() < 0 or found.max() > _LARGEST:
        raise ValueError
    return found.astype(np.int64)


def _columns(lines: _Lines, journals: Sequence[Journal], torn: str) -> Columns:
    if not lines.ticks:
        problem = "holds no ticks; expected the journal of some minutes of traffic"
        raise JournalError(problem, where=journals[-1].where)
    ticks = _whole([[each] for each in lines.ticks], 1)[:, 0]
    spans = _whole([[each] for each in lines.spans], 1)[:, 0]
    if np.any(np.diff(ticks) <= 0) or spans.min() < 1:
        raise ValueError
    first = max(0, int(ticks[0] - spans[0] + 1))
    offered, admitted, shed, fallback = (_whole(each, 3) for each in lines.by_priority)
    served, felt = _whole(lines.served, 9), _whole(lines.felt, 7)
    failures = np.zeros((len(served), len(FAILURES)), np.int64)
    sparse = _whole(lines.failed_calls, 3)
    failures[sparse[:, 0], sparse[:, 1]] = sparse[:, 2]
    asked = np.flatnonzero(offered.sum(axis=1))
    last = int(ticks[asked[-1]]) if len(asked) else int(ticks[0])
    state = journals[0].state
    return Columns(
        where=names_of(journals),
        policy=journals[-1].policy,
        policies=tuple({repr(each.policy): each.policy for each in journals}.values()),
        runs=tuple(journal.run for journal in journals),
        begins=MODES[lines.mode[0]].label if state is not None else Mode.NORMAL.label,
        torn=torn,
        first=first,
        ticks=last - first + 1,
        at=ticks - first,
        spans=spans,
        offered=offered,
        admitted=admitted,
        shed=shed,
        fallback=fallback,
        waiting=_whole([[each] for each in lines.waiting], 1)[:, 0],
        mode=np.array(lines.mode, np.int64),
        cells=tuple(starmap(lambda mode, model: (Mode(_LABELS[mode]), model), lines.cells)),
        served_at=served[:, 0] - first,
        cell=served[:, 1],
        started=served[:, 2],
        finished=served[:, 3],
        settled=served[:, 4:9],
        failures=failures,
        latency=lines.latency.durations(),
        ttft=lines.ttft.durations(),
        felt_at=felt[:, 0] - first,
        begun=felt[:, 2],
        flying=felt[:, 3],
        unjudged=felt[:, 4:7],
        answered=lines.answered.durations(),
        failed=lines.failed.durations(),
    )
