"""Pydantic's genai-prices, as it is installed: the data in its wheel, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from importlib import import_module
from typing import Any

from ...core.tiers import STANDARD
from .theirs import Period, Prices, Theirs, checked_usd

__all__ = ["read_genai_prices"]

_PROVIDER = "google"
_THRESHOLD = 200_000
_KEYS = {"input": "input_mtok", "output": "output_mtok", "cached": "cache_read_mtok"}
_MEDIA = {
    "audio": {
        "input": "input_audio_mtok",
        "output": "output_audio_mtok",
        "cached": "cache_audio_read_mtok",
    },
    "image": {"input": "input_image_mtok", "output": "output_image_mtok"},
    "video": {"input": "input_video_mtok"},
}
_CONTEXTS = {STANDARD: None, "batch": {"processing": "batch"}}
"""What it tells apart of service tiers."""


def read_genai_prices(today: date) -> Iterator[Theirs]:
    """Google's models in it, at the prices of a day and those that are to come."""
    snapshot = import_module("genai_prices.data_snapshot").get_snapshot()
    (provider,) = (each for each in snapshot.providers if each.id == _PROVIDER)
    for model in provider.models:
        days = [today, *(day for day in _days(model) if day > today)]
        periods = [_period(model, day, today) for day in days]
        if all(period is not None for period in periods):
            first, *rest = (period for period in periods if period is not None)
            kept = [first]
            for period in rest:
                if period.tiers != kept[-1].tiers:
                    kept.append(period)
            yield _model(model, tuple(kept), today)


def _days(model: Any) -> list[date]:
    """Days on which one of its prices changes, in order."""
    conditional = model.prices if isinstance(model.prices, list) else []
    constraints = [each.constraint for each in (*conditional, *(model.price_variants or ()))]
    starts = {getattr(constraint, "start_date", None) for constraint in constraints}
    return sorted(day for day in starts if day is not None)


def _at(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _period(model: Any, day: date, today: date) -> Period | None:
    """Prices of a day; None where they cannot be said in a table of ours."""
    tiers: dict[str, Prices] = {}
    for tier, context in _CONTEXTS.items():
        prices = _prices(model, model.get_prices(_at(day), context))
        if prices is None:
            return None
        if tier == STANDARD or prices != tiers[STANDARD]:
            tiers[tier] = prices
    return Period(since="" if day == today else day.isoformat(), tiers=tiers)


def _prices(model: Any, row: Any) -> Prices | None:
    below: dict[str, float] = {}
    above: dict[str, float] = {}
    for name, key in _KEYS.items():
        value = getattr(row, key, None)
        if value is None:
            continue
        tiers = getattr(value, "tiers", ())
        if any(tier.start != _THRESHOLD for tier in tiers):
            return None
        below[name] = _usd(model, key, getattr(value, "base", value))
        above[name] = _usd(model, key, tiers[-1].price) if tiers else below[name]
    if not {"input", "output"} <= set(below):
        return None
    return Prices(below=below, above_200k={} if above == below else above)


def _model(model: Any, periods: tuple[Period, ...], today: date) -> Theirs:
    prices = model.get_prices(_at(today))
    media = {}
    for modality, keys in _MEDIA.items():
        values = {name: getattr(prices, key, None) for name, key in keys.items()}
        own = {
            name: _usd(model, keys[name], value)
            for name, value in values.items()
            if value is not None and not hasattr(value, "tiers")
        }
        if own:
            media[modality] = own
    searches = getattr(prices, "web_searches_kcount", None)
    return Theirs(
        name=model.id,
        provider=_PROVIDER,
        periods=periods,
        media=media,
        search=None if searches is None else _usd(model, "web_searches_kcount", searches) / 1000,
    )


def _usd(model: Any, key: str, value: Any) -> float:
    return checked_usd(float(value), "genai-prices", f"{model.id}.{key}")
