"""What a mode does to a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .catalog import Catalog, ModelCard, Thinking
from .errors import PolicyError, nearest
from .tiers import FLEX, REQUEST_TIERS, STANDARD

__all__ = [
    "NO_TIERS",
    "ROUTES",
    "Setting",
    "Strategy",
    "TiersByPriority",
    "check_strategy",
    "setting",
    "settings_of",
    "tier_of",
]

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
class Setting:
    """How one field of a strategy is written: a row of the table that `Strategy` is.

    Policy files and their schema, `policy show`, tuning, the reference page and request bodies
    follow it, so that a field is declared once.

    Attributes:
        kind: of its values, one of `balancer.policy_strategy.KINDS`.
        meaning: as docs/reference/policy.md begins its row.
        key: in a policy file.
        name: of the field.
        bounds: least and most; None where a number is not all there is to it.
        member: of a body's `generationConfig` that it is written to as it is; "" is none.
        shapes_answer: it changes what is in answers, or how long they are.
    """

    kind: str
    meaning: str
    key: str = ""
    name: str = ""
    bounds: tuple[float, float] | None = None
    member: str = ""
    shapes_answer: bool = False


def setting(kind: str, meaning: str, default: object = None, **rest: Any) -> Any:
    """A field of a strategy, with its row: `rest` is of `Setting`."""
    return field(default=default, metadata={"setting": Setting(kind=kind, meaning=meaning, **rest)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What a mode does to a call, a row a field. None leaves what the caller set.

    Triples go by priority: low, normal, high. `balancer.core.routes` says which model a word of
    `ROUTES` stands for, and when a caller keeps its own.
    """

    model: str | None = setting("text", "a model, or a step from the one asked for")
    fallback_models: tuple[str, ...] = setting(
        "models",
        "list of the same, tried in order inside the same request after a failed attempt",
        (),
    )
    output_cap_tokens: int | None = setting(
        "tokens",
        "most output tokens, *thinking included*",
        key="output_cap",
        bounds=(1, 1_000_000),
        shapes_answer=True,
    )
    thinking: Thinking | None = setting(
        "thinking", "`off`, `dynamic` (the model's choice), a budget in tokens", shapes_answer=True
    )
    instruction: str | None = setting(
        "text", "appended to the system instruction, to shorten answers", shapes_answer=True
    )
    tools: bool = setting("switch", "whether tools stay on", True, shapes_answer=True)
    history_turns: int | None = setting(
        "count", "most turns of conversation sent", bounds=(0, 100_000), shapes_answer=True
    )
    temperature: float | None = setting("number", "0 to 2", bounds=(0, 2), member="temperature")
    timeout_s: float | None = setting(
        "seconds", "deadline of one attempt", key="timeout", bounds=(0.001, 86_400)
    )
    retries: int | None = setting(
        "count", "attempts beside the one each model gets", bounds=(0, 20)
    )
    service_tier: TiersByPriority = setting(
        "tiers", "`standard`, `flex` or `priority`, for all calls or by priority", NO_TIERS
    )
    shed: tuple[float, float, float] = setting(
        "shares", "share refused by priority", (0.0, 0.0, 0.0)
    )
    static_fallback: str | None = setting("text", "text that answers refused and failed requests")
    max_in_flight: int | None = setting("count", "most calls in flight", bounds=(1, 10_000_000))
    max_starts_per_s: float | None = setting(
        "positive", "most requests admitted a second", bounds=(1e-6, 1e9)
    )

    @property
    def models(self) -> tuple[str, ...]:
        """Names and words, in the order they are tried."""
        return (self.model or "asked", *self.fallback_models)

    @property
    def named_models(self) -> tuple[str, ...]:
        """Those that are models' names."""
        return tuple(name for name in self.models if name not in ROUTES)


def settings_of(kind: type[Strategy]) -> tuple[Setting, ...]:
    """The rows of a strategy's fields, in their order."""
    return tuple(
        replace(row, name=entry.name, key=row.key or entry.name)
        for entry in fields(kind)
        for row in (entry.metadata["setting"],)
    )


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
    for row in settings_of(type(strategy)):
        value = getattr(strategy, row.name)
        if value is None or row.bounds is None:
            continue
        low, high = row.bounds
        if not (low <= value <= high):
            raise PolicyError(f"{row.key} is {value!r}; expected {low:g} to {high:g}", where=where)
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
