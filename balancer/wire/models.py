"""Names of models, as paths and as the catalog has them."""

from __future__ import annotations

from balancer.core.catalog import Catalog, ModelCard

__all__ = ["bare_model", "find_card"]

_LONGEST = 256
_OWN = ("tunedModels/", "endpoints/")
"""Collections of models that a user made; such a model's name says nothing of what it is."""


def bare_model(name: str) -> str:
    """A model's own name, without the path before it or the method after it.

    `models/gemini-3.8-flash`, `publishers/google/models/gemini-3.8-flash` and
    `projects/p/locations/l/publishers/google/models/gemini-3.8-flash` are the same model. A
    tuned model keeps its collection: `tunedModels/mine`. What is longer than any name is cut: it
    is counted and told by its name, and a body may hold megabytes of one.
    """
    if "/" not in name and ":" not in name:
        return name[:_LONGEST]
    name = name[-_LONGEST:] if "/" in name[:-_LONGEST] else name[:_LONGEST]
    for own in _OWN:
        _, rest, tuned = name.rpartition(own)
        if rest:
            return own + tuned.partition(":")[0]
    return name.rpartition("/")[2].partition(":")[0]


def find_card(catalog: Catalog, name: str) -> ModelCard | None:
    """The card of a model, by its name or that of a dated version of it; None if unknown."""
    return catalog.find(bare_model(name))
