"""Follows a balancer, and tells of its changes of mode and of incidents."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from balancer.core.modes import Mode

from .notice import Notice
from .words import Change, Step, notice_of

if TYPE_CHECKING:
    from balancer.core.decisions import Decision
    from balancer.core.observations import Observations
    from balancer.runtime.balancer import Balancer

__all__ = ["OPENS_AT", "follow"]

OPENS_AT = Mode.HARD
"""The mildest mode that opens an incident; only normal closes one."""


class _Follower:
    """Knows whether an incident goes on, and since when."""

    def __init__(self, balancer: Balancer, tell: Callable[[Notice], object], service: str) -> None:
        self._balancer = balancer
        self._tell = tell
        self._service = service
        self._mode = balancer.decision.mode
        self._since: float | None = None
        self._incident = ""
        self._worst = Mode.NORMAL

    def observe(self, observations: Observations, decision: Decision) -> None:
        """Once a tick, on the ticker."""
        before, after = self._mode, decision.mode
        if after is before:
            return
        self._mode = after
        now = time.time()
        if before is Mode.NORMAL:
            self._since = now
        step = self._step(after, now)
        policy = self._balancer.policy
        change = Change(
            at=now,
            before=before,
            after=after,
            reasons=tuple(reason.text for reason in decision.reasons),
            since=self._since,
            strategy=policy.strategies[after],
            normal=policy.strategies[Mode.NORMAL],
            incident=step,
            incident_key=self._incident,
            worst=self._worst,
            shadow=self._balancer.status().shadow,
        )
        if after is Mode.NORMAL:
            self._since, self._incident, self._worst = None, "", Mode.NORMAL
        self._tell(notice_of(change, self._service))

    def _step(self, after: Mode, now: float) -> Step:
        self._worst = max(self._worst, after)
        if self._incident:
            return "closed" if after is Mode.NORMAL else "changed"
        if after < OPENS_AT:
            return "none"
        self._incident = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        return "opened"


def follow(
    balancer: Balancer, tell: Callable[[Notice], object], service: str
) -> Callable[[], None]:
    """Tell of what a balancer does from now on.

    Args:
        balancer: to follow.
        tell: called on its ticker, with each notice; must return at once.
        service: name of the application.

    Returns:
        A function that ends it.
    """
    follower = _Follower(balancer, tell, service)
    listener = follower.observe
    balancer.add_listener(listener)
    return lambda: balancer.remove_listener(listener)
