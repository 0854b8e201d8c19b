"""Reads price tables: TOML in dollars per million tokens, to a catalog in nano-dollars.

The table that ships is `prices.toml`. A user's own table has the same form and replaces or
adds whole models; it may be a file or stand in a policy under `prices`.
"""

from __future__ import annotations

import tomllib
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .core.catalog import Catalog, ModelCard
from .core.errors import PolicyError
from .core.pricing import NANO_USD
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


class ModelRow(Tier):
    """One model of a price table."""

    above_200k: Tier | None = None
    thinking: ThinkingRange = ThinkingRange()
    output_limit: Annotated[int, Field(gt=0, le=10_000_000)] = 65_536


class PriceTable(_Table):
    """A price table."""

    dated: date | str = ""
    models: dict[str, ModelRow]


def _nano_usd(usd: float) -> int:
    return round(usd * NANO_USD)


def _card(name: str, row: ModelRow) -> ModelCard:
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
    return ModelCard(
        name=name,
        price=(
            _TIER_TOKENS if row.above_200k else _NO_TIER,
            tiers[0],
            tiers[1],
            tiers[2],
            tiers[3],
            tiers[4],
            tiers[5],
        ),
        budget=row.thinking.budget,
        off=row.thinking.off,
        levels=row.thinking.levels,
        output_limit_tokens=row.output_limit,
    )


def _catalog(table: PriceTable) -> Catalog:
    cards = tuple(_card(name, row) for name, row in table.models.items())
    return Catalog(dated=str(table.dated), cards=cards)


def with_table(catalog: Catalog, table: PriceTable) -> Catalog:
    """The catalog with a table's models replaced or added, under the table's date if it has one."""
    new = _catalog(table)
    return Catalog(dated=new.dated or catalog.dated, cards=catalog.with_prices(new.cards).cards)


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
    return _catalog(_table(text, "prices.toml"))


def load_prices(path: Path, catalog: Catalog | None = None) -> Catalog:
    """A user's price table on top of a catalog (the one that ships, unless another is given).

    Raises:
        PolicyError: missing or malformed; names the key.
    """
    table = _table(read_text(path, PolicyError), str(path))
    return with_table(default_catalog() if catalog is None else catalog, table)
