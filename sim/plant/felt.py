"""Requests as their users feel them, by mode: begun, answered, given up, or between two attempts.

A request begins with its first attempt. While an attempt is under way it stands among the
flights, and between two of them among the pauses: its age goes on.
"""

from __future__ import annotations

from typing import Any

from balancer.core.modes import MODES

from ..compiled import compiled, inlined
from .buckets import count
from .world import World

__all__ = ["begun", "ended", "pause", "resume", "unjudged"]


@inlined
def _place(slot: Any) -> int:
    """Row of the replica and mode of a slot's request."""
    return int(slot.replica * len(MODES) + slot.mode)


@inlined
def begun(world: World, slot: Any) -> None:
    """A request makes its first attempt."""
    world.felt[_place(slot)].begun += 1


@inlined
def ended(world: World, slot: Any, which: int, bucket: int) -> None:
    """A request that has begun was `ANSWERED` or has `FAILED`, at an age in this bucket's place."""
    place = _place(slot)
    count(world.felt[place], world.felt_histograms[place], which, bucket)


@inlined
def unjudged(world: World, slot: Any) -> None:
    """A request that has begun ended by its caller's mistake."""
    world.felt[_place(slot)].unjudged[slot.priority] += 1


@compiled
def pause(world: World, i: int) -> None:
    """Slot i's attempt is over, and another one is to come."""
    state = world.state[0]
    slot = world.slots[i]
    entry = world.pauses[state.pauses]
    entry.since_s = slot.first_start_s
    entry.felt = _place(slot)
    entry.slot = i
    slot.flight = state.pauses
    state.pauses += 1


@compiled
def resume(world: World, i: int) -> None:
    """Slot i's pause is over; the last one fills its place."""
    state = world.state[0]
    slots, pauses = world.slots, world.pauses
    state.pauses -= 1
    last = state.pauses
    at = slots[i].flight
    pauses[at] = pauses[last]
    slots[pauses[last].slot].flight = at
    slots[i].flight = -1
