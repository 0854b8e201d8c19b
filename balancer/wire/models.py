"""Names of models, as paths and as the catalog has them."""

from __future__ import annotations

import re

from balancer.core.catalog import Catalog, ModelCard

__all__ = ["bare_model", "find_card"]

_VERSION = re.compile(r"-(\d{3}|latest|preview(-\d\d-\d{2,4})?|exp(-\d+)*)")


def bare_model(name: str) -> str:
    """A model's own name, without the path before it or the method after it.

    `models/gemini-2.5-flash`, `publishers/google/models/gemini-2.5-flash` and
    `projects/p/locations/l/publishers/google/models/gemini-2.5-flash` are the same model.
    """
    return name.rpartition("/")[2].partition(":")[0]


def find_card(catalog: Catalog, name: str) -> ModelCard | None:
    """The card of a model, by its name or that of a dated version of it; None if unknown.

    `gemini-2.5-flash-001` and `gemini-2.5-flash-preview-09-2025` are `gemini-2.5-flash` in
    price and settings; `gemini-2.5-flash-image` is another model.
    """
    name = bare_model(name)
    for card in catalog.cards:
        if card.name == name:
            return card
    for card in catalog.cards:
        if name.startswith(card.name) and _VERSION.fullmatch(name, len(card.name)):
            return card
    return None
