"""Which modes were found ill, how much their users lost, and how long to leave them alone.

A mode is left alone for a hold that doubles. A probe that is refused at once costs few users
little, and does not lengthen it; one that fails when it is widened does, and a relapse most of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from ..modes import MODES, Mode
from .fields import put_back, saved

__all__ = ["MOST_FAILED", "MOST_RELAPSES", "MOST_WIDE", "Cause", "Illness"]

Cause = Literal["users", "rule", "cost"]
"""Why a mode is ill: a share of its users is badly off, or a rule of another kind is broken in it,
or it would cost too much."""

HOLD_REQUESTS, MOST_HOLDS = 30, 10
"""A hold lasts until so many requests have come as well, but no longer than so many holds more."""
MOST_FAILED, MOST_WIDE, MOST_RELAPSES = 1, 3, 4
"""How often the hold doubles at most, plus one: after a fall or a probe refused at once, after a
probe that failed when it was widened, after a relapse."""

RELAPSE_HOLDS = 15
"""A relapse says for so many holds that there is not room for all."""

FIELDS = ("at", "until", "due", "times", "lost", "cause", "relapse_at", "faded", "requests")


class Illness:
    """What is remembered of each mode.

    Attributes:
        at: the tick at which it was last found ill; None: never, or it was well since.
        until: the tick before which it is known to be ill.
        due: the number of requests before which it is, too.
        times: how often the hold has been doubled, plus one.
        lost: what its users lost then, 0..1 and a little for the rung.
        cause: why it was found ill then.
        relapse_at: the tick at which it last fell soon after it was entered again.
        faded: the tick at which the times were last made fewer.
        requests: that the upstream was to serve, so far.

    Args:
        hold: ticks to leave a mode alone for the first time.
    """

    __slots__ = (*FIELDS, "_hold")

    def __init__(self, hold: int) -> None:
        self._hold = hold
        self.at: list[int | None] = [None] * len(MODES)
        self.until = [0] * len(MODES)
        self.due = [0] * len(MODES)
        self.requests = 0
        self.times = [0] * len(MODES)
        self.lost: list[float | None] = [None] * len(MODES)
        self.cause: list[Cause] = ["users"] * len(MODES)
        self.relapse_at: list[int | None] = [None] * len(MODES)
        self.faded = 0

    def known(self, mode: Mode, tick: int) -> bool:
        """Whether a mode is known to be ill."""
        if tick < self.until[mode]:
            return True
        return self.requests < self.due[mode] and tick < self.until[mode] + MOST_HOLDS * self._hold

    def found(
        self,
        tick: int,
        mode: Mode,
        loss: float,
        *,
        most: int,
        cause: Cause = "users",
        hold: int | None = None,
    ) -> None:
        """A mode was found ill.

        Args:
            tick: now.
            mode: which.
            loss: of its users.
            most: the hold is not doubled beyond this many times, less one.
            cause: why.
            hold: ticks to leave it alone, where it is not the usual time.
        """
        times = self.times[mode]
        self.times[mode] = max(times, min(times + 1, most))
        self.at[mode], self.lost[mode] = tick, loss
        self.cause[mode] = cause
        if most == MOST_RELAPSES:
            self.relapse_at[mode] = tick
        self.until[mode] = tick + (self._doubled(mode, self._hold) if hold is None else hold)
        self.due[mode] = self.requests + self._doubled(mode, HOLD_REQUESTS)

    def _doubled(self, mode: int, once: int) -> int:
        return once << max(0, self.times[mode] - 1)

    def relapsed(self, mode: Mode, tick: int) -> bool:
        """Whether a mode fell soon after it had been entered again, of late."""
        at = self.relapse_at[mode]
        return at is not None and tick - at < RELAPSE_HOLDS * self._hold

    def shun(self, modes: Iterable[Mode], until: int) -> None:
        """Take modes for ill until a tick, whatever is known of them."""
        for mode in modes:
            self.until[mode] = max(self.until[mode], until)

    def relent(self, tick: int) -> None:
        """Leave no mode alone for longer than after any fall."""
        for mode, until in enumerate(self.until):
            self.until[mode] = min(until, tick + self._doubled(mode, self._hold))

    def well(self, mode: Mode) -> None:
        """A mode was proved well; how often it had not been is still remembered."""
        self.until[mode] = self.due[mode] = 0
        self.at[mode] = self.lost[mode] = None

    def lost_since(self, mode: Mode, since: int) -> float | None:
        """What a mode lost, if it was found ill at a tick or later."""
        at = self.at[mode]
        return None if at is None or at < since else self.lost[mode]

    def fade(self, tick: int, since: int) -> None:
        """Halve the holds when all has been well for four of them.

        Args:
            tick: now.
            since: all has been well from this tick on.
        """
        times = max(self.times)
        if times and tick - max(since, self.faded) >= 2 * self._hold << times:
            self.times = [max(0, count - 1) for count in self.times]
            self.faded = tick

    def state(self) -> dict[str, object]:
        """Plain values."""
        return saved(self, FIELDS)

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        put_back(self, FIELDS, state)
