"""A strategy in policy files: read and shown by the rows that declare its fields.

`balancer.core.strategy.Strategy` has the rows; this has the kinds of values they are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, create_model
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from .core.catalog import LEVEL_TOKENS
from .core.errors import nearest
from .core.modes import Priority
from .core.strategy import Strategy, settings_of
from .core.tiers import REQUEST_TIERS
from .units import (
    Count,
    Number,
    Seconds,
    Share,
    Tokens,
    parse_tokens,
    show_seconds,
    show_share,
    show_tokens,
)

__all__ = [
    "KINDS",
    "Entry",
    "StrategyEntry",
    "ThinkingSetting",
    "parse_thinking",
    "show_strategy",
    "strategy_entry",
    "strategy_of",
]


class Entry(BaseModel):
    """A mapping of a policy file: no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ShedEntry(Entry):
    """Share of requests refused, by priority."""

    low: Share = 0.0
    normal: Share = 0.0
    high: Share = 0.0


def _known_tier(tier: Any) -> str | None:
    if tier is None or tier in REQUEST_TIERS:
        return tier  # type: ignore[no-any-return]
    hint = nearest(tier, REQUEST_TIERS) if isinstance(tier, str) else ""
    raise ValueError(f"found {tier!r:.64}, expected one of {', '.join(REQUEST_TIERS)}{hint}")


ServiceTier = Annotated[str | None, PlainValidator(_known_tier)]


class TiersEntry(Entry):
    """The service tier that calls ask for, by priority; null leaves what the caller set."""

    low: ServiceTier = None
    normal: ServiceTier = None
    high: ServiceTier = None


def _for_all(tiers: Any) -> Any:
    """One tier stands for all priorities."""
    if isinstance(tiers, dict | TiersEntry):
        return tiers
    tier = _known_tier(tiers)
    return TiersEntry(low=tier, normal=tier, high=tier)


def parse_thinking(setting: object) -> int | str | None:
    """A thinking setting: off, dynamic, a level, or a budget in tokens."""
    words = {"off": 0, "dynamic": -1}
    if setting is None:
        return None
    if isinstance(setting, str):
        if setting.lower() in words:
            return words[setting.lower()]
        if setting.upper() in LEVEL_TOKENS:
            return setting.upper()
    if setting == -1:
        return -1
    try:
        return parse_tokens(setting)
    except ValueError:
        known = (*words, *(level.lower() for level in LEVEL_TOKENS))
        raise ValueError(
            f"found {setting!r:.64}, expected off, dynamic, a budget in tokens such as 1024, or a "
            f"level: {', '.join(LEVEL_TOKENS)}{nearest(str(setting)[:64].lower(), known)}"
        ) from None


ThinkingSetting = Annotated[int | str | None, PlainValidator(parse_thinking)]
"""Tokens (0 off, -1 the model's choice), a level, or None: as the caller set it."""


def _show_thinking(thinking: int | str) -> str | int:
    if thinking == 0:
        return "off"
    return "dynamic" if thinking == -1 else thinking


def _show_models(models: tuple[str, ...]) -> CommentedSeq:
    listed = CommentedSeq(models)
    listed.fa.set_flow_style()
    return listed


def _by_priority(values: Any) -> CommentedMap:
    mapping = CommentedMap((priority.label, values[priority]) for priority in Priority)
    mapping.fa.set_flow_style()
    return mapping


def _as_it_is(value: Any) -> Any:
    return value


def _triple(entry: ShedEntry | TiersEntry) -> tuple[Any, Any, Any]:
    return entry.low, entry.normal, entry.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of values.

    Attributes:
        schema: of a key, for pydantic.
        cleared: what null in a file stands for; None: nothing is set.
        read: what the schema gives to the strategy's value.
        show: the strategy's value, where it has one, to what a file says.
        number: tuning may try other values.
    """

    schema: Any
    cleared: object = None
    read: Callable[[Any], Any] = _as_it_is
    show: Callable[[Any], Any] = _as_it_is
    number: bool = False


KINDS: Mapping[str, Kind] = {
    "text": Kind(schema=str | None),
    "switch": Kind(schema=bool, cleared=True),
    "models": Kind(schema=tuple[str, ...], cleared=(), show=_show_models),
    "count": Kind(schema=Count | None, number=True),
    "tokens": Kind(
        schema=Tokens | None,
        show=lambda tokens: tokens if tokens % 1000 else show_tokens(tokens),
        number=True,
    ),
    "number": Kind(schema=Number | None, number=True),
    "positive": Kind(schema=Annotated[Number, Field(gt=0)] | None, number=True),
    "seconds": Kind(schema=Seconds | None, show=show_seconds, number=True),
    "thinking": Kind(schema=ThinkingSetting, show=_show_thinking, number=True),
    "tiers": Kind(
        schema=Annotated[TiersEntry, BeforeValidator(_for_all)],
        cleared=TiersEntry(),
        read=_triple,
        show=lambda tiers: _by_priority(tiers) if any(tiers) else None,
    ),
    "shares": Kind(
        schema=ShedEntry,
        cleared=ShedEntry(),
        read=_triple,
        show=lambda shares: _by_priority([show_share(share) for share in shares]),
        number=True,
    ),
}
"""By the names that the rows of `Strategy` have for them."""


def strategy_entry(kind: type[Strategy]) -> type[Entry]:
    """The schema of a mode in a policy file; null leaves what the caller set, and sheds nobody."""
    keys: dict[str, Any] = {}
    for row in settings_of(kind):
        values = KINDS[row.kind]
        schema = values.schema
        if values.cleared is not None:
            schema = Annotated[schema, BeforeValidator(_clearing(values.cleared))]
        keys[row.key] = (schema, values.cleared)
    return create_model("StrategyEntry", __base__=Entry, **keys)


def _clearing(value: object) -> Callable[[Any], Any]:
    return lambda said: value if said is None else said


if TYPE_CHECKING:

    class StrategyEntry(Entry):
        """What a mode does to a call."""

else:
    StrategyEntry = strategy_entry(Strategy)


def strategy_of(entry: Entry, parent: Strategy) -> Strategy:
    """A strategy: what a mode says, and of what it does not say, the parent's."""
    keys = entry.model_fields_set
    changes = {
        row.name: KINDS[row.kind].read(getattr(entry, row.key))
        for row in settings_of(type(parent))
        if row.key in keys
    }
    if "model" in keys:
        # Fallback models were chosen for the model they stand behind.
        changes.setdefault("fallback_models", ())
    return replace(parent, **changes)


def show_strategy(strategy: Strategy) -> CommentedMap:
    """A strategy as a mode of a policy file, every key said."""
    mapping = CommentedMap()
    for row in settings_of(type(strategy)):
        value = getattr(strategy, row.name)
        mapping[row.key] = None if value is None else KINDS[row.kind].show(value)
    return mapping
