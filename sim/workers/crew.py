"""Who does the work of a round of tasks, and how they are lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from balancer.core.errors import BalancerError

__all__ = ["Crew", "LostWorkerError", "WorkerError"]

T = TypeVar("T")
R = TypeVar("R")


class WorkerError(BalancerError):
    """Workers ended without a result: killed, out of memory, or unable to start."""


class LostWorkerError(Exception):
    """A worker was lost with what it was given; the others and their work may be lost with it."""


class Crew(Protocol):
    """Who does the work; it owns a `concurrent.futures.Executor`.

    Attributes:
        away: on other machines, so that they share no files with us.
    """

    away: bool

    @property
    def size(self) -> int:
        """Tasks that can run at once."""
        ...

    @property
    def started(self) -> bool:
        """Whether they are there already, or have yet to be started."""
        ...

    def start(self) -> None:
        """Make sure of them.

        Raises:
            InputError: there are none to be had.
        """
        ...

    def submit(self, function: Callable[[T], R], task: T) -> Future[R]:
        """Hand out a task."""
        ...

    def outcome(self, future: Future[R]) -> R:
        """What came of a task.

        Raises:
            LostWorkerError: its worker was lost; it can be tried again.
            WorkerError: it is of no use to try again.
            BaseException: whatever the task raised.
        """
        ...

    def check(self) -> None:
        """Ask who is there now.

        Raises:
            WorkerError: nobody, and nobody has come back.
        """
        ...

    def drop(self) -> None:
        """Give up everything that was handed out; they can be given more."""
        ...

    def close(self) -> None:
        """Let them go."""
        ...
