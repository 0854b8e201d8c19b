"""The data plane: requests from arrival to outcome, in one compiled loop.

`advance` moves everything up to a moment; between two calls nothing happens, so whoever
calls may change gates, faults and gauges there. It returns early, and asks for room, when
slots or events run out: nothing is lost by calling again with larger arrays.
"""

from __future__ import annotations

import math
from typing import Any

from balancer.core.histogram import MIN_INDEX, bucket_index
from balancer.core.observations import FAILURES
from balancer.core.pricing import cost_nano_usd

from .clients import (
    NO_MORE,
    choose,
    enqueue,
    leave_queue,
    next_attempt,
    refill_retry_budget,
    reserve,
    settle,
)
from .compiled import compiled, inlined
from .events import ATTEMPT_ENDS, GIVES_UP, JOB_ENDS, RELEASE, RETRY, pop, push
from .fifo_queue import service_s
from .processor_sharing import finished, join, leave, next_ends_s
from .streams import PLAN, uniform
from .upstream import ANSWER, PROCESSOR_SHARING, begin, end
from .world import LATENCY, TTFT, World

__all__ = ["DONE", "ROOM_NEEDED", "advance"]

DONE, ROOM_NEEDED = range(2)
"""What `advance` returns."""

_SLOTS_PER_EVENT = 2  # a request's own and one for a call it left behind
_EVENTS_PER_EVENT = 4

_TIMEOUT = FAILURES.index("timeout")
_RESET = FAILURES.index("reset")
_QUOTA_DAY = FAILURES.index("quota_day")
_NOBODY = -1

_bucket_index = compiled(bucket_index)
_cost_nano_usd = compiled(cost_nano_usd)


@compiled
def advance(world: World, until_s: float) -> int:
    """Run arrivals and events earlier than a moment.

    Args:
        world: all arrays.
        until_s: the moment; what happens exactly then is left for the next call.

    Returns:
        DONE, or ROOM_NEEDED when slots or events must grow first.
    """
    state = world.state[0]
    requests = world.requests
    arrivals = len(requests)
    events = world.events
    starter = _NOBODY
    now_s = state.now_s
    while True:
        if starter != _NOBODY:
            _start(world, starter, now_s)
        if (
            state.free_slots < _SLOTS_PER_EVENT
            or state.events + _EVENTS_PER_EVENT > len(events)
            or world.upstream.queue[0].listed >= len(world.jobs)
        ):
            return ROOM_NEEDED
        arrives_s = requests[state.arrivals].s if state.arrivals < arrivals else math.inf
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
        i = _job_ends(world, generation, now_s)
        if i == _NOBODY:
            return _NOBODY
        kind = ATTEMPT_ENDS
    elif generation != world.slots[i].generation:
        return _NOBODY
    if kind == ATTEMPT_ENDS:
        return _attempt_ends(world, i, now_s)
    if kind == RETRY:
        return _retry(world, i, now_s)
    if kind == GIVES_UP:
        _give_up(world, i, now_s)
    else:
        end(world.upstream, world.calls, i)
        _free(world.state[0], world.slots, i)
    return _NOBODY


@inlined
def _arrive(world: World, now_s: float) -> int:
    """A request comes: it is admitted or shed. Returns the slot to start, if one is."""
    state = world.state[0]
    client = world.client[0]
    totals = world.totals[0]
    request = world.requests[state.arrivals]
    counts = now_s >= client.warm_up_s
    priority = request.priority
    state.offered[priority] += 1
    totals.offered[priority] += counts
    refill_retry_budget(state, client)
    u = uniform(world.upstream.settings[0].key, PLAN, state.arrivals, 0)
    mode, admitted = choose(world.gates, priority, u)
    if state.flights >= state.max_in_flight or state.starts >= state.max_starts:
        admitted = False
    i = state.free
    if admitted:
        _occupy(world, i, now_s, mode, counts)
        admitted = reserve(world, i)
        totals.refused += counts and not admitted
    state.arrivals += 1
    if not admitted:
        state.shed[priority] += 1
        totals.shed[priority] += counts
        if world.plans[mode].static_fallback:
            state.fallback[priority] += 1
            totals.fallback += counts
        return _NOBODY
    state.free = world.slots[i].next
    state.free_slots -= 1
    state.live += 1
    state.starts += 1
    state.admitted[priority] += 1
    totals.admitted[priority] += counts
    totals.admitted_by_mode[mode] += counts
    return _start_or_wait(world, i)


@inlined
def _occupy(world: World, i: int, now_s: float, mode: int, counts: bool) -> None:
    """Write a request into a slot, which stays in the list of free ones for now."""
    state = world.state[0]
    request = world.requests[state.arrivals]
    slot = world.slots[i]
    slot.request = state.arrivals
    slot.first_start_s = math.nan
    slot.gives_up_s = now_s + world.client[0].patience_s
    slot.reserved_nano_usd = 0
    slot.dead = 0
    slot.mode = mode
    slot.priority = request.priority
    slot.link = 0
    slot.outcome = _TIMEOUT
    slot.waits = False
    slot.counts = counts
    call = world.calls[i]
    call.index = state.arrivals
    call.attempt = 0
    call.prompt = request.prompt
    call.cached = request.cached
    call.output = request.output
    call.thinking = request.thinking
    call.concise = world.plans[mode].concise


