"""A plain queue: c servers, first come first served, to hold the simulator against theory.

With the free times of the servers in a heap, a call's start is known on its arrival: it is
the earliest free time, or now (Kiefer and Wolfowitz, "On the theory of queues with many
servers", 1955). So is whether the caller will have left by then, because it knows on arrival
how long it will wait; a caller that leaves, and takes its work along, never holds a server.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from balancer.core.observations import FAILURES

from ..compiled import compiled
from ..streams import PATIENCE, SERVICE, exponential, normal

__all__ = ["DETERMINISTIC", "EXPONENTIAL", "GENERAL", "QUEUE", "begin_in_queue", "service_s"]

EXPONENTIAL, DETERMINISTIC, GENERAL = range(3)

QUEUE = np.dtype(
    [
        ("service", "i4"),
        ("mean_s", "f8"),
        ("sigma", "f8"),  # of the lognormal that is a general service
        ("bound", "i8"),  # most waiting; negative: no bound
        ("cancels", "?"),
        ("mean_patience_s", "f8"),  # in the queue; infinite: none
        ("waiting", "i8"),  # entries of the waiting room
        ("servers", "f8"),
        # processor sharing only
        ("attained_s", "f8"),
        ("moved_at_s", "f8"),
        ("sharing", "i8"),
        ("listed", "i8"),
        ("version", "i8"),
    ],
    align=True,
)
"""Settings and state of a queue. `waiting` counts a heap of times at which callers leave the
waiting room, kept only where the room is bounded."""

_TIMEOUT = FAILURES.index("timeout")
_OVERLOADED = FAILURES.index("overloaded")


@compiled
def service_s(queue: Any, key: int, index: int, attempt: int) -> float:
    """Service a call needs, in seconds."""
    if queue.service == DETERMINISTIC:
        return float(queue.mean_s)
    if queue.service == EXPONENTIAL:
        return float(queue.mean_s * exponential(key, SERVICE, index, attempt))
    z = normal(key, SERVICE, index, attempt)
    return float(queue.mean_s * math.exp(queue.sigma * (z - 0.5 * queue.sigma)))


@compiled
def begin_in_queue(
    queue: Any, servers: Any, room: Any, call: Any, key: int, now_s: float, slow: float
) -> None:
    """Decide a call's fate.

    Args:
        queue: record of `QUEUE`.
        servers: heap of the times at which the servers are free.
        room: heap of the times at which callers leave the waiting room.
        call: record of the call.
        key: stream key.
        now_s: time.
        slow: services take this many times longer.
    """
    start = max(now_s, servers[0])
    if queue.bound >= 0:
        while queue.waiting > 0 and room[0] <= now_s:
            queue.waiting -= 1
            _replace_least(room, queue.waiting + 1, room[queue.waiting])
        if start > now_s and queue.waiting >= queue.bound:
            call.outcome = _OVERLOADED
            call.duration_s = 0.0
            return
    leaves = now_s + queue.mean_patience_s * exponential(key, PATIENCE, call.index, call.attempt)
    stays_until = min(leaves, call.gives_up_s) if queue.cancels else math.inf
    finish = start + slow * service_s(queue, key, call.index, call.attempt)
    if start < stays_until:
        held_until = min(finish, call.gives_up_s) if queue.cancels else finish
        _replace_least(servers, len(servers), held_until)
    if queue.bound >= 0 and start > now_s:
        _insert(room, queue.waiting, min(start, stays_until))
        queue.waiting += 1
    call.served = True
    if start > leaves:
        call.outcome = _TIMEOUT
        call.duration_s = leaves - now_s
    else:
        call.duration_s = finish - now_s


@compiled
def _replace_least(heap: Any, length: int, time_s: float) -> None:
    """Put a time in the place of a heap's least."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= length:
            break
        if child + 1 < length and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= time_s:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = time_s


@compiled
def _insert(heap: Any, length: int, time_s: float) -> None:
    """Add a time to a heap of `length`."""
    place = length
    while place > 0:
        parent = (place - 1) // 2
        if heap[parent] <= time_s:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = time_s
