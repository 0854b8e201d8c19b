"""The event list: a binary heap by (time, sequence), so that ties keep their order."""

from __future__ import annotations

from typing import Any

from .compiled import compiled

__all__ = ["ATTEMPT_ENDS", "GIVES_UP", "JOB_ENDS", "RELEASE", "RETRY", "pop", "push"]

ATTEMPT_ENDS, RETRY, GIVES_UP, RELEASE, JOB_ENDS = range(5)
"""Kinds of events: an attempt's outcome reaches its client; a backoff is over; a user who
waits for a place loses patience; the upstream is done with a call its client gave up on; a
processor that is shared is done with a call."""


ARITY = 4
"""Children of a place in the heap: with four it is half as deep as with two, and the four
lie side by side in memory."""


@compiled
def push(state: Any, events: Any, at_s: float, kind: int, slot: int, generation: int) -> None:
    """Add an event; there must be room."""
    place = state.events
    state.events += 1
    state.sequence += 1
    while place > 0:
        parent = (place - 1) // ARITY
        if events[parent].at_s <= at_s:
            break
        events[place] = events[parent]
        place = parent
    event = events[place]
    event.at_s = at_s
    event.sequence = state.sequence
    event.kind = kind
    event.slot = slot
    event.generation = generation


@compiled
def pop(state: Any, events: Any) -> None:
    """Drop the earliest event, events[0]."""
    state.events -= 1
    length = state.events
    at_s = events[length].at_s
    sequence = events[length].sequence
    place = 0
    first = 1
    while first < length:
        child = first
        earliest_s = events[first].at_s
        for other in range(first + 1, min(first + ARITY, length)):
            other_s = events[other].at_s
            if other_s < earliest_s or (
                other_s == earliest_s and events[other].sequence < events[child].sequence
            ):
                child = other
                earliest_s = other_s
        if earliest_s > at_s or (earliest_s == at_s and events[child].sequence > sequence):
            break
        events[place] = events[child]
        place = child
        first = ARITY * place + 1
    events[place] = events[length]
