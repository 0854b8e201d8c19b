"""Who changed what: kept in the history, with what was before and what is after."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .console_use import Role
from .history import Store
from .history.tables import AUDIT

__all__ = ["POLICY_FILE", "Audit", "Author", "api_author"]

_LONGEST = 4000
_log = logging.getLogger("balancer.service.audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Whoever changes something.

    Attributes:
        name: of the person, or of what stands for one.
        role: its label; "" where there is no person.
        origin: the way that the change came.
    """

    name: str
    role: str
    origin: Literal["console", "api", "file"]


POLICY_FILE = Author(name="policy file", role="", origin="file")
"""Of a change that somebody made where the service runs: nobody can say who."""


def api_author(token: str | None) -> Author:
    """Of a change by the API: its token is the service's own, which is the console's `admin`."""
    name = "local" if token is None else "admin"
    return Author(name=name, role=Role.ADMIN.label, origin="api")


class Audit:
    """Writes the audit log.

    Args:
        store: the history.
        owner: gives the name of this service.
    """

    def __init__(self, store: Store, owner: Callable[[], str]) -> None:
        self._store = store
        self._owner = owner

    def add(self, author: Author, what: str, *, before: str = "", after: str = "") -> None:
        """Note a change, in the history and in the service's log. Returns at once.

        Args:
            author: who.
            what: "hold a mode", "log in" and the like.
            before, after: what was and what is; never a secret. Long ones are cut.
        """
        _log.info("%s (%s, %s): %s", author.name, author.role or "–", author.origin, what)
        self._store.add(
            AUDIT,
            at=time.time(),
            who=author.name,
            role=author.role,
            origin=author.origin,
            what=what,
            before=before[:_LONGEST],
            after=after[:_LONGEST],
            owner=self._owner(),
        )
