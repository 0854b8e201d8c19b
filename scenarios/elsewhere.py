"""A scenario that came over the network, whose author has no business with this machine's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from balancer.core.errors import ScenarioError
from balancer.documents import Key, parse

from .loader import PATHS, Loaded, load_document

__all__ = ["load_elsewhere"]


def load_elsewhere(text: str, where: str) -> Loaded:
    """A scenario from YAML text.

    Args:
        text: the YAML.
        where: what errors call it.

    Raises:
        ScenarioError: see `load`; or it names a file, such as a fault's in Python.
        PolicyError: see `load`.
    """
    document = parse(text, where, ScenarioError)
    for key in _files(document.values):
        raise ScenarioError(
            f"{'.'.join(map(str, key))} names a file, and none is read for those who ask over "
            "the network",
            where=document.where(key),
        )
    return load_document(document, Path())


def _files(values: Any) -> Iterator[Key]:
    """Keys under which a file is named."""
    faults = values.get("faults") if isinstance(values, dict) else None
    many = range(len(faults)) if isinstance(faults, list) else ()
    of_faults: list[Key] = [("faults", place, "process") for place in many]
    for key in (*PATHS, ("policy", "prices"), *of_faults):
        found = values
        for step in key:
            if isinstance(step, int):
                found = found[step]
            else:
                found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, str):
            yield key
