"""The upstream: Gemini models, or a plain queue, and the faults injected into them.

A call's fate is fixed when it begins: `begin` reads what the caller asks for from a `CALL`
record and writes the outcome, the times and the bill into it; `end` gives back what the call
held. The simulator's kernel calls them in bulk in simulated time, a mock server one at a
time in wall time.

A call carries the code of its service tier (`SERVICE_TIERS`). What a tier does is in
`sim.plant.service_tiers`; a flex call that finds no place is not served yet: it waits, and `resume`
fixes its fate when whoever keeps those who wait has a place for it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from balancer.core.observations import FAILURES
from balancer.core.pricing import cost_nano_usd
from balancer.core.tiers import SERVED_TIERS

from .. import streams
from ..compiled import compiled, inlined
from ..streams import normal, uniform
from .fifo_queue import begin_in_queue
from .provisioned import DEDICATED, PROVISIONED, SHARED, fits
from .quota import MODEL_PROVISIONED, take
from .service_tiers import (
    FLEX,
    PRIORITY,
    STANDARD,
    WAITS,
    flex_waits,
    give_back,
    hurries,
    load,
    seat,
)
from .spend_limit import charge, spend_wait_s

__all__ = [
    "ANSWER",
    "CALL",
    "FAULT",
    "FAULT_KINDS",
    "GEMINI",
    "LONGEST_HOLD_S",
    "MODEL",
    "PROCESSOR_SHARING",
    "QUEUED",
    "SETTINGS",
    "Upstream",
    "begin",
    "end",
    "refuse",
    "resume",
]

GEMINI, QUEUED, PROCESSOR_SHARING = range(3)
"""Kinds of upstream."""

ANSWER = -1
"""Outcome of a complete answer; the others are indices of `FAILURES`."""

LONGEST_HOLD_S = 600.0
"""A call that hangs holds its place upstream for this long [assumed]."""

FAULT_KINDS = ("latency", "hang", "error", "quota", "thinking", "output", "price", "cut")
"""Kinds of faults, in the order of their codes."""

LATENCY, HANG, ERROR, QUOTA, THINKING, OUTPUT, PRICE, CUT = range(len(FAULT_KINDS))

CALL = np.dtype(
    [
        # of this half is asked when the call ends
        ("attempt", "i4"),
        ("prompt", "i4"),
        ("cached", "i4"),
        ("output", "i4"),  # natural length of the answer
        ("answered", "i4"),  # the fate from here on: tokens of the answer
        ("thought", "i4"),
        ("delivered_ppm", "i4"),  # share of the wanted answer, in millionths
        ("quality_ppm", "i4"),  # of the answer, by model, thinking and share delivered
        ("ttft_s", "f8"),
        ("estimate_nano_usd", "i8"),  # by usage and price table
        ("bill_nano_usd", "i8"),  # what is charged
        ("model", "i1"),  # asked
        ("outcome", "i1"),
        ("inside", "?"),  # a failure, or a hang, comes after part of the response
        ("served", "?"),  # work was done, and is billed
        ("held", "?"),  # counts among the calls in flight upstream
        ("refuser", "i1"),  # of a refusal by quota: index of `sim.plant.quota.REFUSERS`
        ("tier", "i1"),  # asked: index of `REQUEST_TIERS`
        ("served_tier", "i1"),  # of `SERVED_TIERS`; `sim.plant.service_tiers.WAITS`: none yet
        # the rest of what the caller asks
        ("thinking", "i4"),  # tokens it would think if it chose freely
        ("cap", "i4"),  # max_output_tokens
        ("budget", "i4"),  # most thinking tokens
        ("own_tier", "i1"),  # that its caller wrote
        ("put_off", "?"),  # an attempt found flex full, and is no retry
        ("request_type", "i1"),  # index of `scenarios.service_tiers.REQUEST_TYPES`
        ("index", "i8"),
        ("concise", "f8"),  # what the instruction leaves of the natural length
        ("gives_up_s", "f8"),  # when the caller leaves
        # the rest of the fate
        ("duration_s", "f8"),  # until the caller sees the outcome; infinite: never
        ("holds_s", "f8"),  # until the upstream is done with it
        ("retry_after_s", "f8"),
    ],
    align=True,
)
"""One call: what was asked, and what becomes of it."""

MODEL = np.dtype(
    [
        ("ttft_s", "f8"),
        ("ttft_sigma", "f8"),
        ("tokens_per_s", "f8"),
        ("speed_sigma", "f8"),
        ("thinking_factor", "f8"),
        ("capacity", "f8"),
        ("slowdown", "f8"),
        ("overload_limit", "f8"),
        ("error_share", "f8"),
        ("error_latency_s", "f8"),
        ("quality_ppm", "i8"),
        ("thinking_loss", "f8"),  # of quality, when it does not think at all
        ("output_limit", "i8"),
        ("prices", "i8", (len(SERVED_TIERS), 7)),  # by service tier
        ("serves", "i8"),  # row of the model that serves in its place: its own, or of its successor
        ("flex_share", "f8"),  # of the places that others leave of the capacity
        ("flex_queue", "f8"),  # most flex calls that wait
        ("flex_longest_s", "f8"),
        ("bought_nano_usd", "i8"),  # worth of a window's provisioned throughput; 0: there is none
        ("window_s", "f8"),
        # running
        ("in_flight", "i8"),  # of standard and priority
        ("hurried", "i8"),  # of priority
        ("flexing", "i8"),
        ("waiting", "i8"),  # flex calls; who they are is kept by whoever calls `resume`
        ("first_waiting", "i8"),
        ("last_waiting", "i8"),
        ("window", "i8"),
        ("burnt_nano_usd", "i8"),  # in the window
    ],
    align=True,
)
"""One model: its healthy behaviour and its load."""

FAULT = np.dtype(
    [
        ("active", "?"),
        ("kind", "i1"),
        ("model", "i2"),  # -1: all
        ("share", "f8"),
        ("factor", "f8"),
        ("add_s", "f8"),
        ("error", "i1"),  # index of `FAILURES`
        ("inside", "?"),  # an error or hang strikes after part of the response
        ("ignores_budget", "?"),
        ("deterministic", "?"),
    ],
    align=True,
)
"""One fault: a value and a probability; its window is kept by whoever switches it."""

SETTINGS = np.dtype([("kind", "i8"), ("key", "u8"), ("limited", "?")], align=True)
"""What holds for all calls; `limited`: whether any quota or spend limit is declared."""


class Upstream(NamedTuple):
    """Everything the upstream's functions work on, as arrays.

    Attributes:
        settings: one record of `SETTINGS`.
        models: records of `MODEL`.
        quotas: records of `sim.plant.quota.QUOTA`: one a model, that of the
            project, and one a model again: what may be served as priority.
        cells: of sliding quotas, shape (2 models + 1, 2, CELLS); one cell where none slides.
        spending: one record of `sim.plant.spend_limit.SPENDING`.
        spent: its cells.
        midnights: seconds at which the day turns for daily quotas.
        faults: records of `FAULT`.
        queue: one record of `QUEUE`.
        servers: heap of times at which a queue's servers are free.
        room: heap of times at which callers leave a queue's bounded waiting room.
    """

    settings: Any
    models: Any
    quotas: Any
    cells: Any
    spending: Any
    spent: Any
    midnights: Any
    faults: Any
    queue: Any
    servers: Any
    room: Any


class Hits(NamedTuple):
    """What the active faults do to one call."""

    slow: float
    add_s: float
    error: int
    inside: bool
    hangs: bool
    quota: float
    thinking: float
    ignores_budget: bool
    output: float
    price: float
    cut: bool


REJECTED = FAILURES.index("rejected")
"""Outcome of a call that is its caller's mistake."""

