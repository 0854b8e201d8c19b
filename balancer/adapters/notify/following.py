"""Follows a balancer, and tells of its changes of mode and of incidents."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from balancer.core.incidents import Episodes, Moment
from balancer.core.modes import Mode

from .notice import Notice
from .words import Change, notice_of, with_times

if TYPE_CHECKING:
    from balancer.core.decisions import Decision
    from balancer.core.observations import Observations
    from balancer.runtime.balancer import Balancer

__all__ = ["follow"]


class _Follower:
    """Knows whether an incident goes on, and since when."""

    def __init__(self, balancer: Balancer, tell: Callable[[Notice], object], service: str) -> None:
        self._balancer = balancer
        self._tell = tell
        self._service = service
        self._mode = balancer.decision.mode
        self._since: float | None = None
        self._episodes = Episodes(service)

    def observe(self, observations: Observations, decision: Decision) -> None:
        """Once a tick, on the ticker."""
        before, after = self._mode, decision.mode
        if after is before:
            return
        self._mode = after
        now = time.time()
        if before is Mode.NORMAL:
            self._since = now
        policy = self._balancer.policy
        shadow = self._balancer.status().shadow
        moment = Moment(
            key=datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ"),
            at_s=now,
            scenario_s=(decision.tick + 1) * policy.tick_s,
            mode=after,
            reasons=decision.reasons,
            shadow=shadow,
        )
        step = self._episodes.observe(moment)
        change = Change(
            at=now,
            before=before,
            after=after,
            reasons=tuple(
                with_times(
                    reason.text,
                    now=now,
                    now_tick=decision.tick + self._balancer.ahead_ticks,
                    tick_s=self._balancer.clock.wall_s(policy.tick_s),
                )
                for reason in decision.reasons
            ),
            since=self._since,
            strategy=policy.strategies[after],
            normal=policy.strategies[Mode.NORMAL],
            incident="none" if step is None else step.step.value,
            incident_key="" if step is None else step.incident.key,
            worst=None if step is None else step.incident.worst,
            shadow=shadow,
        )
        if after is Mode.NORMAL:
            self._since = None
        self._tell(notice_of(change, self._service))


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
    balancer.listeners.ticks.add(listener)
    return lambda: balancer.listeners.remove(listener)
