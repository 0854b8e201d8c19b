"""How many requests come, of each priority."""

from __future__ import annotations

from collections.abc import Mapping

from ..decisions import ByPriority

__all__ = ["Demand"]

SPAN_S, REQUESTS, LONGEST_SPAN_S = 60.0, 30.0, 3600.0
"""The mean is over a minute, or over so many requests where these take longer, up to an hour."""


class Demand:
    """Requests a second, as means that forget.

    Args:
        tick_s: length of a tick.

    Attributes:
        rates: requests a second by priority.
        per_s: requests a second.
        elapsed: ticks seen.
    """

    __slots__ = ("_span", "_tick_s", "elapsed", "per_s", "rates")

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._span = max(1.0, SPAN_S / tick_s)
        self.rates = [0.0, 0.0, 0.0]
        self.per_s = 0.0
        self.elapsed = 0

    def observe(self, offered: tuple[int, int, int]) -> None:
        """Take in a tick. The first ones weigh alike, so that a start is no slow rise."""
        self.elapsed += 1
        tick_s = self._tick_s
        span = self._span
        if self.per_s < REQUESTS / SPAN_S:
            span_s = min(LONGEST_SPAN_S, REQUESTS / max(self.per_s, 1e-9))
            span = max(1.0, span_s / tick_s)
        weight = 1.0 / min(self.elapsed, span)
        rates = self.rates
        for place, count in enumerate(offered):
            rate = rates[place]
            if count or rate:
                rates[place] = max(0.0, rate + (count / tick_s - rate) * weight)
        self.per_s = sum(rates)

    def shares(self) -> ByPriority:
        """Share of each priority among the requests; 0 where none come."""
        total = self.per_s or 1.0
        low, normal, high = (rate / total for rate in self.rates)
        return low, normal, high

    def turned_away(self, shed: ByPriority) -> float:
        """Share of the requests that is refused when so much of each priority is."""
        return sum(part * share for part, share in zip(self.shares(), shed, strict=True))

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {"rates": list(self.rates), "elapsed": self.elapsed}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        rates, elapsed = state["rates"], state["elapsed"]
        assert isinstance(rates, list) and isinstance(elapsed, int)
        self.rates, self.elapsed = list(rates), elapsed
        self.per_s = sum(self.rates)