_RESET = FAILURES.index("reset")
_CUT = FAILURES.index("cut")
_EMPTY = FAILURES.index("empty")
_MALFORMED = FAILURES.index("malformed")
_OVERLOADED = FAILURES.index("overloaded")
_INTERNAL = FAILURES.index("internal")
_QUOTA_MINUTE = FAILURES.index("quota_minute")
_QUOTA_DAY = FAILURES.index("quota_day")

_cost_nano_usd = compiled(cost_nano_usd)


@inlined
def begin(upstream: Upstream, calls: Any, i: int, now_s: float) -> None:
    """Fix the fate of call i, which starts now, and take what it holds.

    Only where a processor is shared the duration stays open (infinite): it depends on who
    else comes. The kernel's `sim.plant.processor_sharing` ends such a call.

    Args:
        upstream: the upstream.
        calls: records of `CALL`; those asked fields of record i are set.
        i: which call.
        now_s: time; must not go back.
    """
    call = calls[i]
    settings = upstream.settings[0]
    _come_to_nothing(upstream, call)
    serves = upstream.models[call.model].serves
    hits = _hits(upstream.faults, call, serves, settings.key)
    if settings.kind == GEMINI:
        _begin_gemini(upstream, call, serves, settings.key, now_s, hits)
    elif hits.error >= 0:
        call.outcome = hits.error
        call.duration_s = 0.0
    elif settings.kind == QUEUED:
        begin_in_queue(
            upstream.queue[0], upstream.servers, upstream.room, call, settings.key, now_s, hits.slow
        )
    elif upstream.queue[0].bound >= 0 and (
        upstream.queue[0].sharing >= upstream.queue[0].servers + upstream.queue[0].bound
    ):
        call.outcome = _OVERLOADED
        call.duration_s = 0.0
    else:
        call.duration_s = math.inf


