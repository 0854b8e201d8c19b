"""LiteLLM's price map: one JSON object, dollars a token, by the names of its own routes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.tiers import STANDARD
from .theirs import Period, Prices, Theirs, checked_usd

__all__ = ["read_litellm"]

_LARGEST_BYTES = 64_000_000
_GEMINI = "gemini/"
_PROVIDERS = {"gemini": "google"}
_MILLION = 1e6
_TIERS = {STANDARD: "", "flex": "_flex", "batch": "_batches", "priority": "_priority"}
_KEYS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
}
_MEDIA = {
    "audio": {
        "input": "input_cost_per_audio_token",
        "output": "output_cost_per_audio_token",
        "cached": "cache_read_input_audio_token_cost",
    },
    "image": {"input": "input_cost_per_image_token", "output": "output_cost_per_image_token"},
    "video": {"input": "input_cost_per_video_token"},
}
_OTHER_TIER = re.compile(r"_above_(?!200k_)\d+k_tokens")


def read_litellm(path: Path) -> Iterator[Theirs]:
    """Models of the map that are priced by token, in the Gemini API's names first.

    Raises:
        InputError: no such file, too large, no JSON, or a price that is none.
    """
    entries = _entries(path)
    for name in sorted(entries, key=lambda each: not each.startswith(_GEMINI)):
        entry = entries[name]
        if not isinstance(entry, Mapping):
            raise InputError(f"{name}: found {entry!r:.40}, expected an object", where=str(path))
        priced = all(isinstance(entry.get(key), int | float) for key in list(_KEYS.values())[:2])
        # Prompt tiers at another length cannot be said in a table of ours.
        if priced and not any(_OTHER_TIER.search(key) and entry[key] for key in entry):
            yield _model(name, entry, str(path))


def _entries(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise InputError(
                f"is {size / 1e6:.0f} MB, expected a price map of at most "
                f"{_LARGEST_BYTES / 1e6:.0f} MB",
                where=str(path),
            )
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON: {error}", where=str(path)) from None
    if not isinstance(values, dict):
        raise InputError("found no object, expected LiteLLM's map of models", where=str(path))
    return {name: entry for name, entry in values.items() if name != "sample_spec"}


def _model(name: str, entry: Mapping[str, Any], where: str) -> Theirs:
    def usd(key: str, per: float = _MILLION) -> float | None:
        value = entry.get(key)
        return None if value is None else checked_usd(value, where, f"{name}.{key}", per=per)

    def prices(suffix: str) -> dict[str, float]:
        return {
            each: value for each, key in _KEYS.items() if (value := usd(key + suffix)) is not None
        }

    def tier(suffix: str, standard: Prices | None) -> Prices | None:
        below, above = prices(suffix), prices(f"_above_200k_tokens{suffix}")
        if standard is None:
            return Prices(below=below, above_200k=_whole(above, below))
        if not below:
            return None
        below = {**standard.below, **below}
        # Of longer prompts it may say nothing, in a tier: they cost as much more as in standard.
        longer = {
            each: round(usd * below[each] / standard.below[each], 9)
            for each, usd in standard.above_200k.items()
            if standard.below[each]
        }
        return Prices(below=below, above_200k=_whole({**longer, **above}, below))

    standard = tier("", None)
    assert standard is not None
    tiers = {
        each: row
        for each, suffix in _TIERS.items()
        if suffix and (row := tier(suffix, standard)) is not None
    }
    media = {
        modality: {each: value for each, key in keys.items() if (value := usd(key)) is not None}
        for modality, keys in _MEDIA.items()
    }
    search = entry.get("search_context_cost_per_query")
    provider = str(entry.get("litellm_provider", ""))
    return Theirs(
        name=name.removeprefix(_GEMINI),
        provider=_PROVIDERS.get(provider, provider),
        periods=(Period(since="", tiers={STANDARD: standard, **tiers}),),
        media={modality: values for modality, values in media.items() if values},
        search=_search(search, where, name),
        maps=usd("google_maps_grounding_cost_per_query", 1.0),
    )


def _whole(above: dict[str, float], otherwise: Mapping[str, float]) -> dict[str, float]:
    return {**otherwise, **above} if above else {}


def _search(fees: Any, where: str, name: str) -> float | None:
    key = "search_context_size_medium"
    if not isinstance(fees, Mapping) or fees.get(key) is None:
        return None
    return checked_usd(fees[key], where, f"{name}.search_context_cost_per_query.{key}")
