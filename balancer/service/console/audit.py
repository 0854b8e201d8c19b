"""Who changed what: kept in the history, with what was before and what is after."""

from __future__ import annotations

import logging
import time

from ..api.dependencies import Dependencies
from ..history.tables import AUDIT
from .sessions import Visitor

__all__ = ["Audit"]

_LONGEST = 4000
_log = logging.getLogger("balancer.service.console")


class Audit:
    """Writes the audit log.

    Args:
        dependencies: the history, and whose it is.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    def add(self, visitor: Visitor, what: str, *, before: str = "", after: str = "") -> None:
        """Note a change, in the history and in the service's log. Returns at once.

        Args:
            visitor: who.
            what: "hold a mode", "log in" and the like.
            before, after: what was and what is; never a secret. Long ones are cut.
        """
        _log.info("%s (%s): %s", visitor.name, visitor.role.label, what)
        self._dependencies.store.add(
            AUDIT,
            at=time.time(),
            who=visitor.name,
            role=visitor.role.label,
            what=what,
            before=before[:_LONGEST],
            after=after[:_LONGEST],
            owner=self._dependencies.tracker.owner,
        )