@inlined
def refuse(upstream: Upstream, calls: Any, i: int) -> None:
    """Refuse call i as it is written: a 4xx at once, which takes nothing and is not billed."""
    call = calls[i]
    _come_to_nothing(upstream, call)
    call.outcome = REJECTED
    call.duration_s = upstream.models[call.model].error_latency_s


@inlined
def _come_to_nothing(upstream: Upstream, call: Any) -> None:
    """A fate in which nothing was done yet."""
    call.outcome = ANSWER
    call.ttft_s = 0.0
    call.holds_s = 0.0
    call.answered = 0
    call.thought = 0
    call.delivered_ppm = 1_000_000
    call.quality_ppm = upstream.models[call.model].quality_ppm
    call.estimate_nano_usd = 0
    call.bill_nano_usd = 0
    call.retry_after_s = 0.0
    call.inside = False
    call.served = False
    call.held = False
    call.refuser = 0
    call.served_tier = call.tier


@inlined
def end(upstream: Upstream, calls: Any, i: int) -> None:
    """Give back what call i holds; to be called when the upstream is done with it."""
    call = calls[i]
    if call.held:
        give_back(upstream.models[upstream.models[call.model].serves], call.served_tier)
        call.held = False


@inlined
def _hits(faults: Any, call: Any, serves: int, key: int) -> Hits:
    slow = quota = thinking = output = price = 1.0
    add_s = 0.0
    error = -1
    hangs = ignores_budget = cut = inside = False
    for row in range(len(faults)):
        fault = faults[row]
        if not fault.active or (fault.model >= 0 and fault.model != serves):
            continue
        attempt = 0 if fault.deterministic else call.attempt
        if fault.share < 1.0 and (
            uniform(key, streams.FAULT0 + row, call.index, attempt) >= fault.share
        ):
            continue
        if fault.kind == LATENCY:
            slow *= fault.factor
            add_s += fault.add_s
        elif fault.kind == HANG:
            hangs = True
            inside = inside or fault.inside
        elif fault.kind == ERROR:
            if error < 0:
                error = fault.error
                inside = inside or fault.inside
        elif fault.kind == QUOTA:
            quota *= fault.factor
        elif fault.kind == THINKING:
            thinking *= fault.factor
            ignores_budget = ignores_budget or fault.ignores_budget
        elif fault.kind == OUTPUT:
            output *= fault.factor
        elif fault.kind == PRICE:
            price *= fault.factor
        else:
            cut = True
    return Hits(
        slow, add_s, error, inside, hangs, quota, thinking, ignores_budget, output, price, cut
    )


