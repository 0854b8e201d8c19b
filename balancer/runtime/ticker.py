"""What makes the controller step: a thread, or a task of an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

__all__ = ["TaskTicker", "ThreadTicker"]

_SHORTEST_S = 0.0005


class ThreadTicker:
    """Calls a function at the end of every tick, from a daemon thread.

    Args:
        tick: to be called; an error ends the thread.
        wait_s: wall seconds until the tick under way is over.
        died: called with the error that ended the thread.
    """

    __slots__ = ("_died", "_stop", "_thread", "_tick", "_wait_s")

    def __init__(
        self,
        tick: Callable[[], object],
        wait_s: Callable[[], float],
        died: Callable[[BaseException], None],
    ) -> None:
        self._tick = tick
        self._wait_s = wait_s
        self._died = died
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="open-balancer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.wait(max(self._wait_s(), _SHORTEST_S)):
                self._tick()
        except BaseException as error:  # noqa: BLE001 - whatever it is, callers must go through
            self._died(error)

    @property
    def alive(self) -> bool:
        """Whether it still steps."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the thread and wait for it, unless it is the one that asks."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10.0)


class TaskTicker:
    """The same as a task of the event loop that runs now."""

    __slots__ = ("_died", "_task", "_tick", "_wait_s")

    def __init__(
        self,
        tick: Callable[[], object],
        wait_s: Callable[[], float],
        died: Callable[[BaseException], None],
    ) -> None:
        self._tick = tick
        self._wait_s = wait_s
        self._died = died
        self._task = asyncio.get_running_loop().create_task(self._run(), name="open-balancer")

    async def _run(self) -> None:
        try:
            while True:
                await asyncio.sleep(max(self._wait_s(), _SHORTEST_S))
                self._tick()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            self._died(error)

    @property
    def alive(self) -> bool:
        """Whether it still steps."""
        return not self._task.done()

    def stop(self) -> None:
        """End the task at its next wait."""
        if not self._task.done() and not self._task.get_loop().is_closed():
            self._task.cancel()
