"""Where nothing helps: stay with the least bad mode, judged by its own level, and try later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from .evidence import ALARM, Change, likelihood

__all__ = ["PERIOD_S", "Lock"]

LOCK_S, LONGEST_LOCK_S = 900.0, 7200.0
WORSE, LEAST_WORSE, WORST = 1.15, 0.05, 0.9
"""The level a locked mode is judged by: so much more than it was. Above the last nothing is."""
PERIOD_S = 60.0
"""Where nothing helped, modes are compared, and one is found well, over this long at least: quotas
are counted by the minute, and all is well in one half of it and refused in the other."""

FIELDS = ("until", "times", "level", "well", "well_since")


class Lock:
    """How long to stay, and what to take for granted.

    Attributes:
        until: the tick at which all is tried again; None: not locked.
        times: how often it was locked of late; each time is twice as long.
        level: share of bad requests that is taken for granted.
        well: evidence that it is over, since `well_since`.

    Args:
        tick_s: length of a tick.
        usual: share of bad requests that is allowed where all is well.
    """

    __slots__ = (*FIELDS, "_level", "_longest", "_once", "_period", "_usual")

    def __init__(self, tick_s: float, usual: float) -> None:
        self._once = max(1, round(LOCK_S / tick_s))
        self._longest = max(1, round(LONGEST_LOCK_S / tick_s))
        self._period = max(1, round(PERIOD_S / tick_s))
        self._usual = usual
        self._level: Change | None = None
        self.until: int | None = None
        self.times = 0
        self.level = self.well = 0.0
        self.well_since = 0

    def begin(self, tick: int, share: float) -> int:
        """Stay, where so large a share is bad; the tick until which."""
        if self.until is None:
            self.until = tick + min(self._longest, self._once << min(self.times, 16))
            self.times += 1
        self.level = WORSE * share + LEAST_WORSE
        self._level = self._judged()
        self.well, self.well_since = 0.0, tick
        return self.until

    def _judged(self) -> Change | None:
        return Change(self.level) if self.level <= WORST else None

    def end(self) -> None:
        """Nothing is taken for granted any more."""
        self.until = self._level = None

    def due(self, tick: int) -> bool:
        """Whether all is to be tried again."""
        return self.until is not None and tick >= self.until

    def weigh(self, tick: int, k: int, n: int) -> Literal["well", "worse"] | None:
        """Whether the mode has become well, or worse than was taken for granted.

        Args:
            tick: now.
            k, n: bad and all requests of the tick.
        """
        # As in `Change`, only the other way round: for being well, and not for being ill.
        self.well = max(0.0, self.well + likelihood(k, n, self._usual))
        if self.well == 0.0:
            self.well_since = tick
        if self.well >= ALARM and tick - self.well_since >= self._period:
            return "well"
        return "worse" if self._level is not None and self._level.add(k, n) else None

    def rest(self, tick: int, entered: int) -> None:
        """After hours without one, the next is short again."""
        if self.until is None and tick - entered >= 2 * self._longest:
            self.times = 0

    def state(self) -> dict[str, object]:
        """Plain values."""
        values = {name: getattr(self, name) for name in FIELDS}
        return values | {"scores": None if self._level is None else self._level.state()}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        for name in FIELDS:
            setattr(self, name, state[name])
        scores, self._level = state["scores"], None
        if isinstance(scores, list):
            self._level = Change(self.level)
            self._level.restore(scores)
