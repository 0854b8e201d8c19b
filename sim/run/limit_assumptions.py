"""What a run takes for granted of how full its upstream can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from balancer.core.policy import Policy
from balancer.core.tiers import FLEX, PRIORITY, STANDARD
from balancer.units import show_seconds, show_share, show_tokens, show_usd
from scenarios.profiles import profiles, project_quota, provisioned_usd
from scenarios.schema import GeminiUpstream, ModelProfile, Quota, Scenario
from scenarios.tiers import priority_share, spend_limit, tier_dated
from scenarios.upstreams import DEFAULT_BURST_S, DEFAULT_COUNTING

__all__ = ["of_limits", "of_provisioned", "of_tiers"]


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


def of_tiers(scenario: Scenario, policy: Policy, upstream: GeminiUpstream) -> Iterator[str]:
    """Sentences about the service tiers that calls may be sent in, but for standard."""
    sent: set[str] = {scenario.clients.service_tier}
    sent.update(each.service_tier or STANDARD for each in scenario.workload.classes)
    for strategy in policy.strategies:
        sent.update(tier or STANDARD for tier in strategy.service_tier)
    tiers = upstream.service_tiers
    if FLEX in sent:
        yield (
            f"Flex runs on {show_share(tiers.flex.share)} of the places that other calls leave of "
            f"a model's capacity; up to {tiers.flex.queue:g} times the capacity wait, for "
            f"{show_seconds(tiers.flex.longest)} at most, and the rest is refused."
        )
    if PRIORITY in sent:
        yield (
            "Priority goes before standard where a model is full; up to "
            f"{show_share(priority_share(upstream))} of a model's quota is served so, and the rest "
            "as standard."
        )


def of_provisioned(scenario: Scenario) -> Iterator[str]:
    """What is bought of models, and what of every bill is its price."""
    bought = [
        f"{name} {each.tokens_per_s:,.15g} tokens/s, counted by {show_seconds(each.window)}, for "
        f"{show_usd(each.usd_per_hour)} an hour"
        for name, profile in profiles(scenario).items()
        for each in (profile.provisioned,)
        if each is not None
    ]
    if bought:
        yield (
            f"Provisioned throughput serves first: {'; '.join(bought)}; every other token burns as "
            "many input tokens as its price is theirs. It is in the bill of every arm, used or "
            f"not, with {show_usd(provisioned_usd(scenario))}, and in no cost that a controller "
            "sees."
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
