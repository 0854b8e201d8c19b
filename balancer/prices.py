"""Reads model tables: TOML in dollars per million tokens, to a catalog in nano-dollars.

The table that ships is `models.toml`. A user's own table has the same form and changes or
adds models; it may be a file or stand in a policy under `prices`. Prices are read as of a day.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from .core.catalog import Catalog, DatedPrices, ModelCard, TierPrices
from .core.errors import PolicyError, nearest
from .core.pricing import NANO_USD, PriceRow
from .core.surcharges import MODALITIES, Fee, MediaPrice, Surcharges, scaled
from .documents import Document, read_text
from .model_table import FeeRow, ModelRow, ModelTable, SurchargesRow, Tier, TierRow, TiersRow
from .schema_errors import explain

__all__ = ["ModelTable", "default_catalog", "load_prices", "with_table"]

_TIER_TOKENS = 200_000
_NO_TIER = 1 << 40

_AS_KNOWN = (
    "family", "rank", "routed", "inputs", "outputs", "tools", "system_instruction", "caching",
    "json_with_functions", "signs_calls", "provider", "served_by", "aliases",
)  # fmt: skip
"""Keys of a row that are members of a card as they stand."""


def _nano_usd(usd: float) -> int:
    return round(usd * NANO_USD)


def _dollars(tier: Tier) -> tuple[int, int, int]:
    cached = tier.input if tier.cached is None else tier.cached
    return _nano_usd(tier.input), _nano_usd(tier.output), _nano_usd(cached)


def _standard(below: Tier, above: Tier | None) -> PriceRow:
    threshold = _NO_TIER if above is None else _TIER_TOKENS
    return (threshold, *_dollars(below), *_dollars(above or below))


def _tier(row: TierRow, standard: PriceRow) -> PriceRow:
    """A service tier's price row: what it says, and standard's prices times its factors."""
    cached = row.factor if row.cached_factor is None else row.cached_factor
    factors = (row.factor, row.factor, cached)
    own = (row.input, row.output, row.cached)
    input_, output, cached_input = (
        round(price * factor) if usd is None else _nano_usd(usd)
        for price, factor, usd in zip(standard[1:4], factors, own, strict=True)
    )
    below = (input_, output, cached_input)
    if row.above_200k is not None:
        return (_TIER_TOKENS, *below, *_dollars(row.above_200k))
    if standard[0] == _NO_TIER:
        return (_NO_TIER, *below, *below)
    return (
        standard[0],
        *below,
        round(standard[4] * row.factor),
        round(standard[5] * row.factor),
        round(standard[6] * cached),
    )


def _tiers(tiers: TiersRow | None, standard: PriceRow, known: ModelCard) -> TierPrices:
    """Rows by service tier: as the table says, or as they are known, in proportion."""
    if tiers is not None:
        return tuple((name, _tier(row, standard)) for name, row in tiers.rows.items())
    return tuple((name, _as_before(row, known.price, standard)) for name, row in known.tier_prices)


def _as_before(row: PriceRow, of: PriceRow, to: PriceRow) -> PriceRow:
    _, *prices = (scaled(price, old, new) or 0 for price, old, new in zip(row, of, to, strict=True))
    a, b, c, d, e, f = prices
    return (to[0], a, b, c, d, e, f)


def _price_list(row: ModelRow, known: ModelCard) -> tuple[DatedPrices, ...]:
    """What a model costs, by the day it holds from; the first price is from the beginning."""
    first = _standard(row, row.above_200k)
    prices = [DatedPrices(since="", price=first, tier_prices=_tiers(row.tiers, first, known))]
    for later in row.later:
        price = _standard(later, later.above_200k)
        tiers = _tiers(later.tiers or row.tiers, price, known)
        prices.append(
            DatedPrices(since=later.since.isoformat(), price=price, tier_prices=tiers),
        )
    return tuple(prices)


def _card(row: ModelRow, known: ModelCard, day: str) -> ModelCard:
    thinking = row.thinking
    said = {name: getattr(row, name) for name in _AS_KNOWN}
    prices = _price_list(row, known)
    return replace(
        known,
        price=prices[0].price,
        tier_prices=prices[0].tier_prices,
        price_list=prices if row.later else (),
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
    ).on(day)


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
        as_of: day whose prices and ends hold; None is the catalog's.

    Raises:
        PolicyError: a name that stands for two models or none, or models that answer for each
            other in a circle.
    """
    dated = "" if table.dated is None else table.dated.isoformat()
    day = catalog.as_of if as_of is None else as_of.isoformat()
    before = catalog.on(day)
    known = {card.name: card for card in before.cards}
    cards = tuple(
        _card(row, known.get(name) or _unknown(name), day) for name, row in table.models.items()
    )
    changed = before.with_prices(cards)
    _check_names(table, changed)
    _check_successors({card.name: card.served_by for card in changed.cards})
    unknown = before.unknown
    if table.unknown is not None:
        unknown = _card(table.unknown, _unknown(""), day)
    return replace(changed, dated=dated or catalog.dated, unknown=unknown)


def _check_names(table: ModelTable, catalog: Catalog) -> None:
    """Refuse rows that lead to no model, and names that lead to two."""
    names = [card.name for card in catalog.cards]
    for name, row in table.models.items():
        if row.served_by is not None and row.served_by not in names:
            raise PolicyError(
                f"models.{name}.served_by: found {row.served_by!r}, expected the name of a model "
                f"of this table or of the one that ships{nearest(row.served_by, names)}"
            )
        for alias in row.aliases or ():
            others = [
                card.name
                for card in catalog.cards
                if card.name == alias or (card.name != name and alias in card.aliases)
            ]
            if others:
                raise PolicyError(
                    f"models.{name}.aliases: found {alias!r}, expected a name of this model "
                    f"alone; {others[0]!r} answers to it"
                )


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
    """The models that ship with the project, as of a day; None is the day of the table."""
    shipped = _shipped()
    return shipped if as_of is None else shipped.on(as_of.isoformat())


@cache
def _shipped() -> Catalog:
    text = files("balancer").joinpath("models.toml").read_text(encoding="utf-8")
    table = _table(text, "models.toml")
    return with_table(Catalog(dated="", cards=()), table, table.dated)


def load_prices(path: Path, catalog: Catalog | None = None, as_of: date | None = None) -> Catalog:
    """A user's table on top of a catalog (the one that ships, unless another is given).

    Args:
        path: of the table.
        catalog: what is known.
        as_of: see `with_table`.

    Raises:
        PolicyError: missing or malformed; names the key.
    """
    table = _table(read_text(path, PolicyError), str(path))
    try:
        return with_table(default_catalog() if catalog is None else catalog, table, as_of)
    except PolicyError as error:
        raise PolicyError(error.problem, where=str(path)) from None
