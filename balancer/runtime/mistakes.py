"""Callers' mistakes, counted by caller."""

from __future__ import annotations

import threading
from collections.abc import Mapping

__all__ = ["MOST_CALLERS", "OTHERS", "UNNAMED", "Mistakes"]

MOST_CALLERS = 64
"""Callers with a count of their own; all that come after them share one."""

OTHERS = "other"
"""Name of the callers that share a count."""

UNNAMED = "unnamed"
"""Name of the callers that give no key."""


class Mistakes:
    """How often each caller asked for what the upstream refuses, by the key of its requests."""

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def count(self, key: str | None) -> None:
        """One more."""
        caller = key or UNNAMED
        with self._lock:
            if caller not in self._counts and len(self._counts) >= MOST_CALLERS:
                caller = OTHERS
            self._counts[caller] = self._counts.get(caller, 0) + 1

    def by_caller(self) -> Mapping[str, int]:
        """All of them since the start, most first."""
        with self._lock:
            counts = list(self._counts.items())
        return dict(sorted(counts, key=lambda pair: (-pair[1], pair[0])))

    def after_fork(self) -> None:
        """In the child: nothing is counted twice."""
        self._lock = threading.Lock()
        self._counts = {}
