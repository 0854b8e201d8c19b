"""What runs, or the scenario they are of, would be if something that is assumed were otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from balancer.core.policy import Policy
from scenarios.profiles import profiles
from scenarios.schema import GeminiUpstream, ModelProfile, Quota, Scenario

from ..run.assumptions import models_used
from ..run.result import Run
from ..study.cells import siblings

__all__ = ["other_quotas", "other_speed", "possible_quality", "with_prices", "with_quality"]


def with_prices(run: Run, factor: float) -> Run:
    """A run as it would have been billed at other prices; nothing else is changed by them."""
    found = run.metrics
    more_usd = (factor - 1.0) * found["cost_usd"]
    changed = {
        "cost_usd": factor * found["cost_usd"],
        "cost_per_answer_usd": factor * found["cost_per_answer_usd"],
        "utility_usd": found["utility_usd"] - more_usd,
    }
    return replace(run, metrics={**found, **changed})


def with_quality(run: Run, factor: float, answer_usd: float) -> Run:
    """A run with other models' answers of another quality.

    Of all answers so many are taken to be theirs as of those that came in time.

    Args:
        run: whose metrics are changed.
        factor: quality of answers by other models than normal's first, as a multiple.
        answer_usd: what a perfect answer in time is worth.
    """
    found = run.metrics
    more = (factor - 1.0) * found["sibling_good_answers"]
    good = found["good_answers"]
    share = more / good if good > 0.0 else 0.0
    changed = {
        "quality": (1.0 + share) * found["quality"],
        "quality_weighted_answers": (1.0 + share) * found["quality_weighted_answers"],
        "good_answers": good + more,
        "sibling_good_answers": factor * found["sibling_good_answers"],
        "utility_usd": found["utility_usd"] + answer_usd * more,
    }
    return replace(run, metrics={**found, **changed})


def possible_quality(factor: float, scenario: Scenario, policy: Policy) -> float:
    """A multiple of the quality that is declared, at which no answer is better than perfect."""
    return siblings(scenario, policy).scaled(factor)


def other_quotas(scenario: Scenario, policy: Policy, factor: float) -> Scenario | None:
    """A scenario with so many times its quotas; None: it has none."""
    upstream = scenario.upstream
    if not isinstance(upstream, GeminiUpstream):
        return None
    known = profiles(scenario)
    used = [name for name in models_used(scenario, policy) if name in known]
    limited = {name: known[name].quota for name in used if known[name].quota.limited}
    if not limited and not upstream.quota.limited:
        return None
    changes = {name: {"quota": _scaled(quota, factor)} for name, quota in limited.items()}
    quota = Quota.model_validate(_scaled(upstream.quota, factor))
    return _with_models(scenario, upstream, changes, quota=quota)


def _scaled(quota: Quota, factor: float) -> dict[str, Any]:
    limits = {
        name: max(1, math.floor(factor * limit))
        for name in ("rpm", "tpm", "rpd")
        if (limit := getattr(quota, name)) is not None
    }
    return {**quota.model_dump(exclude_none=True), **limits}


def other_speed(scenario: Scenario, policy: Policy, factor: float) -> Scenario | None:
    """A scenario in which other models than those asked for are so many times as fast."""
    upstream = scenario.upstream
    if not isinstance(upstream, GeminiUpstream):
        return None
    known = profiles(scenario)
    others = [
        name
        for name in models_used(scenario, policy)
        if name in known and name not in scenario.asked_models
    ]
    changes = {name: _as_fast(known[name], factor) for name in others}
    return _with_models(scenario, upstream, changes) if changes else None


def _as_fast(profile: ModelProfile, factor: float) -> dict[str, Any]:
    return {
        "ttft_p50": profile.ttft_p50 / factor,
        "ttft_p95": profile.ttft_p95 / factor,
        "tokens_per_s": profile.tokens_per_s * factor,
    }


def _with_models(
    scenario: Scenario,
    upstream: GeminiUpstream,
    changes: Mapping[str, Mapping[str, Any]],
    **more: Any,
) -> Scenario:
    models = {name: {**upstream.models.get(name, {}), **each} for name, each in changes.items()}
    return scenario.model_copy(
        update={
            "upstream": upstream.model_copy(
                update={"models": {**upstream.models, **models}, **more}
            )
        }
    )
