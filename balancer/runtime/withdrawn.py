"""Edits that the upstream refused, and that are therefore not made again for a while.

A plan's edit that gets a call a 4xx, which passes as its caller wrote it, is our mistake. It is
withdrawn for what it was made to: the mode whose plan it is, the model that was called, the model
that was asked for, the service tier that the plan writes, and the request's shape (the names of the
members that it has). Calls alike then go as they were written, until an hour is over or the policy
changes. Where a project may not use a model (403, 404), only its own calls do: others may.
"""

from __future__ import annotations

import logging
import threading
from typing import NamedTuple

from ..core.modes import Mode

__all__ = ["MOST", "WITHDRAWN_S", "Edit", "Withdrawn"]

WITHDRAWN_S = 3600.0
"""How long an edit is not made again, in scenario seconds."""

MOST = 256
"""Most edits that are remembered; the oldest one goes first."""

_OF_A_PROJECT = (403, 404)
"""Statuses that say what one project may not use."""

logger = logging.getLogger("balancer")


class Edit(NamedTuple):
    """What a plan does to a kind of request.

    Attributes:
        mode: of the plan.
        model: that is called.
        asked: the model that the caller named.
        shape: names of the members that the request has.
        project: whose calls alone it is refused; "" is everybody's.
        tier: service tier that the plan writes; "" where it leaves the caller's.
    """

    mode: Mode
    model: str
    asked: str
    shape: str
    project: str = ""
    tier: str = ""

    def refused(self, status: int) -> Edit:
        """What is withdrawn of it after a refusal with a status of HTTP."""
        return self if status in _OF_A_PROJECT else self._replace(project="")

    def __str__(self) -> str:
        moved = f"moved from {self.asked}" if self.model != self.asked else "as asked for"
        whose = f" of {self.project}" if self.project else ""
        tier = f" in the {self.tier} tier" if self.tier else ""
        return (
            f"{self.mode.label}: edits of requests{whose} to {self.model}{tier} "
            f"({moved}; {self.shape})"
        )


class Withdrawn:
    """See the module.

    Attributes:
        total: how often an edit was withdrawn, since the start.
    """

    __slots__ = ("_lock", "_until_s", "total")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until_s: dict[Edit, float] = {}
        self.total = 0

    def __bool__(self) -> bool:
        """Whether any edit is withdrawn: without that, nobody need say what a request is like."""
        return bool(self._until_s)

    def add(self, edit: Edit, now_s: float) -> None:
        """Withdraw an edit that was refused where the request as written was not."""
        with self._lock:
            before = self._until_s.pop(edit, None)
            self._until_s[edit] = now_s + WITHDRAWN_S
            self.total += 1
            if len(self._until_s) > MOST:
                del self._until_s[next(iter(self._until_s))]
        if before is None:
            logger.warning("%s are withdrawn: the upstream refuses what we made of them", edit)

    def holds(self, edit: Edit, now_s: float) -> bool:
        """Whether an edit is not to be made, of its project's calls or of anybody's."""
        return any(self._holds(each, now_s) for each in {edit, edit._replace(project="")})

    def _holds(self, edit: Edit, now_s: float) -> bool:
        until_s = self._until_s.get(edit)
        if until_s is None:
            return False
        if now_s < until_s:
            return True
        with self._lock:
            self._until_s.pop(edit, None)
        return False

    def forget(self) -> None:
        """All edits may be made again: the policy has changed."""
        with self._lock:
            self._until_s.clear()

    def texts(self, now_s: float) -> tuple[str, ...]:
        """What is withdrawn now, for a person."""
        with self._lock:
            return tuple(str(edit) for edit, until_s in self._until_s.items() if now_s < until_s)

    def after_fork(self) -> None:
        """In the child: a lock that no other thread holds."""
        self._lock = threading.Lock()
