"""An attempt, from the call upstream to the outcome its client sees, and what follows."""

from __future__ import annotations

import math
from typing import Any

from balancer.core.modes import MODES
from balancer.core.observations import FAILURES
from balancer.core.pricing import cost_nano_usd

from ..compiled import compiled, inlined
from .buckets import count, place_of
from .clients import (
    NO_MORE,
    NOBODY,
    earn_retry,
    enqueue,
    leave_queue,
    next_attempt,
    next_waiting,
    reserve,
    settle,
)
from .events import ATTEMPT_ENDS, JOB_ENDS, RELEASE, RETRY, push
from .felt import begun, pause
from .felt import resume as resume_felt
from .outcomes import UNFELT, answered, failed, mistaken
from .processor_sharing import finished, join, leave, next_ends_s
from .provisioned import PROVISIONED
from .service_tiers import FLEX, PRIORITY, WAITS, has_place
from .upstream import REJECTED, begin, end, refuse, resume
from .upstream_records import ANSWER, PROCESSOR_SHARING
from .world import LATENCY, TTFT, World

__all__ = ["attempt_ends", "job_ends", "released", "start"]

_TIMEOUT = FAILURES.index("timeout")
_RESET = FAILURES.index("reset")
_QUOTA_DAY = FAILURES.index("quota_day")
_OVERLOADED = FAILURES.index("overloaded")
_FLEX_FULL = FAILURES.index("flex_full")

_LET_IN = 2
"""Most flex calls that begin as another ends; one end frees a place for one."""

_cost_nano_usd = compiled(cost_nano_usd)


@inlined
def start(world: World, i: int, now_s: float) -> None:
    """Make an attempt: its fate is known at once, and so is what its client will see."""
    state = world.state[0]
    slot = world.slots[i]
    call = world.calls[i]
    slot.started_s = now_s
    if call.tier == FLEX:
        # Not felt: a request that has begun stands among those between two attempts meanwhile.
        if slot.flight < 0 and not math.isnan(slot.first_start_s):
            pause(world, i)
        timeout_s = world.plans[slot.mode].flex_timeout_s
    else:
        if math.isnan(slot.first_start_s):
            slot.first_start_s = now_s
            begun(world, slot)
        elif slot.flight >= 0:
            resume_felt(world, i)
        timeout_s = world.plans[slot.mode].timeout_s
    call.gives_up_s = min(now_s + timeout_s, slot.gives_up_s)
    if slot.mistake:
        refuse(world.upstream, world.calls, i)
    else:
        begin(world.upstream, world.calls, i, now_s)
    if call.served_tier == WAITS:
        enqueue(_model(world, i), world.slots, i)
    ends_s = _outcome_comes_s(world, i)
    if world.upstream.settings[0].kind == PROCESSOR_SHARING and call.outcome == ANSWER:
        join(world.upstream.queue[0], world.jobs, i, call.holds_s, now_s)
        _await_next_job(world)
    push(state, world, ends_s, ATTEMPT_ENDS, i, slot.generation)
    place = _tally_of(world, i)
    world.tallies[place].started += 1
    replica = world.replicas[slot.replica]
    replica.flights += 1
    if call.tier == FLEX:
        replica.flexing += 1
    else:
        world.tallies[place].in_flight += 1
        flight = world.flights[state.flights]
        flight.since_s = slot.first_start_s
        flight.tally = place
        flight.slot = i
        slot.flight = state.flights
        state.flights += 1
    world.totals[0].attempts += slot.counts


@inlined
def _outcome_comes_s(world: World, i: int) -> float:
    """When the client of slot i sees an outcome, and which: the call's, or its own timeout."""
    slot = world.slots[i]
    call = world.calls[i]
    overhead_s = world.client[0].overhead_s
    call.duration_s += overhead_s
    call.ttft_s += overhead_s
    ends_s = slot.started_s + call.duration_s
    slot.outcome = call.outcome
    if ends_s > call.gives_up_s:
        ends_s = call.gives_up_s
        slot.outcome = _TIMEOUT
    return float(ends_s)


