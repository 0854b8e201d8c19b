"""What an application does by itself: choose a plan, reserve its money, wait, try again.

And what its users do who got nothing: some ask again.
"""

from __future__ import annotations

import math
from typing import Any

from balancer.core import budget, claims
from balancer.core import retry as chain
from balancer.core.claims import CLAIMS, MOST_A_CALL_COSTS_NANO_USD
from balancer.core.observations import FAILURES
from balancer.core.pricing import affordable_output_tokens, cost_nano_usd
from balancer.core.retry import END, RETRY_BURST

from .. import streams
from ..compiled import compiled, inlined
from ..streams import normal, uniform
from . import spend
from .service_tiers import PRIORITY, STANDARD
from .world import ASK, GATES, IN_PRIORITY, World

__all__ = [
    "NOBODY",
    "NO_MORE",
    "asks_again_after_s",
    "choose",
    "earn_retry",
    "enqueue",
    "leave_queue",
    "next_attempt",
    "next_waiting",
    "reserve",
    "settle",
]

NOBODY = -1
"""No slot: what functions return that say which slot to start."""

NO_MORE = -1.0
"""What `next_attempt` returns when there is none."""

_QUOTA_MINUTE = FAILURES.index("quota_minute")

_headroom = compiled(budget.headroom)
_reserve = compiled(budget.reserve)
_settle = compiled(budget.settle)
_cost_nano_usd = compiled(cost_nano_usd)
_affordable_output_tokens = compiled(affordable_output_tokens)
_claimed_cap = compiled(claims.claimed_cap)
_claimed_prompt = compiled(claims.claimed_prompt)
_claimed_thinking = compiled(claims.claimed_thinking)
_next_link = compiled(chain.next_link)
_backoff_s = compiled(chain.backoff_s)


@inlined
def choose(gates: Any, priority: int, u: float) -> tuple[int, bool]:
    """Mode and admission of a request, by the same look-up as `balancer.core.decisions.plan`."""
    row = 0
    while row < GATES - 1 and u >= gates[priority, row].below:
        row += 1
    return gates[priority, row].mode, gates[priority, row].admitted


@inlined
def reserve(world: World, i: int) -> bool:
    """Settle on a model and a cap for the next attempt of slot i, and reserve its worst case.

    A call claims at most a small part of what every budget concerned still affords: its cap is
    shortened to that, and its thinking to half of the cap, so that a worst case nobody comes
    near does not put the budget out of use for others.

    Returns:
        False, with nothing reserved, if a budget refuses.
    """
    slot = world.slots[i]
    call = world.calls[i]
    plan = world.plans[slot.plan]
    place = slot.link % plan.length
    call.model = plan.models[place]
    call.budget = plan.budgets[place]
    model = world.upstream.models[call.model]
    call.cap = min(plan.caps[place], model.output_limit)
    call.tier = STANDARD if call.put_off else plan.tiers[place, call.own_tier, slot.priority]
    if len(world.ledger_keys) == 0:
        return True
    if _claim(world, i):
        return True
    if call.tier != PRIORITY:
        return False
    # What there is no money for in the priority tier goes as standard.
    call.tier = STANDARD
    return _claim(world, i)


