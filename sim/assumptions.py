"""What a run takes for granted, in sentences: printed beside every result, never hidden."""

from __future__ import annotations

from collections.abc import Iterator

from balancer.core.policy import Policy
from balancer.units import show_share
from scenarios.loader import profiles
from scenarios.schema import GeminiUpstream, Scenario

from .limit_assumptions import of_limits

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
    yield from of_limits(upstream, {name: known[name] for name in used})
    yield (
        "Models slow down or refuse under load only where the scenario gives them a capacity or "
        "a quota; tools, history and temperature change neither tokens nor quality."
    )
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