@inlined
def _begin_gemini(
    upstream: Upstream, call: Any, serves: int, key: int, now_s: float, hits: Hits
) -> None:
    model = upstream.models[serves]
    refusal, delay_s = -1, 0.0
    if model.bought_nano_usd > 0 and _bought(model, call, now_s, hits):
        call.served_tier = PROVISIONED
    elif call.request_type == DEDICATED:
        refusal, call.refuser = _QUOTA_MINUTE, MODEL_PROVISIONED
    elif upstream.settings[0].limited:
        shared = len(upstream.models)
        refusal, delay_s, call.refuser = take(
            upstream.quotas[serves],
            upstream.cells[serves],
            upstream.quotas[shared],
            upstream.cells[shared],
            upstream.midnights,
            now_s,
            call.prompt,
            hits.quota,
            spend_wait_s(upstream.spending[0], upstream.spent, now_s, hits.quota),
        )
    if refusal < 0 and call.tier != STANDARD and call.served_tier != PROVISIONED:
        if call.tier == FLEX:
            if flex_waits(model):
                _let_wait(model, call)
                return
        elif not hurries(upstream, serves, now_s, call.prompt, hits.quota):
            call.served_tier = STANDARD
    if refusal >= 0:
        call.outcome = refusal
        call.duration_s = model.error_latency_s
        if call.refuser != MODEL_PROVISIONED:  # its words name no delay
            call.retry_after_s = delay_s if delay_s > 0 else 60.0
        return
    _work(upstream, model, call, key, now_s, hits)


@compiled
def _bought(model: Any, call: Any, now_s: float, hits: Hits) -> bool:
    """Whether what is bought of the model serves the call, which burns its part of it then."""
    if call.request_type == SHARED:
        return False
    thought, _, answered = _lengths(model, call, hits)
    standard = model.prices[STANDARD]
    burnt = _cost_nano_usd(standard, call.prompt, call.cached, answered, thought)
    return fits(model, now_s, burnt)


@inlined
def _let_wait(model: Any, call: Any) -> None:
    """A flex call waits, and is refused unless a place is found for it; at once if too many do."""
    call.outcome = _OVERLOADED
    if model.waiting >= model.flex_queue:
        call.duration_s = model.error_latency_s
    else:
        call.duration_s = model.flex_longest_s
        call.served_tier = WAITS


@compiled
def resume(upstream: Upstream, calls: Any, i: int, began_s: float, now_s: float) -> None:
    """Fix the fate of flex call i, for which there is a place now.

    Its times count from its beginning, as those of all calls; it was counted by the quotas then.

    Args:
        upstream, calls, i, now_s: see `begin`.
        began_s: when it began to wait.
    """
    call = calls[i]
    key = upstream.settings[0].key
    serves = upstream.models[call.model].serves
    _come_to_nothing(upstream, call)
    hits = _hits(upstream.faults, call, serves, key)
    # A bill is put where the window stands.
    spend_wait_s(upstream.spending[0], upstream.spent, now_s, hits.quota)
    _work(upstream, upstream.models[serves], call, key, now_s, hits)
    call.duration_s += now_s - began_s
    if call.held:
        call.holds_s += now_s - began_s
        call.ttft_s += now_s - began_s


