"""What makes the controller step: a thread, or a task of an event loop."""

from __future__ import annotations

import asyncio
import contextlib
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

    __slots__ = ("_died", "_due", "_stopped", "_thread", "_tick", "_wait_s")

    def __init__(
        self,
        tick: Callable[[], object],
        wait_s: Callable[[], float],
        died: Callable[[BaseException], None],
    ) -> None:
        self._tick = tick
        self._wait_s = wait_s
        self._died = died
        self._due = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="open-balancer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                self._due.wait(max(self._wait_s(), _SHORTEST_S))
                if self._stopped:
                    return
                self._due.clear()
                self._tick()
        except BaseException as error:  # noqa: BLE001 - whatever it is, callers must go through
            self._died(error)

    @property
    def alive(self) -> bool:
        """Whether it still steps."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Call now, before the tick is over; from any thread."""
        self._due.set()

    def stop(self) -> None:
        """End the thread and wait for it, unless it is the one that asks."""
        self._stopped = True
        self._due.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10.0)


class TaskTicker:
    """Does what `ThreadTicker` does in a task of the event loop that runs now."""

    __slots__ = ("_died", "_due", "_task", "_tick", "_wait_s")

    def __init__(
        self,
        tick: Callable[[], object],
        wait_s: Callable[[], float],
        died: Callable[[BaseException], None],
    ) -> None:
        self._tick = tick
        self._wait_s = wait_s
        self._died = died
        self._due = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="open-balancer")

    async def _run(self) -> None:
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._due.wait(), max(self._wait_s(), _SHORTEST_S))
                self._due.clear()
                self._tick()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            self._died(error)

    @property
    def alive(self) -> bool:
        """Whether it still steps."""
        return not self._task.done()

    def wake(self) -> None:
        """Call now, before the tick is over; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._task.get_loop().call_soon_threadsafe(self._due.set)

    def stop(self) -> None:
        """End the task at its next wait."""
        if not self._task.done() and not self._task.get_loop().is_closed():
            self._task.cancel()
