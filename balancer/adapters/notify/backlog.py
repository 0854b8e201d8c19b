"""What waits to be told to one channel, and when. No clock: times come in.

Two bounds keep flapping from flooding. A channel gets at most so many messages in a window, and
the messages of one story are told at growing distances. Whatever comes meanwhile is put
together, and the next message stands for all of it.
"""

from __future__ import annotations

from collections import deque

from .notice import RANKS, Notice, Told
from .timing import Timing

__all__ = ["Backlog"]

MOST_STORIES = 64
LONGEST_TRAIL = 6


class _History:
    """What was told of a story since it was last quiet."""

    __slots__ = ("at", "rank", "times")

    def __init__(self) -> None:
        self.times = 0
        self.at = 0.0
        self.rank = -1


class Backlog:
    """Notices that wait for a channel, one entry a story.

    Args:
        timing: the bounds.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._waiting: dict[str, Told] = {}
        self._history: dict[str, _History] = {}
        self._sent: deque[float] = deque(maxlen=timing.per_window)

    def __len__(self) -> int:
        """How many notices wait."""
        return sum(story.count for story in self._waiting.values())

    def add(self, notice: Notice) -> bool:
        """Let a notice wait; False when too many stories do already."""
        if notice.key not in self._waiting and len(self._waiting) >= MOST_STORIES:
            return False
        self._join(Told(notice=notice, since=notice.at))
        return True

    def _join(self, newer: Told) -> None:
        # The story is put last: the newest of a message comes at its end.
        older = self._waiting.pop(newer.notice.key, None)
        self._waiting[newer.notice.key] = newer if older is None else _joined(older, newer)

    def put_back(self, stories: tuple[Told, ...]) -> None:
        """Take in again what could not be told; what came meanwhile is newer."""
        newer = list(self._waiting.values())
        self._waiting = {story.notice.key: story for story in stories}
        for story in newer:
            self._join(story)

    def due_s(self, now_s: float) -> float | None:
        """Seconds until something may be told; None when nothing waits."""
        if not self._waiting:
            return None
        free_at = now_s
        if len(self._sent) == self._timing.per_window:
            free_at = self._sent[0] + self._timing.window_s
        story_at = min(self._story_at(story, now_s) for story in self._waiting.values())
        return max(free_at, story_at, now_s) - now_s

    def _story_at(self, story: Told, now_s: float) -> float:
        history = self._history.get(story.notice.key)
        if history is None or now_s - history.at >= self._timing.quiet_s:
            return now_s
        if RANKS[story.notice.level] > history.rank:
            return now_s
        gaps_s = self._timing.gaps_s
        return history.at + gaps_s[min(history.times, len(gaps_s)) - 1]

    def take(self) -> tuple[Told, ...]:
        """All that waits: a message that goes anyway may as well say everything."""
        stories = tuple(self._waiting.values())
        self._waiting = {}
        return stories

    def sent(self, stories: tuple[Told, ...], now_s: float) -> None:
        """Note that a message was told."""
        self._sent.append(now_s)
        quiet = [
            key
            for key, history in self._history.items()
            if now_s - history.at >= self._timing.quiet_s
        ]
        for key in quiet:
            del self._history[key]
        for story in stories:
            history = self._history.setdefault(story.notice.key, _History())
            history.times += 1
            history.at = now_s
            history.rank = max(history.rank, RANKS[story.notice.level])


def _joined(older: Told, newer: Told) -> Told:
    trail = (*_trail(older), *_trail(newer))[-LONGEST_TRAIL:]
    return Told(
        notice=newer.notice,
        count=older.count + newer.count,
        since=older.since,
        trail=trail,
    )


def _trail(story: Told) -> tuple[tuple[float, str], ...]:
    return story.trail or ((story.notice.at, story.notice.title),)