@compiled
def _start_or_wait(world: World, i: int) -> int:
    """Slot i may start (and is returned), or joins those waiting for a place."""
    state = world.state[0]
    if state.flights < world.client[0].concurrency:
        return i
    enqueue(state, world.slots, i)
    slot = world.slots[i]
    push(state, world.events, slot.gives_up_s, GIVES_UP, i, slot.generation)
    return _NOBODY


@inlined
def _start(world: World, i: int, now_s: float) -> None:
    """Make an attempt: its fate is known at once, and so is what its client will see."""
    state = world.state[0]
    slot = world.slots[i]
    call = world.calls[i]
    slot.started_s = now_s
    if math.isnan(slot.first_start_s):
        slot.first_start_s = now_s
    call.gives_up_s = min(now_s + world.plans[slot.mode].timeout_s, slot.gives_up_s)
    begin(world.upstream, world.calls, i, now_s)
    ends_s = now_s + call.duration_s
    slot.outcome = call.outcome
    if ends_s > call.gives_up_s:
        ends_s = call.gives_up_s
        slot.outcome = _TIMEOUT
    if world.upstream.settings[0].kind == PROCESSOR_SHARING and call.outcome == ANSWER:
        queue = world.upstream.queue[0]
        key = world.upstream.settings[0].key
        join(queue, world.jobs, i, service_s(queue, key, call.index, call.attempt), now_s)
        _await_next_job(world)
    push(state, world.events, ends_s, ATTEMPT_ENDS, i, slot.generation)
    place = slot.mode * len(world.upstream.models) + call.model
    world.tallies[place].started += 1
    world.tallies[place].in_flight += 1
    flight = world.flights[state.flights]
    flight.since_s = slot.first_start_s
    flight.tally = place
    flight.slot = i
    slot.flight = state.flights
    state.flights += 1
    world.totals[0].attempts += slot.counts


@compiled
def _await_next_job(world: World) -> None:
    """The next call to end where the processor is shared may be another one now."""
    queue = world.upstream.queue[0]
    queue.version += 1
    ends_s = next_ends_s(queue, world.jobs)
    if ends_s < math.inf:
        push(world.state[0], world.events, ends_s, JOB_ENDS, 0, queue.version)


@compiled
def _job_ends(world: World, version: int, now_s: float) -> int:
    """A shared processor is done with a call. Returns its slot unless its client has gone."""
    if version != world.upstream.queue[0].version:
        return _NOBODY
    i = finished(world.upstream.queue[0], world.jobs, now_s)
    _await_next_job(world)
    if i < 0:
        return _NOBODY
    world.slots[i].outcome = ANSWER
    return i


@inlined
def _attempt_ends(world: World, i: int, now_s: float) -> int:
    """An outcome reaches the client. Returns the slot to start next, if any."""
    state = world.state[0]
    slot = world.slots[i]
    call = world.calls[i]
    outcome = slot.outcome
    place = slot.mode * len(world.upstream.models) + call.model
    if world.upstream.settings[0].kind == PROCESSOR_SHARING and outcome == _TIMEOUT:
        leave(world.upstream.queue[0], world.jobs, i, now_s)
        _await_next_job(world)
    _land(state, world.slots, world.flights, world.tallies[place], slot.flight)
    slot.generation += 1
    unseen = outcome in (_TIMEOUT, _RESET)
    _book(world, i, place, unseen)
    if outcome in (ANSWER, _TIMEOUT):
        latency = _bucket_index(now_s - slot.first_start_s) - MIN_INDEX
        _count(world.tallies[place], world.histograms[place], LATENCY, latency)
    if outcome == ANSWER:
        ttft = _bucket_index(call.ttft_s) - MIN_INDEX
        _count(world.tallies[place], world.histograms[place], TTFT, ttft)
    if unseen and call.held:
        _leave_behind(world, i, slot.started_s + call.holds_s)
    else:
        end(world.upstream, world.calls, i)
    if outcome == ANSWER:
        _answered(world, i, now_s)
    else:
        if outcome == _QUOTA_DAY:
            slot.dead |= 1 << call.model
        delay_s = NO_MORE
        if now_s < slot.gives_up_s:
            delay_s = next_attempt(
                state,
                world.client[0],
                world.plans,
                slot,
                call,
                world.upstream.settings[0].key,
            )
        if delay_s == NO_MORE or now_s + delay_s >= slot.gives_up_s:
            _failed(world, i, now_s)
        else:
            call.attempt += 1
            if delay_s == 0.0:
                if reserve(world, i):
                    return i
                _failed(world, i, now_s)
            else:
                push(state, world.events, now_s + delay_s, RETRY, i, slot.generation)
    return _next_waiting(state, world.client[0], world.slots)


