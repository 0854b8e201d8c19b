"""What a run takes for granted, in sentences: printed beside every result, never hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from balancer.core.policy import Policy
from balancer.units import show_seconds, show_share, show_tokens, show_usd
from scenarios.loader import profiles, project_quota
from scenarios.schema import GeminiUpstream, ModelProfile, Quota, Scenario
from scenarios.tiers import spend_limit, tier_dated
from scenarios.upstreams import DEFAULT_BURST_S, DEFAULT_COUNTING

__all__ = ["assumptions", "models_used"]


def assumptions(scenario: Scenario, policy: Policy) -> tuple[str, ...]:
    """Everything the figures of a run rest on that was declared and not measured."""
    return tuple(_sentences(scenario, policy))


def models_used(scenario: Scenario, policy: Policy) -> tuple[str, ...]:
    """Models a request may be answered by: the client's own, then those of the modes."""
    names = [scenario.clients.model]
    for strategy in policy.strategies:
        names += [strategy.model] if strategy.model else []
        names += strategy.fallback_models
    return tuple(dict.fromkeys(names))


def _sentences(scenario: Scenario, policy: Policy) -> Iterator[str]:
    upstream = scenario.upstream
    if not isinstance(upstream, GeminiUpstream):
        yield (
            f"The upstream is a plain queue of {upstream.servers} servers with "
            f"{upstream.service} service of mean {upstream.mean:g} s; calls cost what the price "
            "table says of their tokens."
        )
        return
    known = profiles(scenario)
    used = [name for name in models_used(scenario, policy) if name in known]
    declared = ", ".join(f"{name} {known[name].quality:g}" for name in used)
    yield (
        f"Quality of a complete answer, declared and not measured: {declared}; an answer cut by "
        "the output cap counts for the share of its natural length that was delivered."
    )
    if any(strategy.instruction for strategy in policy.strategies):
        yield (
            "The concise instruction leaves "
            f"{show_share(upstream.concise_factor)} of an answer's natural length, at no loss of "
            "quality."
        )
    yield (
        "Thinking tokens are drawn with the workload and scaled by model; a thinking budget cuts "
        "them without making answers worse, and they are billed as output."
    )
    yield (
        "Latency of healthy models comes from calibrated profiles (time to the first token and "
        "output speed, lognormal): "
        + "; ".join(
            f"{name} {known[name].ttft_p50:g} s and {known[name].tokens_per_s:g} tokens/s"
            for name in used
        )
        + "."
    )
    yield from _limits(upstream, {name: known[name] for name in used})
    yield "Tools, history and temperature change neither tokens nor quality."
    yield (
        "Clients retry every failure but a spent daily quota, billed ones such as empty or "
        "malformed answers included."
    )
    if scenario.workload.arrivals.trace is not None:
        yield "All replications replay the same arrivals: intervals leave the luck of traffic out."
    yield f"Prices are those of the table dated {policy.catalog.dated}."
    yield (
        "A call that its caller gave up on runs on and is billed in full; calls answered with an "
        "error are not billed."
    )


def _limits(upstream: GeminiUpstream, used: Mapping[str, ModelProfile]) -> Iterator[str]:
    """How full the upstream can be: tier, capacity, quotas and how they count, spend limit."""
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
