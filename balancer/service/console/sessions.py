"""Who is logged in: sessions in memory, so that a restart ends them all."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from ..access import matches
from ..audit import Author
from ..console_use import Person, Role

__all__ = ["COOKIE", "Sessions", "Visitor", "person_of"]

COOKIE = "open_balancer_console"
_LONGEST_S = 12 * 3600.0
_IDLE_S = 2 * 3600.0
_MOST = 1000


@dataclass(slots=True, kw_only=True)
class Visitor:
    """Whoever asks for a page.

    Attributes:
        name: of the person.
        role: what they may do.
        csrf: what whatever changes something must carry, as the field `csrf` or the header
            `x-csrf-token`.
        logged_in: whether there is a session to log out of.
        said: what the next page shows once.
    """

    name: str
    role: Role
    csrf: str = field(repr=False)
    logged_in: bool = False
    said: str = ""

    @property
    def author(self) -> Author:
        """For the audit log."""
        return Author(name=self.name, role=self.role.label, origin="console")


@dataclass(slots=True, kw_only=True)
class _Session:
    visitor: Visitor
    begun_s: float
    seen_s: float


class Sessions:
    """Sessions by the secret in their cookie; the longest unused ends when there are 1,000.

    Args:
        now_s: monotonic seconds.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, name: str, role: Role) -> str:
        """Log somebody in; returns the cookie's value."""
        secret, now = secrets.token_urlsafe(32), self._now_s()
        visitor = Visitor(name=name, role=role, csrf=secrets.token_urlsafe(24), logged_in=True)
        self._sessions[secret] = _Session(visitor=visitor, begun_s=now, seen_s=now)
        if len(self._sessions) > _MOST:
            self._sessions.popitem(last=False)
        return secret

    def find(self, secret: str | None) -> Visitor | None:
        """Whose session it is; None for one that ended, or never was."""
        session = self._sessions.get(secret or "")
        if session is None or secret is None:
            return None
        now = self._now_s()
        if now - session.begun_s > _LONGEST_S or now - session.seen_s > _IDLE_S:
            del self._sessions[secret]
            return None
        session.seen_s = now
        self._sessions.move_to_end(secret)
        return session.visitor

    def end(self, secret: str | None) -> None:
        """Log somebody out."""
        self._sessions.pop(secret or "", None)


def person_of(token: str, people: tuple[Person, ...]) -> Person | None:
    """Whose token it is. Every one is looked at, so that time tells nothing of them."""
    found = [person for person in people if matches(token, person.token)]
    return found[0] if found else None
