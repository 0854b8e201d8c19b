"""How the service stops: it says so, takes no new work, and lets go of what is under way."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["Stopped", "Stopping"]

_LOOK_S = 0.02


class Stopped(Exception):  # noqa: N818 - no error: a service may stop
    """A call was under way when the time was up."""


class Stopping:
    """Whether the service is to stop, and which calls are under way.

    Attributes:
        begun: it is to stop: nothing new is begun.
        over: the time is up: what is under way ends now, with a word to its caller.
        calls: tasks of those under way.
    """

    __slots__ = ("begun", "calls", "over")

    def __init__(self) -> None:
        self.begun = self.over = False
        self.calls: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """Take nothing new; from a signal's handler, too. Once more: wait no longer."""
        self.over = self.begun
        self.begun = True

    def call(self) -> _Call:
        """The time of one call, in the task that makes it: a context.

        Raises:
            Stopped: it was still under way when the time was up.
        """
        return _Call(self)

    async def drain(self, within_s: float) -> None:
        """Until calls under way have ended; those that have not in time are ended.

        Args:
            within_s: wall seconds.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        # A signal's handler may set `over`, and cannot set an event.
        while self.calls and not self.over and loop.time() < end_s:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        self.over = True
        for task in self.calls:
            task.cancel()


class _Call:
    """The time of one call."""

    __slots__ = ("_stopping", "_task")

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._stopping.calls.add(task)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._stopping.calls.discard(self._task)
        if self._stopping.over and isinstance(error, asyncio.CancelledError):
            self._task.uncancel()
            raise Stopped from None
