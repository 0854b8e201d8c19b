"""The only clock of the live controller: scenario seconds, which may run faster than wall time.

Policy, ticks, holds and journal are in scenario seconds. Sleeps and deadlines of the real
world are divided by the speed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from ..core.errors import MisuseError

__all__ = ["Clock", "ManualClock", "Timekeeper", "tick_at", "tick_of", "today"]


def today() -> str:
    """The day of the calendar (ISO, UTC), by the machine's clock."""
    return datetime.fromtimestamp(time.time(), UTC).date().isoformat()


class Timekeeper(Protocol):
    """What a `Balancer` asks of its clock."""

    @property
    def day(self) -> str | None:
        """Today in the calendar (ISO, UTC), whose prices hold; None: the day of the policy's."""

    @property
    def speed(self) -> float:
        """Scenario seconds in a wall second."""

    @property
    def raw(self) -> Callable[[], float]:
        """Gives monotonic wall seconds of any origin; the cheapest call there is, because the hot
        path makes it twice for every call.
        """

    @property
    def epoch(self) -> float | None:
        """Unix time of scenario second 0; None until the clock is started."""

    def start(self, *, epoch: float | None = None, at_least_s: float = 0.0) -> None:
        """Begin to run, once; later calls change nothing.

        Args:
            epoch: to be taken up if the clock has none of its own (of a run before this one).
            at_least_s: begin no earlier than this scenario second, whatever the wall says.
        """

    def now_s(self) -> float:
        """Scenario seconds since the epoch; never goes back."""

    def wall_s(self, seconds: float) -> float:
        """Wall seconds that a sleep or a deadline of so many scenario seconds takes."""


class Clock:
    """Wall time, `speed` times over.

    Once started it goes by the monotonic clock, so that setting the machine's time changes
    nothing. A machine that sleeps is left behind by it on Linux, where the monotonic clock
    stands still meanwhile; on systems where it does not, waking up is a leap over the ticks
    missed, which the controller steps empty.

    Args:
        speed: scenario seconds in a wall second.
        epoch: Unix time of scenario second 0. None: when it is started. Balancers that are to
            agree on tick indices (replicas, a mock that plays the same scenario) share one.

    Raises:
        MisuseError: a speed that is not above 0.
    """

    __slots__ = ("_epoch", "_offset_s", "_started", "speed")

    def __init__(self, speed: float = 1.0, epoch: float | None = None) -> None:
        if not 0 < speed < 1e6:
            raise MisuseError(f"speed is {speed!r}; expected a number above 0, such as 10")
        self.speed = speed
        self._epoch = epoch
        self._offset_s = 0.0
        self._started = False

    @property
    def epoch(self) -> float | None:
        """Unix time of scenario second 0; None until it is started."""
        return self._epoch

    @property
    def day(self) -> str | None:
        """Today, as the machine has it."""
        return today()

    @property
    def raw(self) -> Callable[[], float]:
        """Monotonic wall seconds."""
        return time.monotonic

    def start(self, *, epoch: float | None = None, at_least_s: float = 0.0) -> None:
        """See `Timekeeper.start`."""
        if self._started:
            return
        wall = time.time()
        if self._epoch is None:
            self._epoch = wall if epoch is None else epoch
        begun_s = max((wall - self._epoch) * self.speed, at_least_s)
        self._offset_s = begun_s - time.monotonic() * self.speed
        self._started = True

    def now_s(self) -> float:
        """Scenario seconds since the epoch; starts the clock if nobody has."""
        if not self._started:
            self.start()
        return time.monotonic() * self.speed + self._offset_s

    def wall_s(self, seconds: float) -> float:
        """Wall seconds of so many scenario seconds."""
        return seconds / self.speed


class ManualClock:
    """A clock for tests: it stands still until it is told otherwise.

    Args:
        now_s: where it begins.
        speed: scenario seconds in a wall second, for `wall_s`.

    Attributes:
        day: of the calendar, to be set; None holds the policy's.
    """

    __slots__ = ("_now_s", "day", "epoch", "speed")

    def __init__(self, now_s: float = 0.0, speed: float = 1.0) -> None:
        self._now_s = now_s
        self.speed = speed
        self.epoch: float | None = None
        self.day: str | None = None

    @property
    def raw(self) -> Callable[[], float]:
        """Wall seconds: scenario seconds over the speed."""
        return self._raw

    def _raw(self) -> float:
        return self._now_s / self.speed

    def start(self, *, epoch: float | None = None, at_least_s: float = 0.0) -> None:
        """See `Timekeeper.start`."""
        if self.epoch is None:
            self.epoch = 0.0 if epoch is None else epoch
        self._now_s = max(self._now_s, at_least_s)

    def now_s(self) -> float:
        """Where it stands."""
        return self._now_s

    def wall_s(self, seconds: float) -> float:
        """Wall seconds of so many scenario seconds."""
        return seconds / self.speed

    def advance(self, seconds: float) -> None:
        """Move on by scenario seconds; negative ones set it back, as no real clock does."""
        self._now_s += seconds

    def set(self, now_s: float) -> None:
        """Move to a scenario second."""
        self._now_s = now_s


def tick_at(clock: Timekeeper, tick_s: float) -> int:
    """The tick under way, of so many scenario seconds."""
    return tick_of(clock.now_s(), tick_s)


def tick_of(now_s: float, tick_s: float) -> int:
    """The tick of so many scenario seconds that a moment lies in."""
    # The margin keeps a tick that is over from being missed by the last bit of a division.
    return math.floor(now_s / tick_s + 1e-9)
