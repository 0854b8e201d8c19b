"""Which notices are told at all: those of the least level asked for, and ends of what was told."""

from __future__ import annotations

from collections import OrderedDict

from .notice import RANKS, Notice

__all__ = ["StoryFilter"]

_MOST_KEYS = 1_000


class StoryFilter:
    """Remembers of each story whether any of it was told.

    A story that never reached the level ends untold; one whose beginning is not known (a
    process before this one may have told it) ends told.

    Args:
        level: the least that is told.
    """

    def __init__(self, level: str) -> None:
        self._least = RANKS[level]
        self._told: OrderedDict[str, bool] = OrderedDict()

    def passes(self, notice: Notice) -> bool:
        """Whether to tell a notice."""
        key = notice.key
        if notice.level == "resolved":
            return self._told.pop(key, True)
        passes = RANKS[notice.level] >= self._least
        self._told[key] = passes or self._told.get(key, False)
        self._told.move_to_end(key)
        if len(self._told) > _MOST_KEYS:
            self._told.popitem(last=False)
        return passes
