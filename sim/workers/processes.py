"""Worker processes of this machine, which end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from .crew import LostWorkerError

__all__ = ["Processes"]

T = TypeVar("T")
R = TypeVar("R")

_DIED = (
    "a worker process died before it was done, perhaps for want of memory; "
    "try --workers 1, which also shows what a worker could not"
)


class Processes:
    """A pool of processes, started with the first task and again when one of them is lost.

    Args:
        size: how many.
        begin: called in each of them before its first task; importable by name.
        given: what it is called with; memory that is shared may be among it.
    """

    __slots__ = ("_begin", "_executor", "_given", "_own", "size")

    away = False

    def __init__(
        self, size: int, begin: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
    ) -> None:
        self.size = size
        self._begin, self._given = begin, given
        self._executor: ProcessPoolExecutor | None = None
        self._own: set[BaseProcess] = set()

    @property
    def started(self) -> bool:
        """Whether there is a pool."""
        return self._executor is not None

    def start(self) -> None:
        """Start a pool, if there is none."""
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self.size,
                # Forking a process that runs threads (numba's, a progress bar's) can deadlock
                # the child.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self._begin, self._given),
            )

    def submit(self, function: Callable[[T], R], task: T) -> Future[R]:
        """Hand out a task; one for a pool that has just broken fails as those before it do."""
        self.start()
        assert self._executor is not None
        others = set(multiprocessing.active_children()) - self._own
        try:
            return self._executor.submit(function, task)
        except BrokenProcessPool as error:
            failed: Future[R] = Future()
            failed.set_exception(error)
            return failed
        finally:
            # A pool starts its processes one by one, as tasks come.
            self._own = set(multiprocessing.active_children()) - others

    def outcome(self, future: Future[R]) -> R:
        """What came of a task; a lost process takes the whole pool with it."""
        try:
            return future.result()
        except BrokenProcessPool:
            self.close()
            raise LostWorkerError(_DIED) from None

    def check(self) -> None:
        """A pool breaks by itself when a process of it dies."""

    def drop(self) -> None:
        """End the processes; the next task starts others."""
        for process in self._own:
            process.terminate()
        self.close()

    def close(self) -> None:
        """End the pool when its processes have done what they are at."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self._executor, self._own = None, set()


def _begin(begin: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    _follow_the_parent()
    if begin is not None:
        begin(*given)


def _follow_the_parent() -> None:
    """Leave interrupts to the parent, and do not outlive it."""
    # Ctrl-C reaches every process of a terminal; each worker would print a traceback of its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # So does its closing; workers that die of it would look like workers that broke.
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # A parent that is killed, for want of memory or by a pipeline, can end nobody; its workers
    # would wait for their next task for ever.
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
