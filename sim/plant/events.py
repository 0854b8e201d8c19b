"""The event list: a calendar of short days, and a heap of what happens on the current one.

Events come by (time, sequence), so ties keep the order they were made in. A day holds about
two events. Those of the current day stand in a binary heap; a later day is a chain of its
events in any order, and becomes the heap when the one before it is over (Brown, "Calendar
queues", CACM 1988). So an event costs the same however many are pending, and the few that
are compared lie side by side in memory. Days of a whole round of the calendar share a chain;
events of a later round stay in it. A day is a power of two of a second, so that the day of a
moment, and the first moment of a day, are exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..compiled import compiled, inlined

__all__ = [
    "ASKS_AGAIN",
    "ATTEMPT_ENDS",
    "DAYS",
    "GIVES_UP",
    "JOB_ENDS",
    "LATER",
    "RELEASE",
    "RETRY",
    "chained",
    "days_per_s",
    "pop",
    "push",
    "turn_to",
]

ATTEMPT_ENDS, RETRY, GIVES_UP, RELEASE, JOB_ENDS, ASKS_AGAIN = range(6)
"""Kinds of events: an attempt's outcome reaches its client; a backoff is over; a user who
waits for a place loses patience; the upstream is done with a call its client gave up on; a
processor that is shared is done with a call; a user who got nothing asks again."""

_EVENT: list[tuple[str, str]] = [
    ("at_s", "f8"),
    ("sequence", "i8"),
    ("generation", "i8"),
    ("slot", "i4"),
    ("kind", "i4"),
]
EVENT = np.dtype(_EVENT, align=True)
"""What happens to which slot, and when."""

LATER = np.dtype([*_EVENT, ("next", "i8")], align=True)
"""An event of a later day, and the next one of its chain, or of the free places; -1 is none."""

DAYS = 4096
"""Days of a round; a power of two."""

_EVENTS_A_DAY = 2.0
_LONGEST_DAY, _SHORTEST_DAY = 0, -12  # powers of two of a second


def days_per_s(events_per_s: float) -> float:
    """Days a second, where so many events are expected; the order of events is not at stake."""
    if events_per_s <= 0.0:
        return 1.0
    power = round(math.log2(_EVENTS_A_DAY / events_per_s))
    return float(2.0 ** -min(max(power, _SHORTEST_DAY), _LONGEST_DAY))


def chained(later: np.ndarray[Any, Any], first: int, then: int) -> None:
    """Chain the places from `first` on, all free, and put `then` at their end."""
    later["next"][first:] = np.arange(first + 1, len(later) + 1)
    later["next"][-1] = then


@inlined
def push(state: Any, world: Any, at_s: float, kind: int, slot: int, generation: int) -> None:
    """Add an event; there must be room. What never happens is left out.

    Args:
        state: record of `sim.plant.world.STATE`.
        world: has `events`, `later` and `days`.
        at_s: when it happens; infinite: never.
        kind: which of the kinds above.
        slot: whom it happens to.
        generation: of the slot, or the version of what is known of a shared processor.
    """
    if at_s == math.inf:
        return
    state.sequence += 1
    day = int(at_s * state.days_per_s)
    if day <= state.day:
        _insert(state, world.events, at_s, state.sequence, kind, slot, generation)
        return
    place = state.free_later
    event = world.later[place]
    state.free_later = event.next
    state.later += 1
    event.at_s = at_s
    event.sequence = state.sequence
    event.kind = kind
    event.slot = slot
    event.generation = generation
    event.next = world.days[day & (DAYS - 1)]
    world.days[day & (DAYS - 1)] = place


@inlined
def turn_to(state: Any, world: Any, until_s: float) -> None:
    """With nothing left of the current day, turn to the next one that has events.

    Args:
        state, world: see `push`.
        until_s: days that begin after this moment stay as they are.
    """
    if state.later == 0:
        if until_s < math.inf:
            state.day = max(state.day, int(until_s * state.days_per_s))
        return
    while state.events == 0 and state.later > 0 and (state.day + 1) * state.day_s <= until_s:
        state.day += 1
        place = world.days[state.day & (DAYS - 1)]
        if place >= 0:
            _begin_day(state, world.events, world.later, world.days, place)


@compiled
def _begin_day(state: Any, events: Any, later: Any, days: Any, place: int) -> None:
    """Move the current day's events from their chain, which begins at a place, to the heap."""
    chain = state.day & (DAYS - 1)
    days[chain] = -1
    while place >= 0:
        event = later[place]
        following = event.next
        if int(event.at_s * state.days_per_s) == state.day:
            _insert(
                state,
                events,
                event.at_s,
                event.sequence,
                event.kind,
                event.slot,
                event.generation,
            )
            event.next = state.free_later
            state.free_later = place
            state.later -= 1
        else:
            event.next = days[chain]
            days[chain] = place
        place = following


@inlined
def _insert(
    state: Any, events: Any, at_s: float, sequence: int, kind: int, slot: int, generation: int
) -> None:
    place = state.events
    state.events += 1
    while place > 0:
        parent = (place - 1) // 2
        earlier_s = events[parent].at_s
        if earlier_s < at_s or (earlier_s == at_s and events[parent].sequence < sequence):
            break
        events[place] = events[parent]
        place = parent
    event = events[place]
    event.at_s = at_s
    event.sequence = sequence
    event.kind = kind
    event.slot = slot
    event.generation = generation


@inlined
def pop(state: Any, events: Any) -> None:
    """Drop the earliest event, events[0]."""
    state.events -= 1
    length = state.events
    at_s = events[length].at_s
    sequence = events[length].sequence
    place = 0
    child = 1
    while child < length:
        child_s = events[child].at_s
        if child + 1 < length:
            other_s = events[child + 1].at_s
            if other_s < child_s or (
                other_s == child_s and events[child + 1].sequence < events[child].sequence
            ):
                child += 1
                child_s = other_s
        if child_s > at_s or (child_s == at_s and events[child].sequence > sequence):
            break
        events[place] = events[child]
        place = child
        child = 2 * place + 1
    events[place] = events[length]
