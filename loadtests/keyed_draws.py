"""Chance as the simulator has it: a live request draws what its simulated twin draws."""

from __future__ import annotations

import random

from sim.streams import BACKOFF, PLAN, uniform

__all__ = ["KeyedDraws"]


class KeyedDraws:
    """Draws keyed by (replication, purpose, request index, attempt), for `Balancer(draws=...)`.

    Args:
        key: stream key of the replication, see `sim.streams.replication_key`.
    """

    __slots__ = ("_key",)

    def __init__(self, key: int) -> None:
        self._key = key
        # Compiled here, before there is traffic to hold up.
        uniform(key, PLAN, 0, 0)

    def plan(self, index: int | None) -> float:
        """The draw that decides a request's admission and mode; any draw without an index."""
        if index is None:
            return random.random()  # noqa: S311 - chance, not secrecy
        return uniform(self._key, PLAN, index, 0)

    def backoff(self, index: int | None, attempt: int) -> float:
        """The draw of the jitter before an attempt; any draw without an index."""
        if index is None:
            return random.random()  # noqa: S311 - chance, not secrecy
        return uniform(self._key, BACKOFF, index, attempt)
