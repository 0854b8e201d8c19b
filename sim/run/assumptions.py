"""What a run takes for granted, in sentences: printed beside every result, never hidden."""

from __future__ import annotations

from collections.abc import Iterator

from balancer.core.catalog import Catalog
from balancer.core.policy import Policy
from balancer.core.routes import resolve
from balancer.units import show_seconds, show_share, show_usd
from scenarios.profiles import profiles
from scenarios.schema import GeminiUpstream, Scenario, Worth

from ..days import served_names
from .limit_assumptions import of_limits, of_provisioned, of_tiers
from .replay_assumptions import of_trace

__all__ = ["assumptions", "models_used"]


def assumptions(scenario: Scenario, policy: Policy) -> tuple[str, ...]:
    """Everything the figures of a run rest on that was declared and not measured."""
    return tuple(_sentences(scenario, policy))


def models_used(scenario: Scenario, policy: Policy) -> tuple[str, ...]:
    """Models a request may be answered by: those asked for, then those of the modes."""
    names = list(scenario.asked_models)
    for strategy in policy.strategies:
        for asked in scenario.asked_models:
            names += resolve(strategy, asked, policy.catalog)
    return served_names(tuple(names), policy.catalog)


def _sentences(scenario: Scenario, policy: Policy) -> Iterator[str]:
    upstream = scenario.upstream
    if not isinstance(upstream, GeminiUpstream):
        yield (
            f"The upstream is a plain queue of {upstream.servers} servers with "
            f"{upstream.service} service of mean {upstream.mean:g} s; its calls are not billed."
        )
        yield from _worth(scenario.worth)
        yield from of_trace(scenario)
        return
    known = profiles(scenario)
    used = [name for name in models_used(scenario, policy) if name in known]
    declared = ", ".join(f"{name} {known[name].quality:g}" for name in used)
    yield (
        f"Quality of a complete answer, declared and not measured: {declared}; an answer cut by "
        "the output cap counts for the share of its natural length that was delivered."
    )
    actions = upstream.actions
    yield (
        "Thinking tokens are drawn with the workload and scaled by model, and are billed as "
        f"output; an answer without any keeps {show_share(actions.thinking_off)} of its quality, "
        "and one without a part of them loses in proportion."
    )
    if any(strategy.instruction for strategy in policy.strategies):
        yield (
            f"The concise instruction leaves {show_share(upstream.concise_factor)} of an answer's "
            f"natural length and {show_share(actions.concise)} of its quality."
        )
    for does, kept, what in (
        (any(not each.tools for each in policy.strategies), actions.no_tools, "without tools"),
        (
            any(each.history_turns is not None for each in policy.strategies),
            actions.short_history,
            "with its history cut",
        ),
    ):
        if does:
            yield (
                f"An answer {what} keeps {show_share(kept)} of its quality, a mean over requests "
                "that need it and those that do not; tokens stay as they are."
            )
    yield from _worth(scenario.worth)
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
    yield from of_tiers(scenario, policy, upstream)
    yield from of_provisioned(scenario)
    yield "Temperature changes neither tokens nor quality."
    yield from _clients(scenario, policy)
    yield (
        "Clients retry every failure but a spent daily quota, billed ones such as empty or "
        "malformed answers included."
    )
    yield from of_trace(scenario)
    yield _prices(policy.catalog)
    yield (
        "A call that its caller gave up on runs on and is billed in full; calls answered with an "
        "error are not billed."
    )


def _prices(catalog: Catalog) -> str:
    table = f"the table dated {catalog.dated}"
    if catalog.as_of in ("", catalog.dated):
        return f"Prices are those of {table}."
    return f"Prices and models are those of {catalog.as_of}, by {table}."


def _clients(scenario: Scenario, policy: Policy) -> Iterator[str]:
    """What the application and its users do that nobody measured."""
    clients = scenario.clients
    if clients.reasks.share > 0.0:
        yield (
            f"Of the users who got nothing {show_share(clients.reasks.share)} ask again about "
            f"{show_seconds(clients.reasks.after)} later, each time anew, as a new request."
        )
    yield (
        f"A call costs its client {show_seconds(clients.overhead)} of its own; a decision governs "
        f"{show_seconds(scenario.decision_lag)} after the tick it was taken at."
    )
    if policy.budgets and (clients.prompt_estimate.error or clients.prompt_estimate.bias):
        yield (
            "Budgets are reserved by an estimate of the prompt's tokens, off by "
            f"{show_share(clients.prompt_estimate.error)} (sigma) about a mean error of "
            f"{show_share(clients.prompt_estimate.bias)}, and booked by the usage."
        )
    if scenario.replicas > 1:
        yield (
            f"The application is {scenario.replicas} processes, each with its share of the "
            "requests and a controller and budget ledger of its own that know nothing of the "
            "others; journals are the first one's."
        )


def _worth(worth: Worth) -> Iterator[str]:
    yield (
        f"A complete answer of quality 1 is worth {show_usd(worth.answer)} within "
        f"{show_seconds(worth.within)} and nothing later; every second a user waits costs "
        f"{show_share(worth.waiting)} of that."
    )
