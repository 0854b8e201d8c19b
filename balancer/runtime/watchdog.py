"""Notices that the ticker died or hangs, and lets calls go through unchanged until it is back.

A ticker that hangs says nothing, so it is the callers who look: each of them compares the clock
with `Admission.alive_until`, and the first that comes too late for it calls `overdue`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .admission import Admission
from .health import Health

__all__ = ["Watchdog"]

_OVERDUE_TICKS = 10
_OVERDUE_S = 5.0


class Watchdog:
    """Watches the ticker of one balancer.

    Args:
        admission: where callers look.
        health: is told.
        lapse: called when a ticker is overdue, without any lock.
    """

    __slots__ = ("_admission", "_health", "_lapse")

    def __init__(self, admission: Admission, health: Health, lapse: Callable[[], None]) -> None:
        self._admission = admission
        self._health = health
        self._lapse = lapse

    def feed(self, tick_s: float) -> None:
        """The ticker is here: it is overdue some ticks of so many scenario seconds from now."""
        admission = self._admission
        span_s = max(_OVERDUE_TICKS * admission.clock.wall_s(tick_s), _OVERDUE_S)
        admission.alive_until = admission.raw() + span_s
        self._health.mended("ticker")

    def rest(self) -> None:
        """There is no ticker to wait for."""
        self._admission.alive_until = math.inf

    def died(self, error: BaseException) -> None:
        """The ticker ended by an error."""
        self.rest()
        self._health.broke("ticker", error)

    def overdue(self) -> None:
        """No tick was stepped in time. Takes no lock: a ticker that hangs may be holding it.

        Who found that some time ago may be late himself: another caller was first, or the ticker
        is here by now, or the balancer was only opened meanwhile.
        """
        if self._admission.raw() <= self._admission.alive_until:
            return
        self.died(TimeoutError("no tick was stepped in time"))
        self._lapse()