@inlined
def _model(world: World, i: int) -> Any:
    """The model that serves slot i's call."""
    return world.upstream.models[world.upstream.models[world.calls[i].model].serves]


@inlined
def released(world: World, i: int, now_s: float) -> None:
    """The upstream is done with slot i's call; a flex call that waits may have its place."""
    end(world.upstream, world.calls, i)
    model = _model(world, i)
    if model.waiting > 0:
        _serve_waiting(world, model, now_s)


@compiled
def _serve_waiting(world: World, model: Any, now_s: float) -> None:
    """Let flex calls begin that wait for a place, first come first served.

    Few at a time, as there is room for few events: the end of one that is refused lets others in.
    """
    for _ in range(_LET_IN):
        if model.waiting == 0 or not has_place(model):
            return
        i = model.first_waiting
        # Another generation, so that what was to end its wait is stale.
        leave_queue(model, world.slots, i)
        slot = world.slots[i]
        resume(world.upstream, world.calls, i, slot.started_s, now_s)
        ends_s = _outcome_comes_s(world, i)
        push(world.state[0], world, ends_s, ATTEMPT_ENDS, i, slot.generation)


@inlined
def _tally_of(world: World, i: int) -> int:
    """Row of the replica, mode and model of slot i's attempt."""
    slot = world.slots[i]
    modes = slot.replica * len(MODES) + slot.mode
    return int(modes * len(world.upstream.models) + world.calls[i].model)


@inlined
def attempt_ends(world: World, i: int, now_s: float) -> int:
    """An outcome reaches the client. Returns the slot to start next, if any."""
    state = world.state[0]
    slot = world.slots[i]
    call = world.calls[i]
    outcome = slot.outcome
    place = _tally_of(world, i)
    replica = world.replicas[slot.replica]
    shares = world.upstream.settings[0].kind == PROCESSOR_SHARING and math.isinf(call.duration_s)
    if shares and outcome == _TIMEOUT:
        leave(world.upstream.queue[0], world.jobs, i, now_s)
        _await_next_job(world)
    replica.flights -= 1
    unseen = outcome in (_TIMEOUT, _RESET)
    if call.tier == FLEX:
        outcome = _flex_ends(world, i, outcome, replica)
    else:
        _land(state, world.slots, world.flights, world.tallies[place], slot.flight)
        slot.flight = -1
    slot.generation += 1
    _book(world, i, place, unseen)
    latency = UNFELT
    if not math.isnan(slot.first_start_s):
        latency = place_of(now_s - slot.first_start_s)
    if call.tier != FLEX:
        if outcome in (ANSWER, _TIMEOUT):
            count(world.tallies[place], world.histograms[place], LATENCY, latency)
        if outcome == ANSWER:
            ttft = place_of(call.ttft_s)
            count(world.tallies[place], world.histograms[place], TTFT, ttft)
    elif outcome == ANSWER and latency != UNFELT:
        world.tallies[place].unlike += 1
    if unseen and call.held:
        _leave_behind(world, i, slot.started_s + call.holds_s)
    else:
        released(world, i, now_s)
    if outcome == ANSWER:
        earn_retry(replica, world.client[0])
        answered(world, i, now_s, latency)
    elif outcome == REJECTED:
        mistaken(world, i)
    elif outcome == _FLEX_FULL and now_s < slot.gives_up_s and call.own_tier != FLEX:
        # What is full is the queue and not the model: the same again in standard, at once.
        call.put_off = True
        call.attempt += 1
        if reserve(world, i):
            world.totals[0].fallback_attempts += slot.counts
            return i
        failed(world, i, now_s)
    else:
        if outcome == _QUOTA_DAY:
            slot.dead |= 1 << call.model
        delay_s = NO_MORE
        round_ = slot.link // world.plans[slot.plan].length
        if now_s < slot.gives_up_s:
            delay_s = next_attempt(
                replica,
                world.client[0],
                world.plans,
                slot,
                call,
                world.upstream.settings[0].key,
            )
        if delay_s == NO_MORE or now_s + delay_s >= slot.gives_up_s:
            failed(world, i, now_s)
        else:
            call.attempt += 1
            if delay_s == 0.0:
                if reserve(world, i):
                    # The next model of the same round is a fallback and repeats nothing.
                    falls_back = slot.link // world.plans[slot.plan].length == round_
                    world.totals[0].fallback_attempts += slot.counts and falls_back
                    return i
                failed(world, i, now_s)
            else:
                if not math.isnan(slot.first_start_s):
                    pause(world, i)
                push(state, world, now_s + delay_s, RETRY, i, slot.generation)
    return next_waiting(replica, world.client[0], world.slots)


