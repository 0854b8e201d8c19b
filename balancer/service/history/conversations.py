"""Tokens of the sessions that callers name, for `GET /api/metrics`."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ...runtime.balancer import Balancer
from ...runtime.flights import Over
from ...runtime.sessions import Sessions

__all__ = ["Conversations"]

_DAY_S = 86_400.0


class Conversations:
    """The sessions of the last day; at most 10,000, those that were silent longest leave first.

    Args:
        balancer: whose requests they are; it adds them up on its ticker.
    """

    def __init__(self, balancer: Balancer) -> None:
        self._clock = balancer.clock
        self._lock = threading.Lock()
        self._sessions = Sessions(idle_s=_DAY_S)
        balancer.listeners.over.add(self._take)

    def _take(self, batch: Sequence[Over]) -> None:
        now_s = self._clock.now_s()
        with self._lock:
            for _, _, tokens, session in batch:
                if session is not None:
                    self._sessions.add(session, tokens, now_s)
            self._sessions.silent(now_s)

    def mean_tokens(self, seconds: float) -> float | None:
        """Tokens so far of a session that had a request in the last so many scenario seconds."""
        with self._lock:
            count, tokens = self._sessions.active(self._clock.now_s() - seconds)
        return tokens / count if count else None
