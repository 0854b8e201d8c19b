"""Independent tasks on workers that stay for many rounds, and a clean end when they cannot go on.

Workers are processes of this machine (`local_workers`) or those of a cluster
(`sim.workers.cluster.cluster_workers`). Whoever they are, and however many, the results are the
same.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from balancer.core.errors import InputError

from .crew import Crew, LostWorkerError, WorkerError
from .processes import Processes

__all__ = ["WorkerError", "Workers", "fan_out", "local_workers"]

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS = 3
"""A task that was with a worker each time one was lost is not tried more often than this."""
AHEAD = 2
"""Tasks handed out for each that can run at once: the next one is there when one is done."""
START_S = 6.0
"""Less work than this is done sooner here than processes take to start."""
ASK_EVERY_S = 5.0
"""How often it is asked who is there: workers come and go."""


class Workers:
    """Workers for as many rounds of tasks as there are; a context manager.

    Args:
        crew: who does the work.
        wanted: that many were asked for, or these; otherwise a little work is done here.
    """

    __slots__ = ("_crew", "_wanted", "_work_s")

    def __init__(self, crew: Crew, *, wanted: bool = True) -> None:
        self._crew = crew
        self._wanted = wanted
        self._work_s = 0.0

    def __enter__(self) -> Self:
        if self._crew.away:
            # Before anything is simulated: what cannot be reached must not cost a run.
            self._crew.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._crew.close()

    @property
    def away(self) -> bool:
        """Whether they share no files with us."""
        return self._crew.away

    @property
    def size(self) -> int:
        """Tasks that can run at once."""
        return self._crew.size

    def worth(self, work_s: float) -> bool:
        """Whether so much work more, in seconds of one core, is done sooner by them than here.

        What was asked for is used. Rounds add up: many small ones are worth the start.
        """
        self._work_s += work_s
        crew = self._crew
        if crew.away:
            return True
        return crew.size > 1 and (self._wanted or crew.started or self._work_s >= START_S)

    def run(
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[R], None]
    ) -> list[R]:
        """A round of tasks; see `fan_out`."""
        if not self._crew.away and (self._crew.size <= 1 or len(tasks) <= 1):
            return _here(function, tasks, done)
        try:
            return _round(self._crew, function, tasks, done)
        except BaseException:
            self._crew.drop()
            raise


def local_workers(number: int | None = None) -> Workers:
    """Processes of this machine, started when there is work for them.

    Args:
        number: how many; 1: everything is done in this process; None: as many as there are
            cores, where the work is worth their start.

    Raises:
        InputError: fewer than one.
    """
    if number is not None and number < 1:
        raise InputError(f"workers is {number}; expected 1 or more")
    return Workers(Processes(cores() if number is None else number), wanted=number is not None)


def fan_out(
    function: Callable[[T], R],
    tasks: Sequence[T],
    *,
    workers: int | Workers,
    done: Callable[[R], None],
) -> list[R]:
    """Results of all tasks, in the tasks' order, whoever the workers are and however many.

    A lost worker costs what it had been given, which runs again.

    Args:
        function: importable by name, as workers are started afresh.
        tasks: independent of each other; picklable, as are the results.
        workers: those that are there, or a number of processes for this one round; 1 stays in
            this process.
        done: called in this process with each result as it comes.

    Raises:
        WorkerError: workers died of a task again and again, or none are left.
        BaseException: whatever a task raised, or KeyboardInterrupt; no process outlives it.
    """
    if isinstance(workers, Workers):
        return workers.run(function, tasks, done)
    with local_workers(max(1, min(workers, len(tasks)))) as own:
        return own.run(function, tasks, done)


def _here(function: Callable[[T], R], tasks: Sequence[T], done: Callable[[R], None]) -> list[R]:
    results = []
    for task in tasks:
        results.append(function(task))
        done(results[-1])
    return results


def _round(
    crew: Crew, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[R], None]
) -> list[R]:
    results: list[Any] = [None] * len(tasks)
    waiting = deque(range(len(tasks)))
    flying: dict[Future[R], int] = {}
    ended: SimpleQueue[Future[R]] = SimpleQueue()
    lost: Counter[int] = Counter()
    ask_at = time.monotonic() + ASK_EVERY_S
    while waiting or flying:
        # Never everything at once: a study has millions of tasks, and workers come and go.
        while waiting and len(flying) < AHEAD * crew.size:
            future = crew.submit(function, tasks[waiting[0]])
            flying[future] = waiting.popleft()
            future.add_done_callback(ended.put)
        if time.monotonic() >= ask_at:
            crew.check()
            ask_at = time.monotonic() + ASK_EVERY_S
        try:
            future = ended.get(timeout=ASK_EVERY_S)
        except Empty:
            continue
        if future not in flying:  # it was lost with another one, and runs again
            continue
        try:
            result = crew.outcome(future)
        except LostWorkerError as error:
            # Which of the tasks it died of is not known.
            places = sorted(flying.values())
            flying.clear()
            lost.update(places)
            if max(lost.values()) >= ATTEMPTS:
                raise WorkerError(str(error)) from None
            waiting.extendleft(reversed(places))
            continue
        results[flying.pop(future)] = result
        done(result)
    return results


def cores() -> int:
    # A container or a batch job often may use fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
