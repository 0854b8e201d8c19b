"""How far the runs of this process are, for whoever watches; in other processes nobody does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..traffic.asked import Table

__all__ = ["watched", "watching"]

_WATCHER: ContextVar[Callable[[float], None] | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(tell: Callable[[float], None]) -> Iterator[None]:
    """Have `tell` called with the runs done, parts included, by whatever is run meanwhile."""
    before = _WATCHER.set(tell)
    try:
        yield
    finally:
        _WATCHER.reset(before)


def watched(traffic: Iterable[Table], duration_s: float, done: int) -> Iterator[Table]:
    """The same traffic of a run; as it turns to another chunk, that much of the run is done.

    Args:
        traffic: its requests.
        duration_s: of the run.
        done: runs done before it.
    """
    tell = _WATCHER.get()
    for place, requests in enumerate(traffic):
        if place > 0 and tell is not None:
            tell(done + float(requests["s"][0]) / duration_s)
        yield requests
