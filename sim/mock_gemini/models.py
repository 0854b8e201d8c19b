"""The models as the API describes them, in pages and one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .paths import METHODS
from .refusals import invalid_argument
from .wall_upstream import ModelEntry

__all__ = ["describe_model", "list_models"]

_PAGE, _LONGEST_PAGE = 50, 1000
_INPUT_LIMIT = 1_048_576


def describe_model(entry: ModelEntry) -> dict[str, Any]:
    """One model."""
    words = entry.name.replace("-", " ").title()
    return {
        "name": f"models/{entry.name}",
        "version": "001",
        "displayName": words,
        "description": f"{words}, as a mock",
        "inputTokenLimit": _INPUT_LIMIT,
        "outputTokenLimit": entry.card.output_limit_tokens,
        "supportedGenerationMethods": list(METHODS),
        "temperature": 1,
        "maxTemperature": 2,
        "topP": 0.95,
        "topK": 64,
        "thinking": entry.card.thinks,
    }


def list_models(
    models: Mapping[str, ModelEntry], page_size: str | None, page_token: str | None
) -> dict[str, Any]:
    """A page of the models, by name.

    Args:
        models: all of them.
        page_size: as in the query: at most 1000, 50 when left out or 0.
        page_token: as the page before said, or None for the first.

    Raises:
        Refusal: 400 for a size or a token that is none.
    """
    size = _PAGE
    if page_size is not None:
        if not page_size.isdecimal():
            raise invalid_argument("* ListModelsRequest.page_size: must be a number from 0.")
        size = min(int(page_size[:9]), _LONGEST_PAGE) or _PAGE
    names = list(models)
    first = 0
    if page_token:
        if page_token not in models:
            raise invalid_argument("* ListModelsRequest.page_token: the page token is invalid.")
        first = names.index(page_token)
    found: dict[str, Any] = {
        "models": [describe_model(models[name]) for name in names[first : first + size]]
    }
    if first + size < len(names):
        found["nextPageToken"] = names[first + size]
    return found
