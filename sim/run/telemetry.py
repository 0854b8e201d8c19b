"""The way from the plant to the controller, and what can go wrong on it.

Observations can come late or be lost. Alerts and orders come another way, so they are
handed over with whatever the controller is told next.
"""

from __future__ import annotations

from collections import deque

from balancer.core.observations import Alert, Observations, Override

from ..streams import LOSS, uniform

__all__ = ["Telemetry"]


class Telemetry:
    """Carries one `Observations` a tick to the controller.

    Args:
        key: stream key of the replication, for the draws of losses.
        tick_s: length of a tick.
        faults: number of faults in the scenario; each has a slot of its own.

    Attributes:
        clear: whether observations pass as they are, so that `carry` need not be asked.
    """

    __slots__ = (
        "_alerts",
        "_delays_s",
        "_key",
        "_late",
        "_losses",
        "_overrides",
        "_tick_s",
        "clear",
    )

    def __init__(self, *, key: int, tick_s: float, faults: int) -> None:
        self._key = key
        self._tick_s = tick_s
        self._delays_s = [0.0] * faults
        self._losses = [0.0] * faults
        self._alerts: list[tuple[float, Alert]] = []
        self._overrides: list[tuple[float, Override]] = []
        self._late: deque[Observations] = deque()
        self.clear = True

    def delay(self, slot: int, by_s: float) -> None:
        """Observations come this late; of several delays the longest holds."""
        self._delays_s[slot] = by_s
        self._settle()

    def lose(self, slot: int, share: float) -> None:
        """A tick's observations are lost with this probability, for each such fault."""
        self._losses[slot] = share
        self._settle()

    def alert(self, now_s: float, message: Alert) -> None:
        """An alert arrives."""
        self._alerts.append((now_s, message))
        self.clear = False

    def override(self, now_s: float, order: Override) -> None:
        """An operator's order arrives."""
        self._overrides.append((now_s, order))
        self.clear = False

    def carry(self, observations: Observations) -> list[Observations]:
        """What reaches the controller at the end of a tick, oldest first.

        Args:
            observations: of the tick that just ended.
        """
        tick = observations.tick
        lost = any(
            share > 0.0 and uniform(self._key, LOSS, tick, slot) < share
            for slot, share in enumerate(self._losses)
        )
        if lost:
            observations = Observations(tick)
        self._late.append(observations)
        # Observations never overtake each other, so a delay that ends frees all of them at once.
        wait_ticks = max(self._delays_s, default=0.0) / self._tick_s
        arrived = []
        while self._late and self._late[0].tick + wait_ticks <= tick:
            arrived.append(self._late.popleft())
        if arrived:
            arrived[0] = self._with_messages(arrived[0], (tick + 1) * self._tick_s)
        self._settle()
        return arrived

    def _with_messages(self, observations: Observations, until_s: float) -> Observations:
        alerts = tuple(message for at_s, message in self._alerts if at_s < until_s)
        overrides = tuple(order for at_s, order in self._overrides if at_s < until_s)
        if not alerts and not overrides:
            return observations
        self._alerts = [entry for entry in self._alerts if entry[0] >= until_s]
        self._overrides = [entry for entry in self._overrides if entry[0] >= until_s]
        return observations._replace(
            alerts=observations.alerts + alerts, overrides=observations.overrides + overrides
        )

    def _settle(self) -> None:
        self.clear = not (
            self._late
            or self._alerts
            or self._overrides
            or any(self._delays_s)
            or any(self._losses)
        )
