"""Reads a stretch of scenario time from the journal's files, giving way to calls meanwhile.

The journal is rotated: what it no longer has is left out, and the reader can tell. Files of
another life of the controller, whose scenario seconds count from another epoch, are passed over.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...core.errors import JournalError
from ...core.journal import Entry, Journal
from ...core.policy import Policy
from ...journal_file import open_journal
from ...runtime.journal import JournalFiles

__all__ = ["Line", "journal_paths", "lines"]

_EPOCH_S = 1e-3
_PAUSE_EVERY = 32
_PAUSE_S = 0.002
_log = logging.getLogger("balancer.service")


class Line(NamedTuple):
    """A tick of the journal, with where it stands.

    Attributes:
        begins_s, ends_s: of what was counted, in scenario seconds: all the ticks of the line.
        entry: what was seen and decided.
        policy: under which.
        speed: scenario seconds in a wall second.
    """

    begins_s: float
    ends_s: float
    entry: Entry
    policy: Policy
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    path: Path
    begins_s: float
    tick_s: float
    speed: float


def journal_paths(current: str) -> list[Path]:
    """The files of a journal, oldest first; none where there is no journal."""
    if not current:
        return []
    files = JournalFiles(Path(current))
    return [*files.earlier(), files.path]


def lines(
    paths: Sequence[Path],
    epoch: float | None,
    from_s: float,
    to_s: float,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Line]:
    """The ticks that lie within a stretch, in order.

    A file that is gone or wrong ends what it gives, and the next one is gone on with.

    Args:
        paths: oldest first.
        epoch: Unix time of scenario second 0, by which the right files are known.
        from_s, to_s: scenario seconds.
        pause: called now and then, because whoever reads holds up calls that are served.
    """
    files = [file for path in paths if (file := _opened(path, epoch)) is not None]
    last_s = from_s
    for number, file in enumerate(files):
        following = files[number + 1] if number + 1 < len(files) else None
        if file.begins_s >= to_s or (following is not None and following.begins_s <= from_s):
            continue
        for line in _of_file(file, last_s, to_s, pause):
            last_s = line.ends_s
            yield line


def _of_file(
    file: _File, from_s: float, to_s: float, pause: Callable[[float], None]
) -> Iterator[Line]:
    margin_s = 1e-6
    try:
        before = round((from_s - margin_s) // file.tick_s)
        journal = open_journal(file.path, after_tick=before if from_s > margin_s else None)
        for number, entry in enumerate(journal):
            if number % _PAUSE_EVERY == 0:
                pause(_PAUSE_S)
            observations = entry.observations
            ends_s = (observations.tick + 1) * file.tick_s
            if ends_s > to_s + margin_s:
                return
            if ends_s > from_s + margin_s:
                begins_s = max(from_s, ends_s - observations.ticks * file.tick_s)
                yield Line(begins_s, ends_s, entry, journal.policy, file.speed)
    except JournalError as error:
        _log.warning("a part of the journal cannot be read: %s", error)


def _opened(path: Path, epoch: float | None) -> _File | None:
    """Where a file begins; None for one of another epoch, or that is gone or empty."""
    try:
        journal = open_journal(path)
        own_epoch = journal.run.get("epoch")
        if not _same(own_epoch, epoch):
            return None
        tick_s = journal.policy.tick_s
        state = journal.state
        tick = None if state is None else state.get("tick")
        return _File(
            path=path,
            begins_s=(tick + 1) * tick_s if isinstance(tick, int) else _first_s(journal),
            tick_s=tick_s,
            speed=float(journal.run.get("speed") or 1.0),
        )
    except (JournalError, TypeError, ValueError) as error:
        _log.warning("a part of the journal cannot be read: %s", error)
        return None


def _first_s(journal: Journal) -> float:
    """Where the first line of a file begins that goes on from no state."""
    for entry in journal:
        observations = entry.observations
        return (observations.tick + 1 - observations.ticks) * journal.policy.tick_s
    return math.inf


def _same(own: object, epoch: float | None) -> bool:
    if epoch is None or not isinstance(own, int | float):
        return own is None and epoch is None
    return abs(own - epoch) < _EPOCH_S
