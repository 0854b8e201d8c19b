"""Monitors outside: the policy's rules as a hosted service evaluates them, and its webhooks.

Such a service sees what all modes served together, some time late, once a minute; it knows
neither modes nor probes nor statistical margins, and its messages may get lost or come
twice. What it says reaches the controller as `Alert`s and nothing else.
"""

from __future__ import annotations

from collections import deque

from balancer.core.observations import Alert, Observations
from balancer.core.policy import Policy
from balancer.core.signals import Bound, Signals
from balancer.core.windows import ALL
from scenarios.schema import Monitors

from ..streams import MONITOR_COPY, MONITOR_LOSS, uniform

__all__ = ["MonitoringService"]

Message = tuple[float, Alert]
"""When it arrives, in seconds of the scenario, and what it says."""


class MonitoringService:
    """Evaluates every rule of a policy from outside.

    Args:
        policy: its rules and its exit ratio, which is where a monitor recovers.
        monitors: how often, how late and how reliably.
        key: stream key of the replication, for what gets lost or comes twice.
    """

    __slots__ = (
        "_broken_since",
        "_every_ticks",
        "_key",
        "_lag_ticks",
        "_late",
        "_messages",
        "_monitors",
        "_policy",
        "_signals",
        "_told_at",
    )

    def __init__(self, policy: Policy, monitors: Monitors, key: int) -> None:
        self._policy = policy
        self._monitors = monitors
        self._key = key
        self._signals = Signals(policy)
        self._every_ticks = max(1, round(monitors.every / policy.tick_s))
        self._lag_ticks = round(monitors.lag / policy.tick_s)
        self._late: deque[Observations] = deque()
        self._broken_since: list[int | None] = [None] * len(policy.rules)
        self._told_at: list[int | None] = [None] * len(policy.rules)
        self._messages = 0

    def observe(self, observations: Observations) -> list[Message]:
        """Take in a tick that just ended.

        Returns:
            What is told because of it, in no order.
        """
        tick = observations.tick
        self._late.append(observations)
        while self._late and self._late[0].tick + self._lag_ticks <= tick:
            self._signals.observe(self._late.popleft())
        if (tick + 1) % self._every_ticks or self._signals.windows.tick < 0:
            return []
        told: list[Message] = []
        both = zip(self._signals.entry, self._signals.exits, strict=True)
        for place, (entry, leave) in enumerate(both):
            raised = self._evaluate(place, entry, leave, tick)
            if raised is not None:
                told += self._send(place, tick, raised=raised)
        return told

    def _evaluate(self, place: int, entry: Bound, leave: Bound, tick: int) -> bool | None:
        """Whether a monitor tells of a trigger or of a recovery now; None: of nothing."""
        told_at = self._told_at[place]
        if told_at is None:
            if not self._beyond(entry):
                self._broken_since[place] = None
                return None
            since = self._broken_since[place]
            since = self._broken_since[place] = tick if since is None else since
            if tick - since < entry.sustained_ticks:
                return None
        elif self._beyond(leave) is False:
            self._told_at[place] = self._broken_since[place] = None
            return False
        elif (tick - told_at) * self._policy.tick_s < self._monitors.renotify:
            return None
        self._told_at[place] = tick
        return True

    def _beyond(self, bound: Bound) -> bool | None:
        """A plain threshold on everything in the window; None without data."""
        since = self._signals.windows.tick - bound.window_ticks
        return self._signals.judge(bound, ALL, since, z=0.0, min_samples=1)

    def _send(self, place: int, tick: int, *, raised: bool) -> list[Message]:
        rule, monitors = self._policy.rules[place], self._monitors
        message = Alert(
            key=f"monitor {rule.name}",
            at_tick=tick,
            mode=rule.level,
            raised=raised,
            lifetime_ticks=max(1, round(monitors.lifetime / self._policy.tick_s)),
        )
        number = self._messages
        self._messages += 1
        arrives_s = (tick + 1) * self._policy.tick_s + monitors.delivery
        sent = []
        if uniform(self._key, MONITOR_LOSS, number, 0) >= monitors.loss:
            sent.append((arrives_s, message))
        if uniform(self._key, MONITOR_COPY, number, 0) < monitors.duplicates:
            sent.append((arrives_s + monitors.every, message))
        return sent
