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
from typing import Any

from balancer.core.observations import FAILURES

from .. import streams
from ..compiled import compiled, inlined
from ..streams import uniform
from .fifo_queue import begin_in_queue, service_s
from .generation import cost, generate, lengths, overload
from .hits import Hits, hits_of
from .provisioned import DEDICATED, PROVISIONED, SHARED, fits
from .quota import MODEL_PROVISIONED, take
from .service_tiers import FLEX, STANDARD, WAITS, flex_waits, give_back, hurries, seat
from .spend_limit import charge, spend_wait_s
from .upstream_records import ANSWER, GEMINI, LONGEST_HOLD_S, QUEUED, Upstream

__all__ = ["REJECTED", "begin", "end", "refuse", "resume"]

REJECTED = FAILURES.index("rejected")
"""Outcome of a call that is its caller's mistake."""

_RESET = FAILURES.index("reset")
_MALFORMED = FAILURES.index("malformed")
_OVERLOADED = FAILURES.index("overloaded")
_QUOTA_MINUTE = FAILURES.index("quota_minute")
_QUOTA_DAY = FAILURES.index("quota_day")


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
    hits = hits_of(upstream.faults, call, serves, settings.key)
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
        # When it ends depends on who comes meanwhile.
        call.duration_s = math.inf
        service = service_s(upstream.queue[0], settings.key, call.index, call.attempt)
        call.holds_s = hits.slow * service


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
    thought, _, answered = lengths(model, call, hits)
    standard = model.prices[STANDARD]
    burnt = cost(standard, call.prompt, call.cached, answered, thought)
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
    hits = hits_of(upstream.faults, call, serves, key)
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
    refusal = overload(model, call, key)
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
    generate(model, call, key, hits)
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
