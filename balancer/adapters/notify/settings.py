"""Notifications as the environment asks for them, checked once at the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urlsplit

from balancer.core.errors import InputError, nearest

from .channels import VARIABLE, Channel, parse_channels
from .notice import LEVELS, Level

__all__ = ["LEVEL_VARIABLE", "LINK_VARIABLE", "RATE_VARIABLE", "NotifySettings"]

LEVEL_VARIABLE: Final = "OPEN_BALANCER_NOTIFY_LEVEL"
RATE_VARIABLE: Final = "OPEN_BALANCER_NOTIFY_PER_MINUTE"
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
    """

    channels: tuple[Channel, ...] = field(default=())
    level: Level = "info"
    per_minute: int = 6
    service: str = "open-balancer"
    link: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> NotifySettings:
        """Read the variables; what is set to nothing counts as not set.

        Raises:
            InputError: one that cannot be used. The message never shows a channel's address.
        """
        return cls(
            channels=parse_channels(environment.get(VARIABLE, "")),
            level=_level(environment.get(LEVEL_VARIABLE, "")),
            per_minute=_per_minute(environment.get(RATE_VARIABLE, "")),
            service=environment.get(SERVICE_VARIABLE, "").strip() or "open-balancer",
            link=_link(environment.get(LINK_VARIABLE, "")),
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
