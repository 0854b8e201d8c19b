"""What a model makes of a call that is let in: a 503, or tokens, quality, times and a bill."""

from __future__ import annotations

import math
from typing import Any

from balancer.core.observations import FAILURES
from balancer.core.pricing import cost_nano_usd

from .. import streams
from ..compiled import compiled, inlined
from ..streams import normal, uniform
from .hits import Hits
from .provisioned import PROVISIONED
from .service_tiers import FLEX, PRIORITY, load

__all__ = ["cost", "generate", "lengths", "overload"]

_EMPTY = FAILURES.index("empty")
_CUT = FAILURES.index("cut")
_OVERLOADED = FAILURES.index("overloaded")
_INTERNAL = FAILURES.index("internal")

cost = compiled(cost_nano_usd)
"""Nano-dollars of a call, by its model's prices of the tier that served it."""


@inlined
def overload(model: Any, call: Any, key: int) -> int:
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
def lengths(model: Any, call: Any, hits: Hits) -> tuple[int, int, int]:
    """Tokens of a call's thinking, of its whole answer, and of what its cap leaves of that."""
    natural = call.thinking * model.thinking_factor * hits.thinking
    if not hits.ignores_budget:
        natural = min(natural, call.budget)
    cap = min(call.cap, model.output_limit)
    thought = int(min(natural + 0.5, cap))
    wanted = max(1, int(call.output * call.concise * hits.output + 0.5))
    return thought, wanted, min(wanted, cap - thought)


@inlined
def generate(model: Any, call: Any, key: int, hits: Hits) -> None:
    """Tokens, quality, times and bill of a call that is worked on."""
    thought, wanted, answered = lengths(model, call, hits)
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
    call.estimate_nano_usd = cost(
        model.prices[call.served_tier], call.prompt, call.cached, answered, thought
    )
    call.bill_nano_usd = int(call.estimate_nano_usd * hits.price + 0.5)
