"""What is told: notices, and the messages that they are put into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from balancer.core.errors import MisuseError

__all__ = ["LEVELS", "RANKS", "Kind", "Level", "Message", "Notice", "Told"]

Kind = Literal["mode", "incident", "test"]
Level = Literal["info", "warning", "critical", "resolved"]

LEVELS: Final = ("info", "warning", "critical")
"""Levels that may be asked for as the least, the mildest first."""
RANKS: Final[dict[str, int]] = {"info": 0, "resolved": 0, "warning": 1, "critical": 2}
"""How urgent each level is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that happened, for people.

    Attributes:
        kind: what it is about.
        level: how bad; "resolved" ends a story.
        title: one line.
        text: the rest, in lines.
        at: Unix time, in seconds.
        key: of the story. Notices of one story follow each other: when they come fast, the
            newest stands for all of them.

    Raises:
        MisuseError: an unknown level, or a time that is none.
    """

    kind: Kind
    level: Level
    title: str
    text: str
    at: float
    key: str

    def __post_init__(self) -> None:
        if self.level not in RANKS:
            raise MisuseError(f"level is {self.level!r}; expected one of {', '.join(RANKS)}")
        if not math.isfinite(self.at):
            raise MisuseError(f"at is {self.at!r}; expected a Unix time in seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A story as a message tells it.

    Attributes:
        notice: the newest.
        count: how many notices it stands for.
        since: Unix time of the first of them.
        trail: the last few, as (Unix time, title), the oldest first; empty for a single one.
    """

    notice: Notice
    count: int = 1
    since: float = 0.0
    trail: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes to a channel at once.

    Attributes:
        id: the same when it is sent again.
        stories: at least one, the newest last.
        service: name of the application.
        link: where to look, or "".
    """

    id: str
    stories: tuple[Told, ...]
    service: str
    link: str

    @property
    def head(self) -> Notice:
        """The notice that it is shown as: the most urgent, of several the newest."""
        notices = [story.notice for story in self.stories]
        return max(reversed(notices), key=lambda notice: RANKS[notice.level])

    @property
    def stands_for(self) -> int:
        """How many notices are in it."""
        return sum(story.count for story in self.stories)
