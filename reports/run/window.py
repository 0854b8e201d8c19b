"""A window of a timeline: sums over its ticks, and over how many seconds of it they are.

What was not seen is no calm. A tick whose observations were lost is an empty line of the journal,
as one in which nothing happened is. While a fault loses some, an empty tick counts as lost, and
rates are over the time of the others. That is right as long as each of these ended with requests
under way, since then none was idle. Where one did not, the two cannot be told apart, and there is
no rate. Where nearly nothing was seen, there is no value at all.
"""

from __future__ import annotations

import math
from collections import Counter

from balancer.core.histogram import Histogram
from balancer.core.observations import Observations
from balancer.core.pricing import NANO_USD

__all__ = ["Window"]

LEAST_SEEN = 0.1
"""More than this share of a window must have been seen, for it to have values."""


class Window:
    """Sums over the ticks of one window.

    Args:
        from_s: its start.
        length_s: its length, without what lies after the horizon.

    Attributes:
        from_s, length_s: the same.
        seen_s: seconds of it that the sums are of: less where telemetry was lost or came too late.
    """

    __slots__ = (
        "_failed",
        "_finished",
        "_idle",
        "_latency",
        "_nano_usd",
        "_offered",
        "_shed",
        "from_s",
        "length_s",
        "seen_s",
    )

    def __init__(self, from_s: float, length_s: float) -> None:
        self.from_s = from_s
        self.length_s = length_s
        self.seen_s = length_s
        self._idle = False  # whether a tick that was not lost ended with nothing under way
        self._finished = 0
        self._failed = 0
        self._nano_usd = 0
        self._offered = 0
        self._shed = 0
        self._latency: Counter[int] = Counter()

    def add(self, observations: Observations) -> None:
        """Take in a tick."""
        # A mistake of a caller is no demand that anybody failed to meet.
        self._offered += sum(observations.demand)
        self._shed += sum(observations.shed)
        for entry in observations.served:
            self._finished += entry.judged
            self._failed += entry.ill
            self._nano_usd += entry.nano_usd
            if entry.latency:
                self._latency.update(entry.latency.counts())

    def add_lossy(self, observations: Observations, tick_s: float) -> None:
        """Take in a tick that may have been lost."""
        # Alerts and orders come another way: they are written with whatever tick is next.
        seen = observations._replace(alerts=(), overrides=())
        if seen == Observations(seen.tick):
            self.seen_s -= tick_s
            return
        self.add(observations)
        between = sum(entry.ages.total for entry in seen.requests)
        self._idle = self._idle or not (seen.in_flight or between or seen.waiting)

    def end(self, until_s: float) -> None:
        """Nothing after a moment has come in."""
        self.seen_s -= max(0.0, self.from_s + self.length_s - max(self.from_s, until_s))

    def quantile(self, share: float) -> float:
        """Of the latencies, in seconds; NaN where there are none."""
        return Histogram.from_counts(self._latency).quantile(share) if self._known else math.nan

    @property
    def error_rate(self) -> float:
        """Failed over finished attempts; NaN where none finished."""
        return self._failed / self._finished if self._finished and self._known else math.nan

    @property
    def cost_usd_per_hour(self) -> float:
        """Settled cost, scaled to an hour."""
        return self._per_s(self._nano_usd / NANO_USD) * 3600

    @property
    def offered_per_s(self) -> float:
        """Requests that came."""
        return self._per_s(max(0, self._offered))

    @property
    def answered_per_s(self) -> float:
        """Attempts that ended in an answer."""
        return self._per_s(self._finished - self._failed)

    @property
    def shed_per_s(self) -> float:
        """Requests that were shed."""
        return self._per_s(self._shed)

    @property
    def _known(self) -> bool:
        return self.seen_s > LEAST_SEEN * self.length_s

    def _per_s(self, count: float) -> float:
        lossy = self.seen_s < self.length_s
        return count / self.seen_s if self._known and not (lossy and self._idle) else math.nan
