"""How large a share of the requests a target can take, searched from below.

What holds for a fiftieth of the requests need not hold for all of them: a quota, a capacity or a
limit on spending may have room for a part. A share on trial is judged by the probe; one that was
found well is widened, and where the wider one fails, the law falls back on what held, keeps it for
a while and tries a share between the two (a bisection by ratios).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from .fields import put_back, saved

__all__ = ["NONE", "SCARCE_PER_S", "Share", "first_share"]

REQUESTS, WITHIN_S = 15.0, 30.0
"""A probe's share is what brings so many requests in so long."""
LEAST_SHARE = 0.02
WIDER = 4.0
HALF = 0.5
"""Where a wider share would be more than half, all is tried: it costs hardly more users."""
SCARCE_PER_S = 0.35
"""Below this rate a probe is served everything, above it at most half to begin with."""
STAY = 0.1
"""Share of the requests that stay with the mode that serves while a worse one is tried."""
CLOSE = 1.25
"""A share is kept when no larger one can be tried that is larger by this much."""
MOST_RESTS = 2
"""How often the time that a share is kept doubles at most."""
NONE = 2.0
"""Above every share: none is known to fail, or there is room for all."""

FIELDS = ("value", "first", "most", "held", "failed", "kept_until", "falls")


def first_share(per_s: float) -> float:
    """The share a probe begins with at so many requests a second."""
    share = max(LEAST_SHARE, REQUESTS / (WITHIN_S * max(per_s, 1e-9)))
    if share <= HALF:
        return share
    return HALF if per_s > SCARCE_PER_S else 1.0


class Share:
    """The share that is served in a target, and what is known of larger and smaller ones.

    Attributes:
        value: served now.
        first: the one it began with.
        most: the largest that is tried.
        held: the largest that was found well; 0: none yet.
        failed: the smallest that is known to fail; `NONE`: none is.
        kept_until: the tick until which `value` is kept; None: it is on trial.
        falls: how often a wider share has failed.

    Args:
        rest: ticks to keep a share after a wider one failed, the first time.
        check: ticks to keep a share for which there is no more room.
    """

    __slots__ = (*FIELDS, "_check", "_rest")

    def __init__(self, rest: int, check: int) -> None:
        self._rest = rest
        self._check = check
        self.begin(1.0, NONE)

    def begin(self, first: float, failed: float, *, downwards: bool = False) -> None:
        """Start with a share.

        Args:
            first: the share.
            failed: one that is known to fail; `NONE`: none is.
            downwards: a worse mode is tried, beside a tenth that stays.
        """
        self.value = self.first = min(first, 1.0 - STAY) if downwards else first
        self.most = 1.0 - STAY if downwards else 1.0
        self.held = 0.0
        self.failed = failed
        self.kept_until: int | None = None
        self.falls = 0

    def whole(self, room: float) -> bool:
        """Whether a share that was found well is enough to enter the target."""
        return self.value >= self.most and room > 1.0

    def widen(self, tick: int, room: float) -> None:
        """The share was found well: try a wider one, or keep it where there is none.

        Args:
            tick: now.
            room: the largest share that may be served, whatever is found.
        """
        room = min(room, self.most)
        self.held = min(self.value, room)
        wider = WIDER * self.held
        if wider >= HALF:
            wider = 1.0
        if wider >= self.failed:
            wider = math.sqrt(self.held * self.failed)
        wider = min(wider, room)
        if wider < CLOSE * self.held and (wider < self.most or self.held == self.most):
            rest = self._check if self.failed == NONE else self._rest << min(self.falls, MOST_RESTS)
            self.value, self.kept_until = self.held, tick + rest
        else:
            self.value, self.kept_until = wider, None

    def fall_back(self, tick: int) -> bool:
        """The share failed: keep the one that held; False: none did."""
        if self.kept_until is not None or self.held == 0.0:
            return False
        self.failed = self.value
        self.value = self.held
        self.kept_until = tick + (self._rest << min(self.falls, MOST_RESTS))
        self.falls += 1
        return True

    def due(self, tick: int) -> bool:
        """Whether it was kept for long enough."""
        return self.kept_until is not None and tick >= self.kept_until

    def rested(self, tick: int, room: float) -> bool:
        """After it was kept for long enough: whether another one is served now."""
        before = self.value
        if self.failed < CLOSE**2 * self.held:
            # All between was tried: what failed then may hold now.
            self.failed = NONE
        self.widen(tick, room)
        return self.value != before

    def state(self) -> dict[str, object]:
        """Plain values."""
        return saved(self, FIELDS)

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        put_back(self, FIELDS, state)