@compiled
def _claim(world: World, i: int) -> bool:
    """Shorten the call of slot i to what every budget concerned affords, and reserve that."""
    slot = world.slots[i]
    call = world.calls[i]
    model = world.upstream.models[call.model]
    ledgers = world.ledgers[slot.replica]
    room = MOST_A_CALL_COSTS_NANO_USD
    for row in range(len(ledgers)):
        # A budget of priority shortens no call: what it has no room for goes as standard.
        owner = world.ledger_keys[row]
        if owner != IN_PRIORITY and _concerns(owner, slot.key, call.tier):
            room = min(room, _headroom(ledgers[row]))
    prompt = _claimed_prompt(_estimated_prompt(world, i))
    # The dearest tier it may come to: what is full in flex goes as standard.
    price = model.prices[PRIORITY if call.tier == PRIORITY else STANDARD]
    affordable = _affordable_output_tokens(price, prompt, room)
    share = _affordable_output_tokens(price, prompt, room // CLAIMS)
    claimed = _claimed_cap(affordable, share, call.cap, call.budget)
    if claimed < 0:
        return False
    call.budget = _claimed_thinking(claimed, call.cap, call.budget)
    call.cap = claimed
    worst = _cost_nano_usd(price, prompt, 0, call.cap, 0)
    for row in range(len(ledgers)):
        owner = world.ledger_keys[row]
        if owner == IN_PRIORITY and call.tier == PRIORITY and _headroom(ledgers[row]) < worst:
            return False
    for row in range(len(ledgers)):
        if _concerns(world.ledger_keys[row], slot.key, call.tier):
            _reserve(ledgers[row], worst)
    slot.reserved_nano_usd = worst
    world.replicas[slot.replica].reserved_nano_usd += worst
    return True


@inlined
def _concerns(owner: int, key: int, tier: int) -> bool:
    """Whether a budget concerns a call that is sent in a tier, of a request with a key."""
    if owner == IN_PRIORITY:
        return tier == PRIORITY
    return owner < 0 or owner == key


@inlined
def _estimated_prompt(world: World, i: int) -> int:
    """Prompt tokens of slot i as its client takes them to be, who has not counted them."""
    client = world.client[0]
    prompt = world.calls[i].prompt
    if client.estimate_sigma == 0.0 and client.estimate_bias == 1.0:
        return int(prompt)
    key = world.upstream.settings[0].key
    error = normal(key, streams.ESTIMATE, world.calls[i].index, 0)
    return max(1, int(prompt * client.estimate_bias * math.exp(client.estimate_sigma * error)))


@compiled
def settle(world: World, i: int, cost_nano_usd: int, bill_nano_usd: int, as_priority: bool) -> None:
    """Give back what slot i reserved, and book what its attempt cost.

    Args:
        world: all arrays.
        i: the slot.
        cost_nano_usd: as the client knows it, for the ledger.
        bill_nano_usd: as the upstream charges it.
        as_priority: whether, as far as the client knows, it was served in the priority tier, if it
            was sent in that.
    """
    slot = world.slots[i]
    call = world.calls[i]
    ledgers = world.ledgers[slot.replica]
    for row in range(len(ledgers)):
        owner = world.ledger_keys[row]
        if _concerns(owner, slot.key, call.tier):
            charged = owner != IN_PRIORITY or as_priority
            _settle(ledgers[row], slot.reserved_nano_usd, cost_nano_usd if charged else 0)
            if owner != IN_PRIORITY or call.served_tier == PRIORITY:
                world.spends[row, spend.THIS_TICK] += bill_nano_usd
    world.replicas[slot.replica].reserved_nano_usd -= slot.reserved_nano_usd
    slot.reserved_nano_usd = 0


@inlined
def earn_retry(replica: Any, client: Any) -> None:
    """A request was answered: it earns its share of a retry."""
    if client.retry_budget >= 0:
        replica.retry_tokens = min(RETRY_BURST, replica.retry_tokens + client.retry_budget)


@compiled
def next_attempt(replica: Any, client: Any, plans: Any, slot: Any, call: Any, key: int) -> float:
    """Delay until a request's next attempt, after a failed one.

    The plan's models are tried in order, at once; when the list is through, it starts over
    after the client's backoff. Models that are out for the day are passed over.

    Returns:
        Seconds, or `NO_MORE`.
    """
    plan = plans[slot.plan]
    made = call.attempt % ASK + 1 - call.put_off
    most = min(plan.retries, plans[replica.mode].retries)
    link = _next_link(plan.models, plan.length, slot.link, slot.dead, made, most)
    if link == END:
        return NO_MORE
    round_ = link // plan.length
    starts_over = round_ > slot.link // plan.length
    slot.link = link
    if round_ > 0 and client.retry_budget >= 0:
        if replica.retry_tokens < 1.0:
            return NO_MORE
        replica.retry_tokens -= 1.0
    if not starts_over:
        return 0.0
    delay_s = _backoff_s(
        client.backoff_initial_s,
        client.backoff_factor,
        client.backoff_max_s,
        client.backoff_jitter_s,
        round_,
        uniform(key, streams.BACKOFF, call.index, call.attempt + 1),
    )
    if client.honours_retry_delay and slot.outcome == _QUOTA_MINUTE:
        delay_s = max(delay_s, call.retry_after_s)
    return float(delay_s)


@inlined
def asks_again_after_s(world: World, i: int, now_s: float) -> float:
    """Seconds until the user of slot i, who got nothing, asks again; `NO_MORE`: they leave."""
    client = world.client[0]
    if client.reask_share == 0.0:
        return NO_MORE
    key = world.upstream.settings[0].key
    request = world.calls[i].index
    asked = world.calls[i].attempt // ASK
    if uniform(key, streams.REASK, request, 2 * asked) >= client.reask_share:
        return NO_MORE
    after_s = client.reask_after_s * (0.5 + uniform(key, streams.REASK, request, 2 * asked + 1))
    return float(after_s if now_s + after_s < client.horizon_s else NO_MORE)


@compiled
def enqueue(queue: Any, slots: Any, i: int) -> None:
    """Slot i joins those waiting for a place, of a replica or at a model, last."""
    slot = slots[i]
    slot.previous = queue.last_waiting
    slot.next = -1
    if queue.last_waiting >= 0:
        slots[queue.last_waiting].next = i
    else:
        queue.first_waiting = i
    queue.last_waiting = i
    queue.waiting += 1


@compiled
def leave_queue(queue: Any, slots: Any, i: int) -> None:
    """Slot i leaves those waiting, from wherever it stands."""
    slot = slots[i]
    slot.generation += 1
    if slot.previous >= 0:
        slots[slot.previous].next = slot.next
    else:
        queue.first_waiting = slot.next
    if slot.next >= 0:
        slots[slot.next].previous = slot.previous
    else:
        queue.last_waiting = slot.previous
    queue.waiting -= 1


@inlined
def next_waiting(replica: Any, client: Any, slots: Any) -> int:
    """Take the first of those waiting, if there is a place."""
    i = int(replica.first_waiting)
    if i < 0 or replica.flights >= client.concurrency:
        return NOBODY
    leave_queue(replica, slots, i)
    return i