@inlined
def _retry(world: World, i: int, now_s: float) -> int:
    """A backoff is over. Returns the slot to start, if it may."""
    if reserve(world, i):
        return _start_or_wait(world, i)
    _failed(world, i, now_s)
    return _NOBODY


@inlined
def _give_up(world: World, i: int, now_s: float) -> None:
    """A user who waited for a place has lost patience."""
    state = world.state[0]
    leave_queue(state, world.slots, i)
    settle(world, i, 0, 0)
    world.slots[i].outcome = _TIMEOUT
    _failed(world, i, now_s)


@inlined
def _next_waiting(state: Any, client: Any, slots: Any) -> int:
    """Take the first of those waiting, if there is a place."""
    i = int(state.first_waiting)
    if i < 0 or state.flights >= client.concurrency:
        return _NOBODY
    leave_queue(state, slots, i)
    return i


@inlined
def _land(state: Any, slots: Any, flights: Any, tally: Any, flight: int) -> None:
    """Take a call out of those in flight; the last one fills its place."""
    tally.in_flight -= 1
    state.flights -= 1
    last = state.flights
    flights[flight] = flights[last]
    slots[flights[last].slot].flight = flight


@inlined
def _book(world: World, i: int, place: int, unseen: bool) -> None:
    """Count a finished attempt: tokens, cost and failure."""
    slot = world.slots[i]
    call = world.calls[i]
    tally = world.tallies[place]
    totals = world.totals[0]
    counts = slot.counts
    tally.finished += 1
    totals.attempts_finished += counts
    if slot.outcome != ANSWER:
        tally.failures[slot.outcome] += 1
        totals.attempts_failed += counts
    cost = 0
    if call.served:
        cost = call.estimate_nano_usd
        if unseen:
            price = world.upstream.models[call.model].price
            cost = _cost_nano_usd(price, call.prompt, call.cached, 0, 0)
        else:
            tally.output += call.answered
            tally.thinking += call.thought
        tally.prompt += call.prompt
        tally.cached += call.cached
        tally.nano_usd += cost
        if counts:
            totals.prompt_tokens += call.prompt
            totals.cached_tokens += call.cached
            totals.output_tokens += call.answered
            totals.thinking_tokens += call.thought
            totals.observed_nano_usd += cost
            totals.true_nano_usd += call.bill_nano_usd
    if len(world.ledgers) > 0:
        # What the client cannot see may have cost all that was reserved.
        known = slot.reserved_nano_usd if unseen and call.served else cost
        settle(world, i, known, call.bill_nano_usd)


@inlined
def _count(tally: Any, histograms: Any, which: int, bucket: int) -> None:
    histograms[which, bucket] += 1
    tally.low[which] = min(tally.low[which], bucket)
    tally.high[which] = max(tally.high[which], bucket)


@compiled
def _leave_behind(world: World, i: int, until_s: float) -> None:
    """The upstream works on at a call whose client has gone: it moves to a slot of its own."""
    state = world.state[0]
    orphan = state.free
    state.free = world.slots[orphan].next
    state.free_slots -= 1
    world.calls[orphan] = world.calls[i]
    world.calls[i].held = False
    push(state, world.events, until_s, RELEASE, orphan, world.slots[orphan].generation)


@inlined
def _answered(world: World, i: int, now_s: float) -> None:
    """A request got a complete answer."""
    slot = world.slots[i]
    if slot.counts:
        call = world.calls[i]
        totals = world.totals[0]
        totals.answered[slot.priority] += 1
        totals.truncated += call.delivered_ppm < 1_000_000
        quality_ppm = world.upstream.models[call.model].quality_ppm
        totals.quality_ppm_sum += quality_ppm * call.delivered_ppm // 1_000_000
        _measure(world, slot, now_s)
    world.state[0].live -= 1
    _free(world.state[0], world.slots, i)


@compiled
def _failed(world: World, i: int, now_s: float) -> None:
    """A request is given up."""
    slot = world.slots[i]
    state = world.state[0]
    totals = world.totals[0]
    if world.plans[slot.mode].static_fallback:
        state.fallback[slot.priority] += 1
        totals.fallback += slot.counts
    if slot.counts:
        totals.failed[slot.priority] += 1
        if slot.outcome == _TIMEOUT and not math.isnan(slot.first_start_s):
            _measure(world, slot, now_s)
    state.live -= 1
    _free(state, world.slots, i)


@inlined
def _measure(world: World, slot: Any, now_s: float) -> None:
    """Record a request's latency."""
    latency_s = now_s - slot.first_start_s
    world.latency[_bucket_index(latency_s) - MIN_INDEX] += 1
    world.totals[0].latency_sum_s += latency_s
    if world.client[0].keeps_latencies:
        world.latencies[slot.request] = latency_s


@inlined
def _free(state: Any, slots: Any, i: int) -> None:
    slots[i].generation += 1
    slots[i].next = state.free
    state.free = i
    state.free_slots += 1
