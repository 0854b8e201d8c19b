"""Usage tiers of the Gemini API: quotas and capacity of each model, a project's spend limit and
its share of priority.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import Field, ValidationError

from balancer.core.errors import ScenarioError
from balancer.documents import parse
from balancer.schema_errors import explain
from balancer.units import Share

from .frozen import Frozen
from .service_tiers import DEFAULT_PRIORITY_SHARE
from .upstreams import GeminiUpstream, SpendLimit, Tier

__all__ = ["priority_share", "spend_limit", "tier_dated", "tier_models"]

_NAME = "tiers.yaml"


class _Entry(Frozen):
    spend_limit: SpendLimit | None
    priority_share: Share
    models: dict[str, dict[str, Any]]


class _File(Frozen):
    dated: date
    slowdown: float = Field(ge=0)
    tiers: dict[Tier, _Entry]


@cache
def _tiers() -> _File:
    text = files("scenarios").joinpath(_NAME).read_text(encoding="utf-8")
    document = parse(text, _NAME, ScenarioError)
    tiers = {k if k == "free" else int(k): v for k, v in document.values["tiers"].items()}
    values = {**document.values, "tiers": tiers}
    try:
        return _File.model_validate(values)
    except ValidationError as error:
        raise explain(error, _File, document, ScenarioError) from None


def tier_dated() -> str:
    """When the limits were looked up."""
    return _tiers().dated.isoformat()


@cache
def tier_models(tier: Tier) -> Mapping[str, Mapping[str, Any]]:
    """What a tier says of each model, as keys of a profile: quota, capacity, slowdown.

    Raises:
        ScenarioError: the file is damaged.
    """
    found = _tiers()
    return {
        name: {"slowdown": found.slowdown, **settings}
        for name, settings in found.tiers[tier].models.items()
    }


def spend_limit(upstream: GeminiUpstream) -> SpendLimit | None:
    """The spend limit of a project: its own, or else its tier's; None: there is none."""
    if "spend_limit" in upstream.model_fields_set or upstream.tier is None:
        return upstream.spend_limit
    return _tiers().tiers[upstream.tier].spend_limit


def priority_share(upstream: GeminiUpstream) -> float:
    """The share of a model's quota that is served as priority: the scenario's, or the tier's."""
    share = upstream.service_tiers.priority.share
    if share is not None:
        return share
    if upstream.tier is None:
        return DEFAULT_PRIORITY_SHARE
    return _tiers().tiers[upstream.tier].priority_share
