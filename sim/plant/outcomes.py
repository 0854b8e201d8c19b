"""The outcome of a request: an answer, or the end of all attempts."""

from __future__ import annotations

import math
from typing import Any

from balancer.core.observations import FAILURES

from ..compiled import compiled, inlined
from .buckets import place_of
from .clients import NO_MORE, asks_again_after_s
from .events import ASKS_AGAIN, push
from .felt import ended, resume, unjudged
from .world import ANSWERED, FAILED, World

__all__ = ["UNFELT", "answered", "failed", "free", "leave", "mistaken"]

UNFELT = -1
"""In place of a bucket: of a request whose attempts were all sent as flex nobody feels how long."""

_TIMEOUT = FAILURES.index("timeout")


@inlined
def answered(world: World, i: int, now_s: float, bucket: int) -> None:
    """A request got a complete answer; its latency is in this place of the histogram."""
    slot = world.slots[i]
    if bucket != UNFELT:
        ended(world, slot, ANSWERED, bucket)
    if slot.counts:
        call = world.calls[i]
        totals = world.totals[0]
        totals.answered[slot.priority] += 1
        totals.truncated += call.delivered_ppm < 1_000_000
        quality_ppm = call.quality_ppm * world.plans[slot.mode].quality_ppm // 1_000_000
        totals.quality_ppm_sum += quality_ppm
        waited_s = _waited_s(world, slot, now_s)
        totals.waiting_s += waited_s
        if waited_s <= world.client[0].worth_within_s:
            totals.good_quality_ppm_sum += quality_ppm
            if call.model != world.plans[slot.plan - slot.mode].models[0]:
                totals.sibling_quality_ppm_sum += quality_ppm
        if bucket != UNFELT:
            _measure(world, i, now_s, bucket)
    world.state[0].live -= 1
    free(world.state[0], world.slots, i)


@inlined
def mistaken(world: World, i: int) -> None:
    """A request was refused as its caller wrote it, who is told so and goes."""
    slot = world.slots[i]
    unjudged(world, slot)
    world.state[0].live -= 1
    free(world.state[0], world.slots, i)


@compiled
def failed(world: World, i: int, now_s: float) -> None:
    """A request is given up."""
    slot = world.slots[i]
    totals = world.totals[0]
    # Whoever gave up while waiting for a place had not begun.
    if not math.isnan(slot.first_start_s):
        if slot.flight >= 0:
            resume(world, i)
        ended(world, slot, FAILED, place_of(now_s - slot.first_start_s))
    if world.plans[slot.mode].static_fallback:
        world.replicas[slot.replica].fallback[slot.priority] += 1
        totals.fallback += slot.counts
    if slot.counts:
        totals.failed[slot.priority] += 1
        totals.waiting_s += _waited_s(world, slot, now_s)
        if slot.outcome == _TIMEOUT and not math.isnan(slot.first_start_s):
            bucket = place_of(now_s - slot.first_start_s)
            _measure(world, i, now_s, bucket)
    leave(world, i, now_s)


@compiled
def leave(world: World, i: int, now_s: float) -> None:
    """The user of slot i got nothing, and goes, or comes back a while later."""
    state = world.state[0]
    after_s = asks_again_after_s(world, i, now_s)
    if after_s == NO_MORE:
        state.live -= 1
        free(state, world.slots, i)
    else:
        world.slots[i].generation += 1
        push(state, world, now_s + after_s, ASKS_AGAIN, i, world.slots[i].generation)


@inlined
def _waited_s(world: World, slot: Any, now_s: float) -> float:
    """How long its user has waited, from asking: a slot keeps when that user gives up."""
    return float(now_s - (slot.gives_up_s - world.client[0].patience_s))


@inlined
def _measure(world: World, i: int, now_s: float, bucket: int) -> None:
    """Record a request's latency."""
    latency_s = now_s - world.slots[i].first_start_s
    world.latency[bucket] += 1
    world.totals[0].latency_sum_s += latency_s
    if world.client[0].keeps_latencies:
        world.latencies[world.calls[i].index] = latency_s


@inlined
def free(state: Any, slots: Any, i: int) -> None:
    """Put a slot back among the free ones; its pending events go stale."""
    slots[i].generation += 1
    slots[i].next = state.free
    state.free = i
    state.free_slots += 1
