"""Words for models in a scenario: by what its clients ask for, as in a policy.

`asked` is `clients.model`, `one cheaper` and so on are steps down its family, so that a scenario
is of whatever model the defaults name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from balancer.core.catalog import Catalog
from balancer.core.errors import ScenarioError
from balancer.core.routes import resolve
from balancer.core.strategy import ROUTES, Strategy
from balancer.documents import Document, Key

__all__ = ["with_names"]

Place = TypeVar("Place")


def with_names(document: Document, otherwise: str, catalog: Catalog) -> Document:
    """A scenario's document with names of models where it has words.

    Args:
        document: of a scenario, not checked yet.
        otherwise: the model that clients ask for who say nothing.
        catalog: the models there are.

    Raises:
        ScenarioError: a model is named twice, or a word leads nowhere.
    """
    clients = document.values.get("clients")
    asked = clients.get("model", otherwise) if isinstance(clients, dict) else otherwise
    if not isinstance(asked, str) or asked in ROUTES:
        asked = otherwise

    def named(word: Any, key: Key) -> Any:
        steps = ROUTES.get(word) if isinstance(word, str) else None
        if steps is None:
            return word
        (name, *_) = resolve(Strategy(model=word), asked, catalog)
        if steps and name == asked:
            raise ScenarioError(
                f"{document.dotted(key)}: found {word!r}, but no model is cheaper than {asked}",
                where=document.where(key),
            )
        return name

    for key in (("upstream", "models"), ("workload", "models")):
        document = _with_keys(document, key, named)
    values = dict(document.values)
    if isinstance(clients, dict) and "model" in clients:
        values["clients"] = {**clients, "model": named(clients["model"], ("clients", "model"))}
    faults = values.get("faults")
    if isinstance(faults, list):
        values["faults"] = [
            {**fault, "model": named(fault["model"], ("faults", place, "model"))}
            if isinstance(fault, dict) and "model" in fault
            else fault
            for place, fault in enumerate(faults)
        ]
    return replace(document, values=values)


def _with_keys(document: Document, key: Key, named: Callable[[Any, Key], Any]) -> Document:
    """The document with the keys of one of its mappings named, and their lines with them."""
    outer = document.values.get(key[0])
    inner = outer.get(key[1]) if isinstance(outer, dict) else None
    if not isinstance(outer, dict) or not isinstance(inner, dict):
        return document
    names = {word: named(word, (*key, word)) for word in inner}
    for word, name in names.items():
        if word != name and name in inner:
            raise ScenarioError(
                f"{document.dotted((*key, word))}: found {word!r} beside {name}, which is the "
                "same model; expected one of them",
                where=document.where((*key, word)),
            )
    if len(set(names.values())) < len(names):
        raise ScenarioError(
            f"{document.dotted(key)}: found {', '.join(map(str, names))}, two of which are the "
            "same model; expected each once",
            where=document.where(key),
        )
    renamed = {names[word]: value for word, value in inner.items()}
    return replace(
        document,
        values={**document.values, key[0]: {**outer, key[1]: renamed}},
        lines=_moved(document.lines, key, names),
        origins=_moved(document.origins, key, names),
    )


def _moved(places: Mapping[Key, Place], key: Key, names: Mapping[Any, Any]) -> dict[Key, Place]:
    size = len(key)
    moved: dict[Key, Place] = {}
    for old, found in places.items():
        inside = old[:size] == key and len(old) > size
        new: Key = (*key, names.get(old[size], old[size]), *old[size + 1 :]) if inside else old
        moved[new] = found
    return moved
