"""What a mode does to a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .catalog import Catalog, ModelCard, Thinking
from .errors import PolicyError, nearest
from .tiers import FLEX, REQUEST_TIERS, STANDARD

__all__ = ["NO_TIERS", "ROUTES", "Strategy", "TiersByPriority", "check_strategy", "tier_of"]

TiersByPriority = tuple[str | None, str | None, str | None]
"""Service tiers of low, normal and high; None leaves what the caller set."""

NO_TIERS: TiersByPriority = (None, None, None)

ROUTES: Mapping[str, int] = {
    "asked": 0,
    "one cheaper": 1,
    "two cheaper": 2,
    "three cheaper": 3,
}
"""Words that stand for a model, by what a caller asked for: steps down its family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What a mode does to a call. None leaves what the caller set.

    Attributes:
        model: the model to call, or a word of `ROUTES`; `balancer.core.routes` says which
            model that is, and when a caller keeps its own.
        fallback_models: the same, tried in order inside the same request after a failed attempt.
        output_cap_tokens: `max_output_tokens`; it caps thinking and answer together.
        thinking: budget in tokens (0 off, -1 the model's choice) or a level.
        instruction: appended to the system instruction, to shorten answers.
        tools: whether tools stay on.
        history_turns: most turns of conversation sent.
        temperature: sampling temperature.
        timeout_s: deadline of one attempt.
        retries: attempts beside the one that each model gets; they start over with the
            first model, after the client's backoff.
        service_tier: a tier of `REQUEST_TIERS` by priority (low, normal, high).
        shed: share of requests refused, by priority (low, normal, high).
        static_fallback: text that answers refused and failed requests.
        max_in_flight: most calls in flight.
        max_starts_per_s: most requests admitted a second.
    """

    model: str | None = None
    fallback_models: tuple[str, ...] = ()
    output_cap_tokens: int | None = None
    thinking: Thinking | None = None
    instruction: str | None = None
    tools: bool = True
    history_turns: int | None = None
    temperature: float | None = None
    timeout_s: float | None = None
    retries: int | None = None
    service_tier: TiersByPriority = NO_TIERS
    shed: tuple[float, float, float] = (0.0, 0.0, 0.0)
    static_fallback: str | None = None
    max_in_flight: int | None = None
    max_starts_per_s: float | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """Names and words, in the order they are tried."""
        return (self.model or "asked", *self.fallback_models)

    @property
    def named_models(self) -> tuple[str, ...]:
        """Those that are models' names."""
        return tuple(name for name in self.models if name not in ROUTES)


def tier_of(
    planned: str | None, own: str | None, card: ModelCard | None, *, moved: bool = False
) -> str:
    """The service tier that a call is sent in.

    Args:
        planned: by the strategy, for the call's priority.
        own: what the caller wrote. Who asks for flex gets it: no plan makes such a call dearer.
        card: of the model that is called, which is sent no tier that it has no price for; None
            where we know nothing of it, and leave what is written.
        moved: it is another model than the caller asked for.
    """
    if card is None:
        return own or STANDARD
    if planned is not None and own != FLEX and card.takes(planned):
        return planned
    return own if own and (not moved or card.takes(own)) else STANDARD


def check_strategy(strategy: Strategy, where: str, catalog: Catalog) -> None:
    """Refuse a strategy that a model would refuse, or answer with nothing.

    Raises:
        PolicyError: the message says how to fix it.
    """
    for share in strategy.shed:
        if not (0 <= share <= 1):
            raise PolicyError(f"shed {share!r} is not a share from 0 to 1", where=where)
    if list(strategy.shed) != sorted(strategy.shed, reverse=True):
        raise PolicyError("a higher priority is shed more than a lower one", where=where)
    for name, value, low, high in (
        ("output_cap", strategy.output_cap_tokens, 1, 1_000_000),
        ("history_turns", strategy.history_turns, 0, 100_000),
        ("temperature", strategy.temperature, 0, 2),
        ("retries", strategy.retries, 0, 20),
        ("max_in_flight", strategy.max_in_flight, 1, 10_000_000),
        ("max_starts_per_s", strategy.max_starts_per_s, 1e-6, 1e9),
        ("timeout", strategy.timeout_s, 0.001, 86_400),
    ):
        if value is not None and not (low <= value <= high):
            raise PolicyError(f"{name} is {value!r}; expected {low:g} to {high:g}", where=where)
    if isinstance(strategy.thinking, int) and strategy.thinking < -1:
        raise PolicyError(
            f"thinking is {strategy.thinking}; expected -1, 0 or a budget in tokens", where=where
        )
    for tier in strategy.service_tier:
        if tier is not None and tier not in REQUEST_TIERS:
            raise PolicyError(
                f"unknown service tier {tier!r}{nearest(tier, REQUEST_TIERS)}; "
                f"known: {', '.join(REQUEST_TIERS)}",
                where=where,
            )
    _check_models(strategy, where, catalog)


def _check_models(strategy: Strategy, where: str, catalog: Catalog) -> None:
    cap, thinking = strategy.output_cap_tokens, strategy.thinking
    free = thinking is None or thinking == -1
    # A model that a word stands for gets the setting it takes, and nobody knows what a level is.
    most = 0 if thinking is None or isinstance(thinking, str) else max(thinking, 0)
    for name in strategy.named_models:
        # As its author knew it: what answers for a model that has ended gets the nearest setting.
        card = catalog.own(name)
        if card is None:
            raise _unknown(name, where, catalog)
        refusal = card.refuses(thinking) if thinking is not None else ""
        if refusal:
            role = "fallback model " if name != strategy.model else ""
            raise PolicyError(role + refusal, where=where)
        most = max(most, card.most_thinking_tokens(thinking))
    if cap is not None and strategy.models != strategy.named_models and free:
        raise PolicyError(
            f"output_cap {cap} leaves the model to the caller and its thinking free, and the cap "
            "covers both: answers could be empty, and billed; say how much it may think, such as "
            "thinking: off",
            where=where,
        )
    if cap is not None and cap <= most:
        fix = (
            f"set thinking below {cap} tokens"
            if free
            else f"raise output_cap above {most}, or lower thinking"
        )
        raise PolicyError(
            f"output_cap {cap} is not above the {most} tokens the model may spend on thinking, and "
            f"the cap covers both: answers would be empty, and billed; {fix}",
            where=where,
        )


def _unknown(name: str, where: str, catalog: Catalog) -> PolicyError:
    """What is wrong with a name: it is nearest to a word, or to a model."""
    hint = nearest(name, (*ROUTES, *(card.name for card in catalog.cards)))
    problem = catalog.unknown_model(name)
    if any(f"{word!r}" in hint for word in ROUTES):
        problem = f"unknown model {name!r}{hint}; known: {', '.join(ROUTES)}, and models by name"
    return PolicyError(problem, where=where)
