"""Orders from outside: external alerts and operator overrides, and when they end.

Messages may be late, twice or out of order. Of one alert key the newest message holds, so a
trigger that arrives after its own recovery changes nothing, and within one tick a recovery is
newer than a trigger. Of overrides the newest holds too, within one tick by their numbers.
Everything ends by itself: a recovery that got lost cannot hold a mode for ever. A flood of keys
cannot hold the memory either: past `MAX_KEYS` those that ask for least are forgotten first.
"""

from __future__ import annotations

from .modes import Mode
from .observations import Alert, Observations, Override

__all__ = ["Orders"]

MEMORY_TICKS = 86_400
"""How long the newest message of a key is remembered, against stragglers."""
MAX_KEYS = 10_000


class Orders:
    """The alerts and the override that hold now."""

    __slots__ = ("_alerts", "_override", "tick")

    def __init__(self) -> None:
        self.tick = -1
        self._alerts: dict[str, Alert] = {}
        self._override: Override | None = None

    def observe(self, observations: Observations) -> None:
        """Take in the messages of a tick; their order among themselves does not matter."""
        self.tick = observations.tick
        if not (observations.alerts or observations.overrides or self._alerts):
            return
        for alert in observations.alerts:
            known = self._alerts.get(alert.key)
            if known is None or _newness(alert) > _newness(known):
                self._alerts[alert.key] = alert
        for order in observations.overrides:
            if self._override is None or _later(order) > _later(self._override):
                self._override = order
        if self._alerts:
            self._alerts = {
                key: alert
                for key, alert in self._alerts.items()
                if alert.at_tick + max(alert.lifetime_ticks, MEMORY_TICKS) > self.tick
            }
        if len(self._alerts) > MAX_KEYS:
            kept = sorted(self._alerts.values(), key=self._weight)[-MAX_KEYS:]
            self._alerts = {alert.key: alert for alert in kept}

    def _holds(self, alert: Alert) -> bool:
        return alert.raised and self.tick < alert.at_tick + alert.lifetime_ticks

    def _weight(self, alert: Alert) -> tuple[bool, Mode, int, str]:
        return self._holds(alert), alert.mode, alert.at_tick, alert.key

    @property
    def none(self) -> bool:
        """Whether there are none, not even such as hold no longer."""
        return not self._alerts and self._override is None

    def override(self) -> Override | None:
        """The operator's order that holds now."""
        order = self._override
        return order if order is not None and self.tick < order.until_tick else None

    def floor(self) -> Alert | None:
        """The alert that holds now and asks for the worst mode."""
        if not self._alerts:
            return None
        holding = [alert for alert in self._alerts.values() if self._holds(alert)]
        return max(holding, key=lambda alert: (alert.mode, alert.key), default=None)

    def state(self) -> dict[str, object]:
        """Plain values."""
        order = self._override
        return {
            "tick": self.tick,
            "alerts": [
                [a.key, a.at_tick, int(a.mode), a.raised, a.lifetime_ticks]
                for a in self._alerts.values()
            ],
            "override": None
            if order is None
            else [order.at_tick, order.until_tick, int(order.mode), order.reason, order.number],
        }

    def restore(self, state: dict[str, object]) -> None:
        """Take back what `state` gave."""
        tick, alerts, order = state["tick"], state["alerts"], state["override"]
        assert isinstance(tick, int)
        assert isinstance(alerts, list)
        self.tick = tick
        self._alerts = {
            key: Alert(key, at, Mode(mode), raised, lifetime)
            for key, at, mode, raised, lifetime in alerts
        }
        if isinstance(order, list):
            # A state from before there were numbers has none.
            at, until, mode, reason, *number = order
            self._override = Override(at, until, Mode(mode), reason, *number)


def _newness(alert: Alert) -> tuple[int, bool, Mode, int]:
    # A recovery counts as newer than a trigger of the same tick; the rest only makes the
    # choice independent of the order of arrival.
    return alert.at_tick, not alert.raised, alert.mode, alert.lifetime_ticks


def _later(order: Override) -> tuple[int, int, int, Mode, str]:
    # What follows the number only makes the choice independent of the order of arrival.
    return order.at_tick, order.number, order.until_tick, order.mode, order.reason
