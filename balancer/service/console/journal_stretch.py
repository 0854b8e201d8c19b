"""A stretch of the service's journal, as a journal of its own that a run can read."""

from __future__ import annotations

import re
from pathlib import Path

from ...core.errors import JournalError
from ...journal_file import open_journal
from ...runtime.balancer import Balancer
from ..incidents.journal_window import journal_paths

__all__ = ["last_hours", "stretch"]

_HOUR_S = 3600.0
_TICK = re.compile(rb'\{"tick":(\d{1,18}),')


def last_hours(balancer: Balancer, hours: int) -> str | None:
    """The last hours of the scenario clock; see `stretch`."""
    now_s = balancer.now_tick * balancer.policy.tick_s
    return stretch(balancer, now_s - hours * _HOUR_S, now_s)


def stretch(balancer: Balancer, from_s: float, to_s: float) -> str | None:
    """The header of a file and its ticks between two scenario seconds; None where there are none.

    Only of one file, the one that has the most of them, of two the newer: another may be of another
    policy, and a policy that was changed a minute ago begins one. The line that is just being
    written is left out. Blocks.
    """
    most: list[bytes] = []
    for path in reversed(journal_paths(balancer.status().journal)):
        found = _of_file(path, from_s, to_s)
        most = found if len(found) > len(most) else most
    return b"".join(most).decode() if len(most) > 1 else None


def _of_file(path: Path, from_s: float, to_s: float) -> list[bytes]:
    try:
        # Ticks are of the length that they have in the file's policy.
        tick_s = open_journal(path).policy.tick_s
        first, last = int(from_s / tick_s), int(to_s / tick_s)
        with path.open("rb") as file:
            kept = [file.readline()]
            for line in file:
                found = _TICK.match(line)
                if found and first <= int(found[1]) <= last and line.endswith(b"\n"):
                    kept.append(line)
    except (OSError, JournalError):
        return []
    return kept
