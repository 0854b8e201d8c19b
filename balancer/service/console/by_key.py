"""Requests by the key that their callers gave, minute by minute for a day."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ...runtime.calls import RequestRecord

__all__ = ["ByKey", "KeyRow"]

_MINUTE_S = 60.0
_DAY_MINUTES = 1440
_MOST_KEYS = 200
OTHERS = "(others)"
NO_KEY = "(no key)"


@dataclass(slots=True)
class KeyRow:
    """Requests of one key.

    Attributes:
        requests: that are over.
        answered: by a model.
        refused: by a plan, a limit or a budget.
        nano_usd: what they cost.
    """

    requests: int = 0
    answered: int = 0
    refused: int = 0
    nano_usd: int = 0

    def take(self, other: KeyRow) -> None:
        """Add another's."""
        self.requests += other.requests
        self.answered += other.answered
        self.refused += other.refused
        self.nano_usd += other.nano_usd


class ByKey:
    """Takes in every request that is over; asked now and then, from any thread.

    Args:
        now_s: monotonic seconds.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._minutes: deque[tuple[int, dict[str, KeyRow]]] = deque(maxlen=_DAY_MINUTES)
        self._untold: dict[str, KeyRow] = {}

    def add(self, record: RequestRecord) -> None:
        """Take in a request; on its caller's time."""
        minute = int(self._now_s() // _MINUTE_S)
        nano_usd = sum(call.nano_usd for call in record.calls)
        name = NO_KEY if record.key is None else record.key
        with self._lock:
            if not self._minutes or self._minutes[-1][0] != minute:
                self._minutes.append((minute, {}))
            for rows in (self._minutes[-1][1], self._untold):
                row = _row(rows, name)
                row.requests += 1
                row.answered += record.answered
                row.refused += bool(record.refusal)
                row.nano_usd += nano_usd

    def minute(self) -> dict[str, KeyRow]:
        """By key, since this was asked last: for whoever writes it down."""
        with self._lock:
            found, self._untold = self._untold, {}
        return found

    def last(self, seconds: float) -> dict[str, KeyRow]:
        """By key, of the last so many wall seconds, in whole minutes; the dearest first."""
        oldest = (self._now_s() - seconds) // _MINUTE_S
        found: dict[str, KeyRow] = {}
        with self._lock:
            for minute, rows in self._minutes:
                if minute >= oldest:
                    for name, row in rows.items():
                        found.setdefault(name, KeyRow()).take(row)
        order = sorted(found.items(), key=lambda item: (-item[1].nano_usd, -item[1].requests))
        return dict(order)


def _row(rows: dict[str, KeyRow], name: str) -> KeyRow:
    # Whoever may choose keys must not choose how much is kept.
    found = rows.get(name)
    if found is None:
        found = rows.setdefault(name if len(rows) < _MOST_KEYS else OTHERS, KeyRow())
    return found
