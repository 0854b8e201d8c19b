"""Names of models, as paths and as the catalog has them."""

from __future__ import annotations

import re

from balancer.core.catalog import Catalog, ModelCard

__all__ = ["NO_MODEL", "bare_model", "find_card"]

NO_MODEL = "(other)"
"""What all calls and answers are counted under that name what can be no model."""

_LONGEST = 256
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_OWN = ("tunedModels/", "endpoints/")
"""Collections of models that a user made; such a model's name says nothing of what it is."""


def bare_model(name: str) -> str:
    """A model's own name, without the path before it or the method after it.

    `models/gemini-3.8-flash`, `publishers/google/models/gemini-3.8-flash` and
    `projects/p/locations/l/publishers/google/models/gemini-3.8-flash` are the same model. A
    tuned model keeps its collection: `tunedModels/mine`. What is longer than any name is cut: it
    is counted and told by its name, and a body may hold megabytes of one. What stands in a body
    may be any text, half a character among it, that no page and no protocol can show: where it is
    no name as those in paths are, it is `NO_MODEL`.
    """
    if "/" not in name and ":" not in name:
        return _checked(name[:_LONGEST])
    name = name[-_LONGEST:] if "/" in name[:-_LONGEST] else name[:_LONGEST]
    for own in _OWN:
        _, rest, tuned = name.rpartition(own)
        if rest:
            found = _checked(tuned.partition(":")[0])
            return found if found == NO_MODEL else own + found
    return _checked(name.rpartition("/")[2].partition(":")[0])


def _checked(name: str) -> str:
    return name if not name or _NAME.fullmatch(name) else NO_MODEL


def find_card(catalog: Catalog, name: str) -> ModelCard | None:
    """The card of a model, by its name or that of a dated version of it; None if unknown."""
    return catalog.find(bare_model(name))
