"""Reads model tables: TOML in dollars per million tokens, to a catalog in nano-dollars.

The table that ships is `models.toml`. A user's own table has the same form and changes or
adds models; it may be a file or stand in a policy under `prices`. Prices are read as of a day.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from .core.catalog import LEVEL_TOKENS, Catalog, ModelCard
from .core.errors import PolicyError, nearest
from .core.pricing import NANO_USD
from .core.surcharges import MODALITIES, Fee, MediaPrice, Surcharges
from .documents import Document, explain, read_text

__all__ = ["ModelTable", "default_catalog", "load_prices", "with_table"]

_TIER_TOKENS = 200_000
_NO_TIER = 1 << 40

UsdPerMillion = Annotated[float, Field(ge=0, le=100_000)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Tier(_Table):
    """Dollars per million tokens."""

    input: UsdPerMillion
    output: UsdPerMillion
    cached: UsdPerMillion | None = None
    """None: cached input costs what other input costs."""


def _known_level(level: str) -> str:
    if level not in LEVEL_TOKENS:
        raise ValueError(
            f"found {level!r}, expected one of {', '.join(LEVEL_TOKENS)}"
            f"{nearest(level, LEVEL_TOKENS)}"
        )
    return level


class ThinkingRange(_Table):
    """How a model can be told to think: a budget, or levels, or (neither) not at all."""

    budget: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    off: bool = False
    levels: tuple[Annotated[str, AfterValidator(_known_level)], ...] = ()
    default: int | str | None = None
    """Its setting where a call says none (-1: as much as it likes); None: it is not known."""

    @model_validator(mode="after")
    def _ordered(self) -> ThinkingRange:
        if self.budget and self.budget[0] > self.budget[1]:
            raise ValueError(f"found budget {list(self.budget)}, expected least before most")
        settings = replace(_unknown("it"), budget=self.budget, off=self.off, levels=self.levels)
        if self.default is not None and (refusal := settings.refuses(self.default)):
            raise ValueError(f"found default {self.default}, but {refusal}")
        return self


class LaterPrice(Tier):
    """What a model costs from a day on."""

    since: date = Field(alias="from")
    above_200k: Tier | None = None


Limit = Annotated[int, Field(gt=0, le=10_000_000)]


class MediaRow(_Table):
    """Dollars per million tokens of a modality; None: as text."""

    input: UsdPerMillion | None = None
    output: UsdPerMillion | None = None
    cached: UsdPerMillion | None = None


class FeeRow(_Table):
    """What a call's searches cost: by call that made any (`prompt`), or by `query`."""

    usd: Annotated[float, Field(ge=0, le=100)]
    per: Literal["prompt", "query"]
    most_queries: Annotated[int, Field(ge=1, le=1000)] = 8
    """That a call is taken to make at most, where a hard budget holds money for it."""


class SurchargesRow(_Table):
    """What a model charges beyond text."""

    image: MediaRow | None = None
    audio: MediaRow | None = None
    video: MediaRow | None = None
    document: MediaRow | None = None
    search: FeeRow | None = None
    maps: FeeRow | None = None


class ModelRow(Tier):
    """One model. What its row leaves out is as we know the model, or as of any we do not."""

    above_200k: Tier | None = None
    later: tuple[LaterPrice, ...] = ()
    thinking: ThinkingRange | None = None
    context_limit: Limit | None = None
    output_limit: Limit | None = None
    family: str | None = None
    rank: Annotated[int, Field(ge=0, le=1000)] | None = None
    routed: bool | None = None
    inputs: frozenset[str] | None = None
    outputs: frozenset[str] | None = None
    tools: frozenset[str] | None = None
    system_instruction: bool | None = None
    caching: bool | None = None
    json_with_functions: bool | None = None
    signs_calls: bool | None = None
    released: date | None = None
    shutdown: date | None = None
    served_by: str | None = None
    surcharges: SurchargesRow | None = None
    aliases: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> ModelRow:
        days = [price.since for price in self.later]
        if days != sorted(set(days)):
            raise ValueError("found days under later that do not grow, expected oldest first")
        return self


_AS_KNOWN = (
    "family", "rank", "routed", "inputs", "outputs", "tools", "system_instruction", "caching",
    "json_with_functions", "signs_calls", "served_by", "aliases",
)  # fmt: skip
"""Keys of a row that are members of a card as they stand."""


class ModelTable(_Table):
    """A table of models."""

    dated: date | str = ""
    kinds: dict[str, dict[str, Any]] = {}
    """Keys that several models share."""
    models: dict[str, ModelRow] = {}
    unknown: ModelRow | None = None
    """What a model costs that has no row; None: nobody has said."""

    @model_validator(mode="before")
    @classmethod
    def _of_their_kinds(cls, values: Any) -> Any:
        kinds = values.get("kinds", {}) if isinstance(values, dict) else None
        if not isinstance(kinds, dict) or not isinstance(values.get("models"), dict):
            return values
        models = {name: _of_kind(name, row, kinds) for name, row in values["models"].items()}
        return {**values, "models": models}


