"""Notifications as the environment asks for them, checked once at the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urlsplit

from balancer.core.errors import InputError, nearest
from balancer.units import parse_seconds

from .channels import VARIABLE, Channel, parse_channels
from .notice import LEVELS, Level

__all__ = ["LEVEL_VARIABLE", "LINK_VARIABLE", "RATE_VARIABLE", "NotifySettings"]

LEVEL_VARIABLE: Final = "OPEN_BALANCER_NOTIFY_LEVEL"
RATE_VARIABLE: Final = "OPEN_BALANCER_NOTIFY_PER_MINUTE"
NEXT_VARIABLE: Final = "OPEN_BALANCER_ESCALATION"
AFTER_VARIABLE: Final = "OPEN_BALANCER_ESCALATE_AFTER"
LINK_VARIABLE: Final = "OPEN_BALANCER_PUBLIC_URL"
SERVICE_VARIABLE: Final = "OTEL_SERVICE_NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """What is told to whom.

    Attributes:
        channels: where to (`OPEN_BALANCER_NOTIFY`); none is nobody.
        level: the least that is told (`OPEN_BALANCER_NOTIFY_LEVEL`).
        per_minute: most messages to a channel in a minute (`OPEN_BALANCER_NOTIFY_PER_MINUTE`).
        service: name of the application (`OTEL_SERVICE_NAME`).
        link: where to look (`OPEN_BALANCER_PUBLIC_URL`), or "".
        escalation: who is told of an incident that nobody takes up, one after the other
            (`OPEN_BALANCER_ESCALATION`); none: `channels` again, once.
        escalate_after_s: how long each step waits (`OPEN_BALANCER_ESCALATE_AFTER`); None: no
            incident is told again.
    """

    channels: tuple[Channel, ...] = field(default=())
    level: Level = "info"
    per_minute: int = 6
    service: str = "open-balancer"
    link: str = ""
    escalation: tuple[Channel, ...] = field(default=())
    escalate_after_s: float | None = 900.0

    @property
    def every_channel(self) -> tuple[Channel, ...]:
        """All that may ever be told, each once."""
        return tuple(dict.fromkeys((*self.channels, *self.escalation)))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> NotifySettings:
        """Read the variables; what is set to nothing counts as not set.

        Raises:
            InputError: one that cannot be used. The message never shows a channel's address.
        """
        channels = parse_channels(environment.get(VARIABLE, ""))
        return cls(
            channels=channels,
            level=_level(environment.get(LEVEL_VARIABLE, "")),
            per_minute=_per_minute(environment.get(RATE_VARIABLE, "")),
            service=environment.get(SERVICE_VARIABLE, "").strip() or "open-balancer",
            link=_link(environment.get(LINK_VARIABLE, "")),
            escalation=_escalation(environment.get(NEXT_VARIABLE, ""), channels),
            escalate_after_s=_after_s(environment.get(AFTER_VARIABLE, "")),
        )


def _level(said: str) -> Level:
    level = said.strip().lower() or "info"
    if level not in LEVELS:
        raise InputError(
            f"found {level[:40]!r}, expected {', '.join(LEVELS)}{nearest(level, LEVELS)}",
            where=LEVEL_VARIABLE,
        )
    return cast("Level", level)


def _per_minute(said: str) -> int:
    text = said.strip() or "6"
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 60):
        raise InputError(
            f"found {text[:40]!r}, expected messages in a minute, 1 to 60", where=RATE_VARIABLE
        )
    return int(text)


def _escalation(said: str, first: tuple[Channel, ...]) -> tuple[Channel, ...]:
    steps = parse_channels(said, NEXT_VARIABLE)
    if steps and not first:
        raise InputError(
            f"found steps and no {VARIABLE}, which is who is told first", where=NEXT_VARIABLE
        )
    return steps


def _after_s(said: str) -> float | None:
    text = said.strip().lower() or "15m"
    if text == "off":
        return None
    try:
        seconds = parse_seconds(text)
    except ValueError:
        seconds = 0.0
    if seconds < 60.0:
        raise InputError(
            f"found {text[:40]!r}, expected a time of a minute or longer, such as 15m, or off",
            where=AFTER_VARIABLE,
        )
    return seconds


def _link(said: str) -> str:
    link = said.strip()
    if not link:
        return ""
    try:
        parts = urlsplit(link)
        fits = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        fits = False
    if not fits or any(sign.isspace() or sign in '<>|"' for sign in link):
        raise InputError(
            "found no URL that people can open; expected one such as "
            "https://balancer.example.org, without credentials",
            where=LINK_VARIABLE,
        )
    return link
