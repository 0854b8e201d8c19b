"""Independent tasks on worker processes, and a clean end when they cannot go on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from balancer.core.errors import BalancerError

__all__ = ["WorkerError", "fan_out"]

T = TypeVar("T")
R = TypeVar("R")


class WorkerError(BalancerError):
    """A worker process ended without a result: killed, out of memory, or unable to start."""


def fan_out(
    function: Callable[[T], R],
    tasks: Sequence[T],
    *,
    workers: int,
    done: Callable[[R], None],
) -> list[R]:
    """Results of all tasks, in the tasks' order, whatever the number of workers.

    Args:
        function: importable by name, as workers are started afresh.
        tasks: independent of each other; picklable, as are the results.
        workers: processes; 1 stays in this one.
        done: called in this process with each result as it comes.

    Raises:
        WorkerError: a worker died.
        BaseException: whatever a task raised, or KeyboardInterrupt; no worker outlives it.
    """
    if workers <= 1 or len(tasks) <= 1:
        results = []
        for task in tasks:
            results.append(function(task))
            done(results[-1])
        return results
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(
        min(workers, len(tasks)),
        # Forking a process that runs threads (numba's, a progress bar's) can deadlock the child.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_follow_the_parent,
    )
    try:
        futures = [executor.submit(function, task) for task in tasks]
        for future in as_completed(futures):
            done(future.result())
        return [future.result() for future in futures]
    except BrokenProcessPool:
        raise WorkerError(
            "a worker process died before it was done, perhaps for want of memory; "
            "try --workers 1, which also shows what a worker could not"
        ) from None
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


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