def _of_kind(name: str, row: Any, kinds: dict[str, Any]) -> Any:
    if not isinstance(row, dict) or "kind" not in row:
        return row
    kind = str(row["kind"])
    if kind not in kinds:
        raise ValueError(
            f"models.{name}.kind: found {kind!r}, expected a name under kinds of the same table"
            f"{nearest(kind, kinds)}"
        )
    if not isinstance(kinds[kind], dict):
        return row
    own = {key: value for key, value in row.items() if key != "kind"}
    return {**kinds[kind], **own}


def _nano_usd(usd: float) -> int:
    return round(usd * NANO_USD)


def _price(row: ModelRow, as_of: date) -> tuple[int, int, int, int, int, int, int]:
    """The price row in force on a day; before the first day that is known, the first."""
    now: ModelRow | LaterPrice = row
    for later in row.later:
        if later.since <= as_of:
            now = later
    below, above = (
        (
            _nano_usd(tier.input),
            _nano_usd(tier.output),
            _nano_usd(tier.input if tier.cached is None else tier.cached),
        )
        for tier in (now, now.above_200k or now)
    )
    return (_TIER_TOKENS if now.above_200k else _NO_TIER, *below, *above)


def _card(row: ModelRow, known: ModelCard, as_of: date) -> ModelCard:
    thinking = row.thinking
    said = {name: getattr(row, name) for name in _AS_KNOWN}
    return replace(
        known,
        price=_price(row, as_of),
        budget=known.budget if thinking is None else thinking.budget,
        off=known.off if thinking is None else thinking.off,
        levels=known.levels if thinking is None else thinking.levels,
        default_thinking=known.default_thinking if thinking is None else thinking.default,
        output_limit_tokens=row.output_limit or known.output_limit_tokens,
        context_limit_tokens=row.context_limit or known.context_limit_tokens,
        released=known.released if row.released is None else row.released.isoformat(),
        shutdown=known.shutdown if row.shutdown is None else row.shutdown.isoformat(),
        surcharges=known.surcharges if row.surcharges is None else _surcharges(row.surcharges),
        **{name: value for name, value in said.items() if value is not None},
    )


def _surcharges(row: SurchargesRow) -> Surcharges:
    return Surcharges(
        media=tuple(
            MediaPrice(
                modality=modality,
                **{
                    name: None if usd is None else _nano_usd(usd)
                    for name, usd in price.model_dump().items()
                },
            )
            for modality in MODALITIES
            if (price := getattr(row, modality)) is not None
        ),
        search=_fee(row.search),
        maps=_fee(row.maps),
    )


def _fee(row: FeeRow | None) -> Fee | None:
    if row is None:
        return None
    return Fee(
        nano_usd=_nano_usd(row.usd), per_query=row.per == "query", most_queries=row.most_queries
    )


def _unknown(name: str) -> ModelCard:
    return ModelCard(name=name, price=(_NO_TIER, 0, 0, 0, 0, 0, 0), budget=None, off=False)


def with_table(catalog: Catalog, table: ModelTable, as_of: date | None = None) -> Catalog:
    """The catalog with a table's models changed or added, under the table's date if it has one.

    Args:
        catalog: what is known; a model in it keeps what its row leaves out.
        table: of a user, or the one that ships.
        as_of: day whose prices hold; None is today.

    Raises:
        PolicyError: models that answer for each other in a circle.
    """
    day = as_of or date.today()  # noqa: DTZ011 - a price list goes by the calendar
    known = {card.name: card for card in catalog.cards}
    cards = tuple(
        _card(row, known.get(name) or _unknown(name), day) for name, row in table.models.items()
    )
    changed = catalog.with_prices(cards)
    _check_successors({card.name: card.served_by for card in changed.cards})
    unknown = catalog.unknown
    if table.unknown is not None:
        unknown = _card(table.unknown, _unknown(""), day)
    return replace(changed, dated=str(table.dated) or catalog.dated, unknown=unknown)


def _check_successors(served_by: dict[str, str]) -> None:
    for name in served_by:
        seen = [name]
        while (after := served_by.get(seen[-1], "")) and after not in seen:
            seen.append(after)
        if after:
            raise PolicyError(
                f"models.{name}.served_by: found the circle {' -> '.join([*seen, after])}, "
                "expected a model that is not served by the one it serves"
            )


def _table(text: str, name: str) -> ModelTable:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"not valid TOML: {error}", where=name) from None
    try:
        return ModelTable.model_validate(values)
    except ValidationError as error:
        document = Document(name=name, values=values)
        raise explain(error, ModelTable, document, PolicyError) from None


def default_catalog(as_of: date | None = None) -> Catalog:
    """The models that ship with the project, at the prices of a day; None is today."""
    text = files("balancer").joinpath("models.toml").read_text(encoding="utf-8")
    return with_table(Catalog(dated="", cards=()), _table(text, "models.toml"), as_of)


def load_prices(path: Path, catalog: Catalog | None = None, as_of: date | None = None) -> Catalog:
    """A user's table on top of a catalog (the one that ships, unless another is given).

    Raises:
        PolicyError: missing or malformed; names the key.
    """
    table = _table(read_text(path, PolicyError), str(path))
    try:
        return with_table(default_catalog(as_of) if catalog is None else catalog, table, as_of)
    except PolicyError as error:
        raise PolicyError(error.problem, where=str(path)) from None
