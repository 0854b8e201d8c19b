"""The scenario's clock in wall time: K times as fast, from a zero that can be set."""

from __future__ import annotations

import time

__all__ = ["ScenarioClock"]


class ScenarioClock:
    """Seconds of the scenario. It never goes back, whatever happens to the machine's clock.

    Args:
        speed: scenario seconds that pass in a second of wall time.
        epoch: Unix time of second 0; None is now. One that is still to come holds the clock
            at 0 until then.
    """

    __slots__ = ("_zero", "epoch", "speed")

    def __init__(self, speed: float = 1.0, epoch: float | None = None) -> None:
        now = time.time()
        self.speed = speed
        self.epoch = now if epoch is None else epoch
        self._zero = time.monotonic() - (now - self.epoch)

    def now_s(self) -> float:
        """Seconds since second 0, and not less than 0."""
        return max(0.0, (time.monotonic() - self._zero) * self.speed)
