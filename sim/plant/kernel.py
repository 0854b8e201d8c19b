"""The data plane: requests from arrival to outcome, in one compiled loop.

`advance` moves everything up to a moment; between two calls nothing happens, so whoever
calls may change gates, faults and gauges there. It returns early when slots, events or requests
run out: nothing is lost by calling again with larger arrays, or with the next requests.
"""

from __future__ import annotations

import math

from balancer.core.modes import MODES
from balancer.core.observations import FAILURES
from balancer.core.tiers import REQUEST_TIERS

from ..compiled import compiled, inlined
from ..streams import PLAN, uniform
from .attempts import attempt_ends, job_ends, released, start
from .clients import (
    NOBODY,
    choose,
    enqueue,
    leave_queue,
    reserve,
    settle,
)
from .events import ASKS_AGAIN, ATTEMPT_ENDS, GIVES_UP, JOB_ENDS, RETRY, pop, push, turn_to
from .outcomes import failed, free, leave
from .world import ASK, World

__all__ = ["DONE", "REQUESTS_NEEDED", "ROOM_NEEDED", "advance"]

DONE, ROOM_NEEDED, REQUESTS_NEEDED = range(3)
"""What `advance` returns."""

_SLOTS_PER_EVENT = 2  # a request's own and one for a call it left behind
_EVENTS_PER_EVENT = 6

_TIMEOUT = FAILURES.index("timeout")


@compiled
def advance(world: World, until_s: float) -> int:
    """Run arrivals and events earlier than a moment.

    Args:
        world: all arrays.
        until_s: the moment; what happens exactly then is left for the next call.

    Returns:
        DONE; or ROOM_NEEDED, when slots or events must grow first; or REQUESTS_NEEDED.
    """
    state = world.state[0]
    requests = world.requests
    first = state.first
    end = first + len(requests)
    events = world.events
    starter = NOBODY
    now_s = state.now_s
    while True:
        if starter != NOBODY:
            start(world, starter, now_s)
        if (
            state.free_slots < _SLOTS_PER_EVENT
            or state.events + state.later + _EVENTS_PER_EVENT > len(events)
            or world.upstream.queue[0].listed >= len(world.jobs)
        ):
            return ROOM_NEEDED
        arrives_s = math.inf
        if state.arrivals < end:
            arrives_s = requests[state.arrivals - first].s
        elif state.more:
            return REQUESTS_NEEDED
        if state.events == 0:
            turn_to(state, world, min(arrives_s, until_s))
        if state.events > 0 and events[0].at_s <= arrives_s:
            if events[0].at_s >= until_s:
                break
            now_s = events[0].at_s
            kind = events[0].kind
            i = events[0].slot
            generation = events[0].generation
            pop(state, events)
            starter = _happens(world, kind, i, generation, now_s)
        elif arrives_s < until_s:
            now_s = arrives_s
            starter = _arrive(world, now_s)
        else:
            break
        state.now_s = now_s
    state.now_s = max(now_s, until_s)
    return DONE