@inlined
def _work(upstream: Upstream, model: Any, call: Any, key: int, now_s: float, hits: Hits) -> None:
    """A call that is let in is refused after all, or worked on."""
    refusal = _overload(model, call, key)
    works_on = hits.error in (_RESET, _MALFORMED) or (hits.error >= 0 and hits.inside)
    if refusal < 0 and not works_on:
        refusal = hits.error
    if refusal >= 0:
        call.outcome = refusal
        call.duration_s = model.error_latency_s
        if refusal in (_QUOTA_MINUTE, _QUOTA_DAY):
            call.retry_after_s = 60.0
        return
    if call.served_tier != PROVISIONED:  # that is no place of the model's
        seat(model, call.served_tier)
        call.held = True
    call.served = True
    _generate(model, call, key, hits)
    if hits.error == _RESET:
        call.outcome = _RESET
        if hits.inside:
            sent = uniform(key, streams.CUT, call.index, call.attempt)
            call.duration_s = call.ttft_s + sent * (call.duration_s - call.ttft_s)
        else:
            call.duration_s = model.error_latency_s
    elif hits.error == _MALFORMED and call.outcome == ANSWER:
        call.outcome = _MALFORMED
    if hits.inside and (hits.hangs or call.outcome == hits.error):
        call.inside = True
    if hits.hangs:
        call.duration_s = math.inf
        call.holds_s = LONGEST_HOLD_S
    if upstream.spending[0].limit_nano_usd >= 0:
        due_s = now_s + call.holds_s
        charge(upstream.spending[0], upstream.spent, due_s, now_s, call.bill_nano_usd)


@inlined
def _overload(model: Any, call: Any, key: int) -> int:
    """503, or -1: the share in excess of the limit, beside the share when healthy."""
    in_flight = model.in_flight + 1
    if call.served_tier == PRIORITY:
        in_flight = model.hurried + 1
    if in_flight > model.overload_limit and call.served_tier != PROVISIONED:
        excess = 1.0 - model.overload_limit / in_flight
        if uniform(key, streams.OVERLOAD, call.index, call.attempt) < excess:
            return _OVERLOADED
    if model.error_share > 0 and (
        uniform(key, streams.ERROR, call.index, call.attempt) < model.error_share
    ):
        return _OVERLOADED
    return -1


@inlined
def _lengths(model: Any, call: Any, hits: Hits) -> tuple[int, int, int]:
    """Tokens of a call's thinking, of its whole answer, and of what its cap leaves of that."""
    natural = call.thinking * model.thinking_factor * hits.thinking
    if not hits.ignores_budget:
        natural = min(natural, call.budget)
    cap = min(call.cap, model.output_limit)
    thought = int(min(natural + 0.5, cap))
    wanted = max(1, int(call.output * call.concise * hits.output + 0.5))
    return thought, wanted, min(wanted, cap - thought)


@inlined
def _generate(model: Any, call: Any, key: int, hits: Hits) -> None:
    """Tokens, quality, times and bill of a call that is worked on."""
    thought, wanted, answered = _lengths(model, call, hits)
    call.delivered_ppm = answered * 1_000_000 // wanted
    # In whole tokens, so that a model that thinks as it likes loses nothing by rounding.
    needed = int(call.thinking * model.thinking_factor + 0.5)
    missing = 1.0 - thought / needed if thought < needed else 0.0
    call.quality_ppm = int(
        model.quality_ppm * (1.0 - model.thinking_loss * missing) * answered / wanted + 0.5
    )
    if answered == 0:
        call.outcome = _EMPTY
    elif hits.cut or (hits.inside and hits.error in (_OVERLOADED, _INTERNAL)):
        answered = int(answered * uniform(key, streams.CUT, call.index, call.attempt))
        call.outcome = _CUT if hits.cut else hits.error
    call.thought = thought
    call.answered = answered
    speed = model.tokens_per_s * math.exp(
        model.speed_sigma * normal(key, streams.SPEED, call.index, call.attempt)
    )
    first = model.ttft_s * math.exp(
        model.ttft_sigma * normal(key, streams.TTFT, call.index, call.attempt)
    )
    slow = hits.slow
    others = call.served_tier == FLEX or call.served_tier == PROVISIONED  # noqa: PLR1714
    if model.in_flight > model.capacity and not others:
        slow *= load(model, call.served_tier) ** model.slowdown
    call.ttft_s = (first + thought / speed) * slow + hits.add_s
    call.duration_s = call.ttft_s + answered / speed * slow
    call.holds_s = call.duration_s
    call.estimate_nano_usd = _cost_nano_usd(
        model.prices[call.served_tier], call.prompt, call.cached, answered, thought
    )
    call.bill_nano_usd = int(call.estimate_nano_usd * hits.price + 0.5)