@compiled
def _flex_ends(world: World, i: int, outcome: int, replica: Any) -> int:
    """An attempt that was sent as flex is over, which nobody felt. Returns what it comes to."""
    slot = world.slots[i]
    call = world.calls[i]
    replica.flexing -= 1
    if call.served_tier == WAITS:
        leave_queue(_model(world, i), world.slots, i)
        call.served_tier = call.tier
    if slot.flight >= 0:
        resume_felt(world, i)
    if outcome in (_OVERLOADED, _TIMEOUT):
        slot.outcome = _FLEX_FULL
    return int(slot.outcome)


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
    else:
        rerouted = world.upstream.models[call.model].serves != call.model
        downgraded = call.served_tier != call.tier and call.served_tier != PROVISIONED  # noqa: PLR1714
        tally.rerouted += rerouted
        tally.downgraded += downgraded
        totals.rerouted += counts and rerouted
        totals.downgraded += counts and downgraded
    cost = 0
    if call.served:
        cost = call.estimate_nano_usd
        if unseen:
            # Who has no answer knows nothing of the tier but what was asked.
            price = world.upstream.models[call.model].prices[call.tier]
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
    if len(world.ledger_keys) > 0:
        # What the client cannot see may have cost all that was reserved.
        known = slot.reserved_nano_usd if unseen and call.served else cost
        as_priority = unseen or call.served_tier == PRIORITY
        settle(world, i, known, call.bill_nano_usd, as_priority)


@compiled
def _leave_behind(world: World, i: int, until_s: float) -> None:
    """The upstream works on at a call whose client has gone: it moves to a slot of its own."""
    state = world.state[0]
    orphan = state.free
    state.free = world.slots[orphan].next
    state.free_slots -= 1
    world.calls[orphan] = world.calls[i]
    world.calls[i].held = False
    push(state, world, until_s, RELEASE, orphan, world.slots[orphan].generation)


@compiled
def _await_next_job(world: World) -> None:
    """The next call to end where the processor is shared may be another one now."""
    queue = world.upstream.queue[0]
    queue.version += 1
    ends_s = next_ends_s(queue, world.jobs)
    if ends_s < math.inf:
        push(world.state[0], world, ends_s, JOB_ENDS, 0, queue.version)


@compiled
def job_ends(world: World, version: int, now_s: float) -> int:
    """A shared processor is done with a call. Returns its slot unless its client has gone."""
    if version != world.upstream.queue[0].version:
        return NOBODY
    i = finished(world.upstream.queue[0], world.jobs, now_s)
    _await_next_job(world)
    if i < 0:
        return NOBODY
    slot = world.slots[i]
    call = world.calls[i]
    overhead_s = world.client[0].overhead_s
    call.duration_s = now_s - slot.started_s + overhead_s
    if now_s + overhead_s > call.gives_up_s:
        # Its client has gone by the time it comes.
        return NOBODY
    slot.outcome = ANSWER
    if overhead_s > 0.0:
        push(world.state[0], world, now_s + overhead_s, ATTEMPT_ENDS, i, slot.generation)
        return NOBODY
    return i
