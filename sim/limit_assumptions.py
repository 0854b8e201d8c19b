"""What a run takes for granted of how full its upstream can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from balancer.units import show_seconds, show_tokens, show_usd
from scenarios.loader import project_quota
from scenarios.schema import GeminiUpstream, ModelProfile, Quota
from scenarios.tiers import spend_limit, tier_dated
from scenarios.upstreams import DEFAULT_BURST_S, DEFAULT_COUNTING

__all__ = ["of_limits"]


def of_limits(upstream: GeminiUpstream, used: Mapping[str, ModelProfile]) -> Iterator[str]:
    """Sentences about tier, capacity, quotas and how they count, and spend limit.

    Args:
        upstream: whose limits.
        used: the models a request may be answered by.
    """
    if upstream.tier is not None:
        yield (
            f"Limits are those of usage tier {upstream.tier}, as of {tier_dated()}, second-hand or "
            "assumed, where the scenario does not say others."
        )
    yield (
        "A model slows down beyond so many calls in flight, by (calls / so many) ** exponent: "
        + "; ".join(f"{name} {_capacity(profile)}" for name, profile in used.items())
        + "."
    )
    quotas = {name: _quota(profile.quota) for name, profile in used.items()}
    shared = project_quota(upstream)
    if shared.limited:
        quotas["all models together"] = _quota(shared)
    yield "Quotas: " + "; ".join(f"{name} {quota}" for name, quota in quotas.items()) + "."
    spend = spend_limit(upstream)
    if spend is not None:
        yield (
            f"What the project was billed may not exceed {show_usd(spend.usd)} in any "
            f"{show_seconds(spend.per)}, all models together; a bill counts when its call is over."
        )


def _capacity(profile: ModelProfile) -> str:
    if profile.capacity is None:
        return "never"
    return f"{profile.capacity:g}, exponent {profile.slowdown:g}"


def _quota(quota: Quota) -> str:
    if not quota.limited:
        return "none"
    limits = (
        (quota.rpm, "requests a minute"),
        (quota.tpm, "input tokens a minute"),
        (quota.rpd, "requests a day"),
    )
    said = ", ".join(f"{show_tokens(limit)} {what}" for limit, what in limits if limit is not None)
    counting = {
        "calendar": "by the clock's minute",
        "sliding": "over the last 60 s",
        "bucket": f"by a token bucket that holds {show_seconds(quota.burst or DEFAULT_BURST_S)} "
        "of it",
    }[quota.counting or DEFAULT_COUNTING]
    counted = "counted" if quota.counts_refused else "not counted"
    return f"{said} (counted {counting}, refused calls {counted})"
