"""Calls that the upstream has taken on, and whose outcome is told when they are asked for again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Protocol

from balancer.wire import interactions

__all__ = ["MOST_WATCHED", "Watched"]

MOST_WATCHED = 10_000
"""So many are waited for; of the oldest nobody will know."""


class _Call(Protocol):
    def settle(self, body: Any) -> None:
        """How it ended."""

    def give_up(self) -> None:
        """Nobody will know how it ended."""


class Watched:
    """Calls of one client whose outcome is still to come, by the name of their interaction."""

    __slots__ = ("_calls", "_lock")

    def __init__(self) -> None:
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, name: str, call: _Call) -> None:
        """Wait for one."""
        with self._lock:
            self._calls[name] = call
            oldest = self._calls.popitem(last=False)[1] if len(self._calls) > MOST_WATCHED else None
        if oldest is not None:
            oldest.give_up()

    def see(self, body: Any) -> None:
        """An interaction as it was when it was asked for; what it says counts once.

        Args:
            body: JSON value of its resource.
        """
        if interactions.is_pending(body):
            return
        call = self.take(interactions.id_of(body))
        if call is not None:
            call.settle(body)

    def drop(self, name: str) -> None:
        """It was deleted."""
        call = self.take(name)
        if call is not None:
            call.give_up()

    def forget(self, call: _Call) -> None:
        """Its outcome came by itself."""
        with self._lock:
            for name in [name for name, each in self._calls.items() if each is call]:
                del self._calls[name]

    def take(self, name: str) -> _Call | None:
        """One whose outcome comes now, by its name; it is waited for no more."""
        with self._lock:
            return self._calls.pop(name, None)

    def __len__(self) -> int:
        return len(self._calls)
