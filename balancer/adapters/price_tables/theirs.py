"""Prices as another table has them, as rows of a model table of ours, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from ...core.catalog import Catalog, DatedPrices, ModelCard
from ...core.errors import InputError
from ...core.pricing import NANO_USD, PriceRow
from ...core.surcharges import Surcharges
from ...core.tiers import SERVICE_TIERS, STANDARD
from ...model_table import ModelTable
from ...prices import with_table

__all__ = ["Imported", "Period", "Prices", "Theirs", "checked_usd", "hold_against"]

_TIERS = tuple(tier for tier in SERVICE_TIERS if tier != STANDARD)
_MOST_USD = 100_000.0
Values = Mapping[str, float]


def checked_usd(value: object, where: str, key: str, *, per: float = 1.0) -> float:
    """Dollars from a value of a file, times `per`.

    Raises:
        InputError: no number, not finite, negative, or more than any model costs.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        usd = round(value * per, 9)
        if 0 <= usd <= _MOST_USD:
            return usd
    raise InputError(f"{key}: found {value!r}, expected dollars, 0 or more", where=where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Dollars per million tokens of one tier.

    Attributes:
        below: "input", "output" and, where there is a price of it, "cached".
        above_200k: the same of longer prompts; empty: the same price.
    """

    below: Values
    above_200k: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What a model costs from a day on ("": now), by service tier."""

    since: str
    tiers: Mapping[str, Prices]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """A model as another table has it.

    Attributes:
        name, provider: of the model.
        periods: the one of now, and those that are to come.
        media: dollars per million tokens by modality: "input", "output", "cached".
        search, maps: dollars for one grounding; None: it says nothing.
    """

    name: str
    provider: str
    periods: tuple[Period, ...]
    media: Mapping[str, Values] = field(default_factory=dict)
    search: float | None = None
    maps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Another table held against ours.

    Attributes:
        lines: for a person: where the two differ, a model a line or more.
        found: models of the other table that were looked at.
        same: models in which they agree.
        table: rows of those in which they do not, in the form of a model table.
        missing: models of ours that it does not have.
    """

    lines: tuple[str, ...]
    found: int
    same: int
    table: dict[str, Any]
    missing: tuple[str, ...]


def hold_against(catalog: Catalog, table: Iterable[Theirs], pattern: str) -> Imported:
    """Compare models whose names match a pattern, "gemini-*", with ours as of the catalog's day."""
    lines: list[str] = []
    rows: dict[str, Any] = {}
    names: set[str] = set()
    same = 0
    for theirs in table:
        if not fnmatchcase(theirs.name, pattern) or theirs.name in names:
            continue
        names.add(theirs.name)
        own = catalog.own(theirs.name)
        if own is not None and own.ended(catalog.as_of):
            continue
        # By an alias, or as a dated version.
        alias = None if own else catalog.known(theirs.name)
        row, card = _row(theirs, own or alias, catalog)
        if own is None and alias is None:
            prices = card.price
            lines.append(f"{theirs.name}: new, {_usd(prices[1])} in and {_usd(prices[2])} out")
            rows[theirs.name] = row
            continue
        name = f"{theirs.name} (our {alias.name})" if alias else theirs.name
        differing = list(_differences(own or alias or card, card, catalog.as_of))
        lines += [f"{name}: {each}" for each in differing]
        if not differing:
            same += 1
        elif alias is None:
            rows[theirs.name] = row
    ours = [card.name for card in catalog.cards if fnmatchcase(card.name, pattern)]
    return Imported(
        lines=tuple(lines),
        found=len(names),
        same=same,
        table={"models": rows},
        missing=tuple(name for name in ours if name not in names),
    )


def _row(
    theirs: Theirs, ours: ModelCard | None, catalog: Catalog
) -> tuple[dict[str, Any], ModelCard]:
    """A row of a table, and the card that a reader of it gets."""
    base = ours.name if ours else theirs.name
    now, *later = theirs.periods
    row: dict[str, Any] = _priced(now.tiers[STANDARD])
    if ours is None and theirs.provider:
        row["provider"] = theirs.provider
    # Tiers that it says nothing of stay as we know them, in proportion.
    plain = _read(base, row, catalog)
    row |= _tiers(now, plain)
    if later:
        row["later"] = [
            {"from": date.fromisoformat(period.since), **_priced(period.tiers[STANDARD])}
            | _tiers(period, _read(base, _priced(period.tiers[STANDARD]), catalog))
            for period in later
        ]
    elif ours is not None:
        # So does what is to come, of which it knows nothing.
        kept = [_kept(prices) for prices in ours.price_list if prices.since > catalog.as_of]
        row |= {"later": kept} if kept else {}
    surcharges = _surcharges(theirs, None if ours is None else ours.surcharges)
    if surcharges:
        row["surcharges"] = surcharges
    return row, _read(base, row, catalog)


def _kept(prices: DatedPrices) -> dict[str, Any]:
    tiers = {tier: _dollars(row) for tier, row in prices.tier_prices}
    day = date.fromisoformat(prices.since)
    return {"from": day, **_dollars(prices.price)} | ({"tiers": tiers} if tiers else {})


def _read(name: str, row: dict[str, Any], catalog: Catalog) -> ModelCard:
    read = with_table(catalog, ModelTable.model_validate({"models": {name: row}})).own(name)
    assert read is not None
    return read


def _priced(prices: Prices) -> dict[str, Any]:
    above = {"above_200k": dict(prices.above_200k)} if prices.above_200k else {}
    return {**prices.below, **above}


def _tiers(period: Period, plain: ModelCard) -> dict[str, Any]:
    tiers = {}
    for tier in _TIERS:
        if tier in period.tiers:
            own = _priced(period.tiers[tier])
            # A price of cached input that is not said is that of other input, in this tier too.
            tiers[tier] = {**own, "cached": own.get("cached", own["input"])}
        elif tier in dict(plain.tier_prices):
            tiers[tier] = _dollars(plain.price_of(tier))
    return {"tiers": tiers} if tiers else {}


def _dollars(row: PriceRow) -> dict[str, Any]:
    usd = [nano / NANO_USD for nano in row[1:]]
    names = ("input", "output", "cached")
    dollars: dict[str, Any] = dict(zip(names, usd[:3], strict=True))
    if usd[3:] != usd[:3]:
        dollars["above_200k"] = dict(zip(names, usd[3:], strict=True))
    return dollars


def _surcharges(theirs: Theirs, ours: Surcharges | None) -> dict[str, Any]:
    """Theirs over ours: a row of a table says all of them."""
    surcharges: dict[str, Any] = {}
    for price in ours.media if ours else ():
        values = {"input": price.input, "output": price.output, "cached": price.cached}
        surcharges[price.modality] = {
            name: nano / NANO_USD for name, nano in values.items() if nano is not None
        }
    text = theirs.periods[0].tiers[STANDARD].below
    for modality, prices in theirs.media.items():
        # What costs as text does needs no price of its own.
        own = {name: usd for name, usd in prices.items() if usd != text.get(name)}
        if own:
            surcharges[modality] = surcharges.get(modality, {}) | own
    for name, usd, fee in (
        ("search", theirs.search, None if ours is None else ours.search),
        ("maps", theirs.maps, None if ours is None else ours.maps),
    ):
        if fee is not None:
            per = "query" if fee.per_query else "prompt"
            surcharges[name] = {"usd": fee.nano_usd / NANO_USD if usd is None else usd, "per": per}
        elif usd is not None:
            surcharges[name] = {"usd": usd, "per": "query"}
    return surcharges


def _differences(ours: ModelCard, theirs: ModelCard, day: str) -> Iterator[str]:
    """Where two cards differ in price, a sentence each: ours, theirs."""
    own, other = _figures(ours, day), _figures(theirs, day)
    for name in dict.fromkeys((*own, *other)):
        if own.get(name) != other.get(name):
            yield f"{name}: ours {_usd(own.get(name))}, theirs {_usd(other.get(name))}"


def _figures(card: ModelCard, day: str) -> dict[str, int]:
    """Every price of a card in nano-dollars, by what it is of."""
    now = card.on(day)
    figures = dict(_of_rows("", now.price, now.tier_prices))
    for prices in card.price_list:
        if prices.since > day:
            figures |= _of_rows(f"from {prices.since} ", prices.price, ())
    for price in card.surcharges.media:
        values = {"input": price.input, "output": price.output, "cached": price.cached}
        text = dict(zip(("input", "output", "cached"), now.price[1:4], strict=True))
        figures |= {
            f"{price.modality} {name}": nano
            for name, nano in values.items()
            if nano is not None and nano != text[name]
        }
    for name, fee in (("search", card.surcharges.search), ("maps", card.surcharges.maps)):
        if fee is not None:
            figures[name] = fee.nano_usd
    return figures


def _of_rows(start: str, price: PriceRow, tiers: Iterable[tuple[str, PriceRow]]) -> dict[str, int]:
    figures: dict[str, int] = {}
    for tier, row in (("", price), *tiers):
        of = f"{start}{tier} " if tier else start
        for name, below, above in zip(
            ("input", "output", "cached"), row[1:4], row[4:], strict=True
        ):
            figures[of + name] = below
            if above != below:
                figures[f"{of}{name} above 200k"] = above
    return figures


def _usd(nano: int | None) -> str:
    return "none" if nano is None else f"${nano / NANO_USD:g}"
