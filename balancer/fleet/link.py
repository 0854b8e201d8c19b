"""What a member and the controller's side of a replica hand each other, from two threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..core.observations import Observations
from .changes import Change
from .lines import BEGINNING, Line, Snapshot

__all__ = ["Link"]


class Link:
    """See the module.

    Attributes:
        parts: what was seen, for the member to send.
        changes: of the policy, for the member to send.
        news: snapshots and lines in order, for the controller to follow.
        ends: tick of the log's last line, when the newest snapshot was handed on.
        asks_state: whether the member wants to know what the controller remembers.
        given: that, as a snapshot of no log.
        lost: the controller cannot follow and wants a snapshot.
        wake: called when there is news.
    """

    __slots__ = ("asks_state", "changes", "ends", "given", "lost", "news", "parts", "wake")

    def __init__(self) -> None:
        self.parts: deque[Observations] = deque()
        self.changes: deque[Change] = deque()
        self.news: deque[Line | Snapshot] = deque()
        self.ends = BEGINNING
        self.asks_state = False
        self.given: Snapshot | None = None
        self.lost = False
        self.wake: Callable[[], None] = _nobody_waits


def _nobody_waits() -> None:
    """Nobody waits for news."""
