"""A clock whose second 0 is told it later, when all processes of a load test are ready."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["SteeredClock"]

_BEFORE_S = -1.0


class SteeredClock:
    """Scenario seconds since an epoch that comes to be known; -1 until then.

    It is a `balancer.runtime.clock.Timekeeper`: no tick ends while it stands before second 0,
    so a controller that was started too early waits.

    Args:
        speed: scenario seconds in a wall second.

    Attributes:
        epoch: Unix time of second 0; None until it is known.
        day: none: the prices are those of the scenario's day.
    """

    __slots__ = ("_offset_s", "day", "epoch", "speed")

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.epoch: float | None = None
        self.day: str | None = None
        self._offset_s = 0.0

    @property
    def raw(self) -> Callable[[], float]:
        """Monotonic wall seconds."""
        return time.monotonic

    def start(self, *, epoch: float | None = None, at_least_s: float = 0.0) -> None:
        """It starts when it is steered, and not when somebody thinks it should."""

    def steer(self, epoch: float) -> None:
        """Let second 0 be at this Unix time; once told, it is never told otherwise."""
        if self.epoch is None:
            self._offset_s = (time.time() - epoch - time.monotonic()) * self.speed
            self.epoch = epoch

    def now_s(self) -> float:
        """Scenario seconds; negative before second 0."""
        if self.epoch is None:
            return _BEFORE_S
        return time.monotonic() * self.speed + self._offset_s

    def wall_s(self, seconds: float) -> float:
        """Wall seconds of so many scenario seconds."""
        return seconds / self.speed
