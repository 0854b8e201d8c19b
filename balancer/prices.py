"""Reads price tables: TOML in dollars per million tokens, to a catalog in nano-dollars.

The table that ships is `prices.toml`. A user's own table has the same form and changes or
adds models; it may be a file or stand in a policy under `prices`.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .core.catalog import Catalog, ModelCard
from .core.errors import PolicyError
from .core.pricing import NANO_USD
from .core.surcharges import MODALITIES, Fee, MediaPrice, Surcharges
from .documents import Document, explain, read_text

__all__ = ["PriceTable", "default_catalog", "load_prices", "with_table"]

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


class ThinkingRange(_Table):
    """How a model can be told to think: a budget, or levels, or (neither) not at all."""

    budget: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    off: bool = False
    levels: tuple[Literal["MINIMAL", "LOW", "MEDIUM", "HIGH"], ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> ThinkingRange:
        if self.budget and self.budget[0] > self.budget[1]:
            raise ValueError(f"found budget {list(self.budget)}, expected least before most")
        return self


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
    """One model of a price table."""

    above_200k: Tier | None = None
    thinking: ThinkingRange | None = None
    """None: as we know the model, or not at all if we do not."""
    output_limit: Annotated[int, Field(gt=0, le=10_000_000)] | None = None
    """None: as we know the model, or 65,536."""
    surcharges: SurchargesRow | None = None
    """None: as we know the model, or none."""
    aliases: tuple[str, ...] | None = None
    """Other names of it; None: as we know the model, or none."""


class PriceTable(_Table):
    """A price table."""

    dated: date | str = ""
    models: dict[str, ModelRow] = {}
    unknown: ModelRow | None = None
    """What a model costs that has no row; None: nobody has said."""


def _nano_usd(usd: float) -> int:
    return round(usd * NANO_USD)


def _card(row: ModelRow, known: ModelCard) -> ModelCard:
    above = row.above_200k or row
    tiers = [
        _nano_usd(usd)
        for tier in (row, above)
        for usd in (
            tier.input,
            tier.output,
            tier.input if tier.cached is None else tier.cached,
        )
    ]
    thinking = row.thinking
    return replace(
        known,
        price=(
            _TIER_TOKENS if row.above_200k else _NO_TIER,
            tiers[0],
            tiers[1],
            tiers[2],
            tiers[3],
            tiers[4],
            tiers[5],
        ),
        budget=known.budget if thinking is None else thinking.budget,
        off=known.off if thinking is None else thinking.off,
        levels=known.levels if thinking is None else thinking.levels,
        output_limit_tokens=row.output_limit or known.output_limit_tokens,
        aliases=known.aliases if row.aliases is None else row.aliases,
        surcharges=known.surcharges if row.surcharges is None else _surcharges(row.surcharges),
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


def with_table(catalog: Catalog, table: PriceTable) -> Catalog:
    """The catalog with a table's models changed or added, under the table's date if it has one.

    A model we know keeps the thinking settings and the output limit that its row leaves out.
    """
    known = {card.name: card for card in catalog.cards}
    cards = tuple(
        _card(row, known.get(name) or _unknown(name)) for name, row in table.models.items()
    )
    unknown = catalog.unknown
    if table.unknown is not None:
        unknown = _card(table.unknown, _unknown(""))
    return replace(
        catalog.with_prices(cards), dated=str(table.dated) or catalog.dated, unknown=unknown
    )


def _table(text: str, name: str) -> PriceTable:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"not valid TOML: {error}", where=name) from None
    try:
        return PriceTable.model_validate(values)
    except ValidationError as error:
        document = Document(name=name, values=values)
        raise explain(error, PriceTable, document, PolicyError) from None


def default_catalog() -> Catalog:
    """The models and prices that ship with the project."""
    text = files("balancer").joinpath("prices.toml").read_text(encoding="utf-8")
    return with_table(Catalog(dated="", cards=()), _table(text, "prices.toml"))


def load_prices(path: Path, catalog: Catalog | None = None) -> Catalog:
    """A user's price table on top of a catalog (the one that ships, unless another is given).

    Raises:
        PolicyError: missing or malformed; names the key.
    """
    table = _table(read_text(path, PolicyError), str(path))
    return with_table(default_catalog() if catalog is None else catalog, table)
