"""A server that works on all calls at once, each at its share: for theory checks only.

Every call under way attains service at the same rate, min(1, servers / calls). So they end
in the order of the service attained by then, whoever comes or goes meanwhile: a heap of
those marks, one clock of service attained, and one event for the next to end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..compiled import compiled, inlined

__all__ = ["JOB", "finished", "join", "leave", "next_ends_s"]

JOB = np.dtype([("mark_s", "f8"), ("slot", "i8")], align=True)
"""A call: it ends when `mark_s` seconds of service have been attained by each that was there
all along. `slot` is negative once its client has gone."""

_GONE = -1
_CANCELLED = -2


@inlined
def _rate(queue: Any) -> float:
    return min(1.0, queue.servers / queue.sharing) if queue.sharing > 0 else 0.0


@compiled
def _move(queue: Any, now_s: float) -> None:
    queue.attained_s += (now_s - queue.moved_at_s) * _rate(queue)
    queue.moved_at_s = now_s


@compiled
def join(queue: Any, jobs: Any, slot: int, service_s: float, now_s: float) -> None:
    """A call begins."""
    _move(queue, now_s)
    mark_s = queue.attained_s + service_s
    place = queue.listed
    while place > 0 and jobs[(place - 1) // 2].mark_s > mark_s:
        jobs[place] = jobs[(place - 1) // 2]
        place = (place - 1) // 2
    jobs[place].mark_s = mark_s
    jobs[place].slot = slot
    queue.listed += 1
    queue.sharing += 1


@compiled
def leave(queue: Any, jobs: Any, slot: int, now_s: float) -> None:
    """A client has given up; its work goes with it only where callers cancel."""
    _move(queue, now_s)
    for place in range(queue.listed):
        if jobs[place].slot == slot:
            jobs[place].slot = _CANCELLED if queue.cancels else _GONE
    if queue.cancels:
        queue.sharing -= 1


@compiled
def next_ends_s(queue: Any, jobs: Any) -> float:
    """When the next call ends if nobody comes or goes; infinite if there is none."""
    while queue.listed > 0 and jobs[0].slot == _CANCELLED:
        _pop(queue, jobs)
    if queue.listed == 0:
        return math.inf
    left_s = max(0.0, jobs[0].mark_s - queue.attained_s)
    return float(queue.moved_at_s + left_s / _rate(queue))


@compiled
def finished(queue: Any, jobs: Any, now_s: float) -> int:
    """The call that ends now: its slot, or a negative number if its client has gone."""
    _move(queue, now_s)
    slot = jobs[0].slot
    queue.attained_s = jobs[0].mark_s
    _pop(queue, jobs)
    queue.sharing -= 1
    return int(slot)


@compiled
def _pop(queue: Any, jobs: Any) -> None:
    queue.listed -= 1
    last = jobs[queue.listed].mark_s
    place = 0
    child = 1
    while child < queue.listed:
        if child + 1 < queue.listed and jobs[child + 1].mark_s < jobs[child].mark_s:
            child += 1
        if jobs[child].mark_s >= last:
            break
        jobs[place] = jobs[child]
        place = child
        child = 2 * place + 1
    jobs[place] = jobs[queue.listed]
