"""Limits on what comes in: how often, and how large."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Rates"]

_MOST_ADDRESSES = 10_000
_BURST_S = 10.0


class Rates:
    """A token bucket for each address: so many a second, and ten times as many at once.

    An address is forgotten when it is the longest unused of 10,000: a flood of addresses
    cannot hold the memory.

    Args:
        per_s: requests a second; None is no bound.
        now_s: monotonic seconds.
    """

    __slots__ = ("_buckets", "_most", "_now_s", "_per_s")

    def __init__(self, per_s: float | None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._most = max(1.0, (per_s or 0.0) * _BURST_S)
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Take one; 0 when there was one, else the seconds until there will be."""
        if self._per_s is None:
            return 0.0
        now = self._now_s()
        tokens, at = self._buckets.pop(address, (self._most, now))
        tokens = min(self._most, tokens + (now - at) * self._per_s)
        allowed = tokens >= 1.0
        self._buckets[address] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - tokens) / self._per_s
