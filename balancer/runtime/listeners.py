"""Who is told what happens in a live balancer: one `Channel` for each kind of news.

    balancer.listeners.ticks.add(on_tick)
    balancer.listeners.requests.add(print)
    balancer.listeners.remove(on_tick)

Whoever listens must return at once, and an error in it is logged and changes nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, ParamSpec

from ..core.decisions import Decision
from ..core.observations import Observations
from .calls import CallRecord, Passage, RequestRecord, Score
from .flights import Ended, Over

__all__ = ["Channel", "Listeners"]

News = ParamSpec("News")

logger = logging.getLogger("balancer")


class Channel(Generic[News]):
    """Functions that are called with each piece of news of one kind; true while there are any.

    Args:
        failure: what the log says when one of them fails.
    """

    __slots__ = ("_failure", "_listeners")

    def __init__(self, failure: str) -> None:
        self._failure = failure
        self._listeners: tuple[Callable[News, object], ...] = ()

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Callable[News, object]) -> None:
        """Call a function from now on."""
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: Callable[..., object]) -> None:
        """Call a function no more; one that never listened may be removed too."""
        self._listeners = tuple(other for other in self._listeners if other != listener)

    def tell(self, *news: News.args, **more: News.kwargs) -> None:
        """Call them in the order in which they came."""
        for listener in self._listeners:
            try:
                listener(*news, **more)
            except Exception:
                logger.exception("%s", self._failure)


class Listeners:
    """The channels of a balancer.

    Attributes:
        ticks: observations and decision, once a tick, from the ticker.
        calls: every attempt of a `Request` that ends, on its caller's time.
        requests: every `Request` that is over, shed ones included, on its caller's time.
        ended: every batch of attempts that ended and the nano-dollars of each, when they are added
            up: from the ticker, or from a caller who relieves it. Costs the callers nothing.
        over: every batch of admitted requests that are over, likewise. Plain calls
            (`Balancer.begin`) are not among them.
        scores: every answer that the application's scorer gave a quality.
        passages: every call that went through and that no plan governs.
    """

    __slots__ = ("calls", "ended", "over", "passages", "requests", "scores", "ticks")

    def __init__(self) -> None:
        self.ticks = Channel[[Observations, Decision]](
            "a listener failed; the controller is not affected"
        )
        self.calls = Channel[[CallRecord]]("a call listener failed; the call is not affected")
        self.requests = Channel[[RequestRecord]](
            "a request listener failed; the request is not affected"
        )
        self.ended = Channel[[Sequence[Ended], Sequence[int]]](
            "a watcher of calls failed; they are counted all the same"
        )
        self.over = Channel[[Sequence[Over]]](
            "a watcher of calls failed; they are counted all the same"
        )
        self.scores = Channel[[Score]]("a score listener failed; the call is not affected")
        self.passages = Channel[[Passage]]("a passage listener failed; the call is not affected")

    def remove(self, listener: Callable[..., object]) -> None:
        """Call a function no more, whatever it listened to."""
        for name in self.__slots__:
            getattr(self, name).remove(listener)
