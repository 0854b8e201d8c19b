"""Makes one call of a request of the workload, as a server does that gets them one by one."""

from __future__ import annotations

import math
from typing import Any

from ..compiled import compiled
from .upstream import begin
from .upstream_records import Upstream

__all__ = ["begin_request"]


@compiled
def begin_request(
    upstream: Upstream,
    requests: Any,
    calls: Any,
    i: int,
    model: int,
    index: int,
    attempt: int,
    prompt: int,
    cap: int,
    budget: int,
    concise: float,
    tier: int,
    request_type: int,
    now_s: float,
) -> None:
    """Fix the fate of call i, by `sim.plant.upstream.begin`.

    Its caller is one that waits for ever, so that nothing is cut short for its sake.

    Args:
        upstream: the upstream.
        requests: records of `sim.traffic.workload.REQUEST`, at least one; they start again at
        their end.
        calls: records of `sim.plant.upstream.CALL`.
        i: which call.
        model: row of the model.
        index: of the request, by which its draws are keyed.
        attempt: from 0.
        prompt: tokens of the prompt, none of them cached; negative: the request's own.
        cap: most output tokens, thinking included.
        budget: most thinking tokens.
        concise: what the instruction leaves of the natural length.
        tier: of service: index of `balancer.core.tiers.REQUEST_TIERS`.
        request_type: index of `scenarios.service_tiers.REQUEST_TYPES`.
        now_s: time; must not go back.
    """
    call = calls[i]
    request = requests[index % len(requests)]
    call.model = model
    call.index = index
    call.attempt = attempt
    call.prompt = request.prompt if prompt < 0 else prompt
    call.cached = request.cached if prompt < 0 else 0
    call.output = request.output
    call.thinking = request.thinking
    call.cap = cap
    call.budget = budget
    call.concise = concise
    call.tier = tier
    call.request_type = request_type
    call.gives_up_s = math.inf
    begin(upstream, calls, i, now_s)
