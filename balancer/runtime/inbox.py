"""What the outside tells the controller: alerts of monitors and overrides of people."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count

from ..core.errors import MisuseError
from ..core.modes import Mode
from ..core.observations import Alert, Override
from .clock import Timekeeper, tick_at

__all__ = ["Inbox"]


class Inbox:
    """Alerts and overrides that wait for the next tick; any thread may give one.

    Overrides are numbered as they come, so that the last one holds, also within one tick.

    Args:
        clock: says when they came.
    """

    __slots__ = ("_alerts", "_clock", "_numbers", "_overrides")

    def __init__(self, clock: Timekeeper) -> None:
        self._clock = clock
        self._alerts: list[Alert] = []
        self._overrides: list[Override] = []
        self._numbers = count(1)

    def alert(self, alert: Alert) -> None:
        """Take in a message of an external monitor."""
        self._alerts.append(alert)

    def override(
        self,
        mode: Mode,
        reason: str,
        *,
        for_s: float | None,
        until_s: float | None,
        tick_s: float,
    ) -> Override:
        """Take in an order to hold a mode.

        Args:
            mode: to hold.
            reason: for the journal.
            for_s: scenario seconds from now.
            until_s: scenario second; one of both is given.
            tick_s: length of a tick.

        Raises:
            MisuseError: neither or both are given, no reason, or an end that is not to come.
        """
        if (for_s is None) == (until_s is None):
            raise MisuseError("an override needs an end: give for_s or until_s, one of both")
        if not reason.strip():
            raise MisuseError("an override needs a reason, for those who read the journal")
        now_s, now_tick = self._clock.now_s(), tick_at(self._clock, tick_s)
        end_s = now_s + for_s if for_s is not None else until_s
        assert end_s is not None
        until = _ceil(end_s / tick_s) if math.isfinite(end_s) else 0
        if until <= now_tick:
            raise MisuseError(f"the override would end at {end_s:g} s; it is {now_s:g} s now")
        return self._give(now_tick, until, mode, reason)

    def lift(self, reason: str, *, tick_s: float) -> Override:
        """Take in that the override which holds ends now."""
        # It ends before it was given: the tick before may be yet to step, and is not held either.
        return self._give(tick_at(self._clock, tick_s), 0, Mode.NORMAL, reason)

    def _give(self, now_tick: int, until: int, mode: Mode, reason: str) -> Override:
        order = Override(now_tick, until, mode, reason, next(self._numbers))
        self._overrides.append(order)
        return order

    def take(self) -> tuple[tuple[Alert, ...], tuple[Override, ...]]:
        """Take out what waits, in the order in which it came."""
        alerts, overrides = tuple(self._alerts), tuple(self._overrides)
        del self._alerts[: len(alerts)]
        del self._overrides[: len(overrides)]
        return alerts, overrides

    def rescale(self, ratio: float) -> None:
        """What waits was given in ticks of another length.

        Args:
            ratio: of that length to the one of now.
        """
        self._alerts = [
            replace(
                alert,
                at_tick=_floor(alert.at_tick * ratio),
                lifetime_ticks=max(1, _ceil(alert.lifetime_ticks * ratio)),
            )
            for alert in self._alerts
        ]
        self._overrides = [
            replace(
                order,
                at_tick=_floor(order.at_tick * ratio),
                until_tick=_ceil(order.until_tick * ratio),
            )
            for order in self._overrides
        ]

    def forget(self) -> None:
        """Drop what waits."""
        self._alerts, self._overrides = [], []


def _floor(tick: float) -> int:
    # The margins keep a whole number from being missed by the last bit of a division.
    return math.floor(tick + 1e-9)


def _ceil(tick: float) -> int:
    return math.ceil(tick - 1e-9)
