"""Who may use the console, from the environment: people, their roles and their tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import InputError, nearest
from .links import Links, links_of

__all__ = ["ConsoleUse", "OidcUse", "Person", "Role", "console_use"]

_PEOPLE = "OPEN_BALANCER_CONSOLE_USERS"
_PUBLIC = "OPEN_BALANCER_CONSOLE_PUBLIC"
_OIDC = "OPEN_BALANCER_OIDC"
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
        """Its name, in small letters."""
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
class OidcUse:
    """An OpenID provider through which people log in.

    Attributes:
        issuer: its address, without a slash at the end.
        client_id, client_secret: as it knows the service.
        claim: of its ID token, whose values say who may do what.
        roles: by value of the claim; "*" is for everybody whom it knows.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    claim: str = "groups"
    roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleUse:
    """How the console is used.

    Attributes:
        people: beside whoever has the service's own token, who is `admin`.
        public: whether anybody who reaches the service may look at it without a log-in.
        oidc: provider through which people log in, too.
        procedures: folder of what to do in an incident, in Markdown; None: there is none.
        links: to traces and logs.
    """

    people: tuple[Person, ...] = ()
    public: bool = False
    oidc: OidcUse | None = None
    procedures: Path | None = None
    links: Links = field(default_factory=Links)


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
        people=people,
        public=public == "on",
        oidc=_oidc(environment),
        procedures=Path(folder) if folder else None,
        links=links_of(environment),
    )


def _oidc(environment: Mapping[str, str]) -> OidcUse | None:
    issuer, client, secret, roles = (
        environment.get(f"{_OIDC}_{name}", "").strip()
        for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "ROLES")
    )
    if not issuer:
        return None
    if not (client and secret and roles):
        raise InputError(
            f"{_OIDC}_ISSUER is set; expected {_OIDC}_CLIENT_ID, {_OIDC}_CLIENT_SECRET and "
            f"{_OIDC}_ROLES (such as ops:operator,*:viewer) beside it"
        )
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise InputError(f"{_OIDC}_ISSUER is {issuer!r}; expected an address with https")
    return OidcUse(
        issuer=issuer.rstrip("/"),
        client_id=client,
        client_secret=secret,
        claim=environment.get(f"{_OIDC}_CLAIM", "").strip() or "groups",
        roles={name: role for each in roles.split(",") for name, role in [_mapped(each.strip())]},
    )


def _mapped(text: str) -> tuple[str, Role]:
    value, _, role = text.rpartition(":")
    if not value:
        raise InputError(f"{_OIDC}_ROLES has {text!r}; expected VALUE:ROLE, with commas between")
    return value, _role(role, f"{_OIDC}_ROLES", value)


def _role(name: str, variable: str, whose: str) -> Role:
    roles = {each.label: each for each in Role}
    if name not in roles:
        raise InputError(
            f"{variable} gives {whose!r} the role {name!r}{nearest(name, roles)}; expected "
            f"{', '.join(roles)}"
        )
    return roles[name]


def _person(text: str) -> Person:
    name, _, rest = text.partition(":")
    role, _, token = rest.partition(":")
    if not _NAME.fullmatch(name) or not token:
        raise InputError(
            f"{_PEOPLE} has an entry that is no NAME:ROLE:TOKEN; expected such as "
            "ana:operator:…, with commas between them"
        )
    found = _role(role, _PEOPLE, name)
    if not _TOKEN.fullmatch(token):
        raise InputError(
            f"{_PEOPLE}: the token of {name!r} needs at least 16 characters, without spaces; take "
            "the output of `openssl rand -hex 32`"
        )
    return Person(name=name, role=found, token=token)
