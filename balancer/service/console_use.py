"""Who may use the console, from the environment: people, their roles and their tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from ..core.errors import InputError, nearest

__all__ = ["ConsoleUse", "Person", "Role", "console_use"]

_PEOPLE = "OPEN_BALANCER_CONSOLE_USERS"
_PUBLIC = "OPEN_BALANCER_CONSOLE_PUBLIC"
_PROCEDURES = "OPEN_BALANCER_PROCEDURES"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_TOKEN = re.compile(r"[\x21-\x2b\x2d-\x7e]{16,}")


class Role(IntEnum):
    """What somebody may do; each may do what those below it may."""

    VIEWER = 0
    """Look at everything but the settings."""
    OPERATOR = 1
    """Hold modes, use the kill switch, change the policy, note incidents, start runs."""
    ADMIN = 2
    """See the settings and the audit log."""

    @property
    def label(self) -> str:
        """As it is written."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may log in.

    Attributes:
        name: for the audit log.
        role: what they may do.
        token: what they log in with.
    """

    name: str
    role: Role
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleUse:
    """How the console is used.

    Attributes:
        people: beside whoever has the service's own token, who is `admin`.
        public: whether anybody who reaches the service may look at it without a log-in.
        procedures: folder of what to do in an incident, in Markdown; None: there is none.
    """

    people: tuple[Person, ...] = ()
    public: bool = False
    procedures: Path | None = None


def console_use(environment: Mapping[str, str]) -> ConsoleUse:
    """From the environment; what is set to nothing counts as not set.

    Raises:
        InputError: a variable that cannot be meant, without any token.
    """
    given = environment.get(_PEOPLE, "")
    people = tuple(_person(each.strip()) for each in given.split(",") if each.strip())
    names = [person.name for person in people]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{_PEOPLE} names {name!r} twice")
    public = environment.get(_PUBLIC, "").strip().lower() or "off"
    if public not in ("on", "off"):
        raise InputError(f"{_PUBLIC} is {public!r}; expected on or off")
    folder = environment.get(_PROCEDURES, "").strip()
    if folder and not Path(folder).is_dir():
        raise InputError(f"{_PROCEDURES} is {folder!r}; expected a folder of Markdown files")
    return ConsoleUse(
        people=people, public=public == "on", procedures=Path(folder) if folder else None
    )


def _person(text: str) -> Person:
    name, _, rest = text.partition(":")
    role, _, token = rest.partition(":")
    if not _NAME.fullmatch(name) or not token:
        raise InputError(
            f"{_PEOPLE} has an entry that is no NAME:ROLE:TOKEN; expected such as "
            "ana:operator:…, with commas between them"
        )
    roles = {each.label: each for each in Role}
    if role not in roles:
        raise InputError(
            f"{_PEOPLE} gives {name!r} the role {role!r}{nearest(role, roles)}; expected "
            f"{', '.join(roles)}"
        )
    if not _TOKEN.fullmatch(token):
        raise InputError(
            f"{_PEOPLE}: the token of {name!r} needs at least 16 characters, without spaces; take "
            "the output of `openssl rand -hex 32`"
        )
    return Person(name=name, role=roles[role], token=token)
