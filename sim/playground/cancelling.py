"""Ending work that nobody waits for any more: flags that the asker and all workers share."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from balancer.core.decisions import Decision
from balancer.core.errors import BalancerError
from balancer.core.observations import Observations

__all__ = ["EVERY_TICKS", "SLOTS", "SupersededError", "begin", "flags", "heard", "is_cancelled"]

SLOTS = 64
"""Jobs under way at once, of all users."""
EVERY_TICKS = 32
"""A run looks so often whether anybody still waits for it: about once a millisecond."""
_NICE = 5

_flags: Any = None


class SupersededError(BalancerError):
    """A newer question took the place of this one, or whoever asked is gone."""


def flags() -> Any:
    """Flags to hand to workers as they start, one for each job; not 0 is cancelled."""
    return multiprocessing.get_context("spawn").RawArray("b", SLOTS)


def begin(shared: Any) -> None:
    """In a worker, before its first task: take the flags, and give way to whoever serves calls."""
    global _flags  # noqa: PLW0603 -- a process has one, from its start to its end
    _flags = shared
    with suppress(OSError, AttributeError):
        os.nice(_NICE)


def is_cancelled(slot: int | None) -> bool:
    """Whether a job was cancelled; None is one that never is."""
    return slot is not None and _flags is not None and bool(_flags[slot])


def heard(
    slot: int | None, seen: Callable[[Observations, Decision], None] | None = None
) -> Callable[[Observations, Decision], None]:
    """A listener of `simulate` that ends the run once its job is cancelled.

    Args:
        slot: of the job.
        seen: given what was observed in every tick, and decided on it.
    """

    def listen(observations: Observations, decision: Decision) -> None:
        if observations.tick % EVERY_TICKS == 0 and is_cancelled(slot):
            raise SupersededError("nobody waits for it any more")
        if seen is not None:
            seen(observations, decision)

    return listen