@inlined
def _happens(world: World, kind: int, i: int, generation: int, now_s: float) -> int:
    """An event is due. Returns the slot to start, if there is one."""
    if kind == JOB_ENDS:
        i = job_ends(world, generation, now_s)
        if i == NOBODY:
            return NOBODY
        kind = ATTEMPT_ENDS
    elif generation != world.slots[i].generation:
        return NOBODY
    if kind == ATTEMPT_ENDS:
        return attempt_ends(world, i, now_s)
    if kind == RETRY:
        return _retry(world, i, now_s)
    if kind == ASKS_AGAIN:
        world.calls[i].attempt = (world.calls[i].attempt // ASK + 1) * ASK
        world.totals[0].reasked += world.slots[i].counts
        return _ask(world, i, now_s)
    if kind == GIVES_UP:
        _give_up(world, i, now_s)
    else:
        released(world, i, now_s)
        free(world.state[0], world.slots, i)
    return NOBODY


@inlined
def _arrive(world: World, now_s: float) -> int:
    """A request comes. Returns the slot to start, if it is admitted and may."""
    state = world.state[0]
    i = state.free
    slot = world.slots[i]
    state.free = slot.next
    state.free_slots -= 1
    state.live += 1
    request = world.requests[state.arrivals - state.first]
    slot.priority = request.priority
    slot.replica = request.replica
    slot.key = request.key
    slot.mistake = request.mistake
    slot.plan = request.asked * len(MODES)
    # Mistakes are no traffic that anybody could have served, so no total counts them.
    slot.counts = now_s >= world.client[0].warm_up_s and not request.mistake
    call = world.calls[i]
    call.index = state.arrivals
    call.attempt = 0
    call.prompt = request.prompt
    call.cached = request.cached
    call.output = request.output
    call.thinking = request.thinking
    call.own_tier = request.tier % len(REQUEST_TIERS)
    call.request_type = request.tier // len(REQUEST_TIERS)
    state.arrivals += 1
    return _ask(world, i, now_s)


@inlined
def _ask(world: World, i: int, now_s: float) -> int:
    """The request of slot i is admitted or shed. Returns the slot to start, if one is."""
    totals = world.totals[0]
    slot = world.slots[i]
    priority = slot.priority
    replica = world.replicas[slot.replica]
    replica.offered[priority] += 1
    totals.offered[priority] += slot.counts
    key = world.upstream.settings[0].key
    u = uniform(key, PLAN, world.calls[i].index, world.calls[i].attempt)
    mode, admitted = choose(world.gates[slot.replica], priority, u)
    _occupy(world, i, now_s, mode)
    felt = replica.flights - replica.flexing
    if felt >= replica.max_in_flight or replica.starts >= replica.max_starts:
        admitted = False
    if admitted:
        admitted = reserve(world, i)
        totals.refused += slot.counts and not admitted
    if not admitted:
        replica.shed[priority] += 1
        totals.shed[priority] += slot.counts
        if world.plans[mode].static_fallback:
            replica.fallback[priority] += 1
            totals.fallback += slot.counts
        leave(world, i, now_s)
        return NOBODY
    replica.starts += 1
    replica.admitted[priority] += 1
    totals.admitted[priority] += slot.counts
    totals.admitted_by_mode[mode] += slot.counts
    return _start_or_wait(world, i)


@inlined
def _occupy(world: World, i: int, now_s: float, mode: int) -> None:
    """Begin slot i's request, or begin it anew, in a mode."""
    slot = world.slots[i]
    slot.first_start_s = math.nan
    slot.gives_up_s = now_s + world.client[0].patience_s
    slot.reserved_nano_usd = 0
    slot.dead = 0
    slot.mode = mode
    slot.link = 0
    slot.plan = slot.plan // len(MODES) * len(MODES) + mode
    slot.flight = -1
    slot.outcome = _TIMEOUT
    call = world.calls[i]
    call.concise = world.plans[mode].concise
    call.put_off = False


@inlined
def _start_or_wait(world: World, i: int) -> int:
    """Slot i may start (and is returned), or joins those waiting for a place."""
    slot = world.slots[i]
    replica = world.replicas[slot.replica]
    if replica.flights < world.client[0].concurrency:
        return i
    enqueue(replica, world.slots, i)
    push(world.state[0], world, slot.gives_up_s, GIVES_UP, i, slot.generation)
    return NOBODY


@inlined
def _retry(world: World, i: int, now_s: float) -> int:
    """A backoff is over. Returns the slot to start, if it may."""
    if reserve(world, i):
        return _start_or_wait(world, i)
    failed(world, i, now_s)
    return NOBODY


@inlined
def _give_up(world: World, i: int, now_s: float) -> None:
    """A user who waited for a place has lost patience."""
    replica = world.replicas[world.slots[i].replica]
    leave_queue(replica, world.slots, i)
    settle(world, i, 0, 0, False)
    world.slots[i].outcome = _TIMEOUT
    failed(world, i, now_s)
