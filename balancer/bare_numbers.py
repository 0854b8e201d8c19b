"""Durations that a file gives without a unit: read as seconds, and meant as such or not.

`latency_p95: 500` is eight minutes, and whoever wrote it thought of milliseconds. Such a number is
taken, since a plain number of seconds is allowed, and told with both readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator

from .documents import Document, Key
from .units import parse_seconds

__all__ = ["bare_durations", "is_bare", "told_bare"]

_BARE = re.compile(r"\s*\d[\d_,]*\.?\d*\s*")


def is_bare(found: object) -> bool:
    """Whether a duration is a number alone; nought needs no unit."""
    if isinstance(found, str):
        return _BARE.fullmatch(found) is not None and parse_seconds(found) != 0.0
    return isinstance(found, int | float) and not isinstance(found, bool) and found != 0


def told_bare(document: Document, key: Key, found: object) -> str:
    """A bare duration with both readings, and where it stands."""
    number = str(found).strip()
    seconds = parse_seconds(number)
    return (
        f"{document.where(key)}: {document.dotted(key)}: {number} has no unit and is read as "
        f"{seconds:g} s, where {number}ms would be {seconds / 1000.0:g} s; write {number}s or "
        f"{number}ms"
    )


def bare_durations(document: Document, model: type[BaseModel]) -> Iterator[str]:
    """Bare durations of a document that was read as a model, in the model's order."""
    for key, found in _walk(model, document.values, ()):
        yield told_bare(document, key, found)


def _walk(kind: Any, found: Any, key: Key) -> Iterator[tuple[Key, object]]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        if any(_reads_seconds(each) for each in arguments[1:]):
            if is_bare(found):
                yield key, found
            return
        yield from _walk(arguments[0], found, key)
    elif origin is Union or isinstance(kind, _UNION):
        for each in arguments:
            yield from _walk(each, found, key)
    elif origin is dict and isinstance(found, dict):
        for name, value in found.items():
            yield from _walk(arguments[0], name, (*key, name))
            yield from _walk(arguments[1], value, (*key, name))
    elif origin in (tuple, list) and isinstance(found, list):
        for place, value in enumerate(found):
            yield from _walk(arguments[0], value, (*key, place))
    elif isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(found, dict):
        for name, entry in kind.model_fields.items():
            given = entry.alias or name
            if given not in found:
                continue
            if any(_reads_seconds(each) for each in entry.metadata):
                if is_bare(found[given]):
                    yield (*key, given), found[given]
            else:
                yield from _walk(entry.annotation, found[given], (*key, given))


_UNION = type(int | str)


def _reads_seconds(validator: object) -> bool:
    return isinstance(validator, BeforeValidator) and validator.func is parse_seconds
