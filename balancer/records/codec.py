"""Records as the values JSON can hold, and back, by the annotations of their fields.

A dataclass becomes an object with its fields in their order, a tuple a list, NaN and infinity
null. Reading is generous where a file may be older or made by others, and strict where it would
have to guess: keys we do not know are passed over, a field with a default may be missing or null,
a number that is null is NaN, and anything else is one error that names the place.

Whatever in such a file came from a scenario is text of strangers: it is put on one line, without
what neither HTML nor SVG can hold, and nothing interprets it.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..core.errors import InputError

__all__ = ["INLINE", "NULL", "Positive", "clean", "from_json", "key", "to_json"]

T = TypeVar("T")

Positive = Annotated[float, "a number above 0"]
"""A finite number above 0."""

INLINE: Final = {"inline": True}
"""Metadata of a field whose own fields stand beside it in the same object."""
NULL: Final = {"null": True}
"""Metadata of a field that is written as null where it is its default, which says nothing."""


def key(name: str, default: Any = MISSING) -> Any:
    """A field that the file has under another name, such as one which Python does not allow."""
    return field(default=default, metadata={"key": name})


def to_json(value: object) -> Any:
    """The values that JSON can hold of a record made of dataclasses, mappings and tuples."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        plain: dict[str, Any] = {}
        for entry in _entries(type(value)):
            part = to_json(getattr(value, entry.name))
            if entry.null and part == to_json(entry.default):
                part = None
            plain.update(part if entry.inline else {entry.key: part})
        return plain
    return value


def from_json(kind: type[T], found: object, noun: str, where: str) -> T:
    """The record that `to_json` gave `found` for.

    Args:
        kind: the dataclass.
        found: what a JSON file holds.
        noun: what it is to be, for errors: "verdict".
        where: the file, for errors.

    Raises:
        InputError: a key is missing, or a value is not what it should be.
    """
    try:
        made: T = _read(kind, found, "")
    except _MissingKeyError as error:
        raise InputError(f"key {error.args[0]!r} is missing", where=where) from None
    except (ValueError, OverflowError) as error:
        raise InputError(f"not a {noun}: {error}", where=where) from None
    return made


def clean(sentence: str) -> str:
    """Text on one line without what neither HTML nor SVG can hold (control characters)."""
    kept = "".join(
        sign if sign.isprintable() or unicodedata.category(sign) in {"Zs", "Co"} else " "
        for sign in sentence
    )
    return " ".join(kept.split())


class _MissingKeyError(Exception):
    """A field without a default is not there; its argument is the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A field of a record: its name, its key in the file, and what may stand there."""

    name: str
    key: str
    kind: Any
    inline: bool
    null: bool
    default: Any
    needed: bool


@cache
def _entries(kind: type[Any]) -> tuple[_Entry, ...]:
    hints = get_type_hints(kind, include_extras=True)

    def entry(of: Field[Any]) -> _Entry:
        return _Entry(
            name=of.name,
            key=of.metadata.get("key", of.name),
            kind=hints[of.name],
            inline=of.metadata.get("inline", False),
            null=of.metadata.get("null", False),
            default=of.default,
            needed=of.default is MISSING and of.default_factory is MISSING,
        )

    return tuple(map(entry, fields(kind)))


def _read(kind: Any, found: object, at: str) -> Any:
    if is_dataclass(kind):
        return _record(kind, found, at)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if found is None else _read(inside[0], found, at)
    if origin is tuple and isinstance(found, list):
        return tuple(_read(inside[0], item, f"{at}[{place}]") for place, item in enumerate(found))
    if origin is Mapping and isinstance(found, dict):
        return {clean(name): _read(inside[1], item, _at(at, name)) for name, item in found.items()}
    if kind is str and isinstance(found, str):
        return clean(found)
    if kind is bool and isinstance(found, bool):
        return found
    if kind is int and type(found) is int:
        return found
    if kind is float and found is None:
        return math.nan
    if kind in (float, Positive) and isinstance(found, int | float) and type(found) is not bool:
        value = float(found)
        if kind is float or 0 < value < math.inf:
            return value
    if origin is Literal and found in inside:
        return found
    raise _unexpected(found, _called(kind), at)


def _record(kind: Any, found: object, at: str) -> Any:
    entries = _entries(kind)
    if found is None and not any(entry.needed for entry in entries):
        return kind()
    if not isinstance(found, dict):
        raise _unexpected(found, "an object", at)
    values = {}
    for entry in entries:
        if entry.inline:
            values[entry.name] = _read(entry.kind, found, at)
        elif entry.needed and entry.key not in found:
            raise _MissingKeyError(_at(at, entry.key))
        elif entry.needed or found.get(entry.key) is not None:
            values[entry.name] = _read(entry.kind, found[entry.key], _at(at, entry.key))
    return kind(**values)


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _called(kind: Any) -> str:
    """What may stand somewhere, in words."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return str(inside[1])
    if origin is Literal:
        return " or ".join(map(repr, inside))
    return {
        tuple: "a list",
        Mapping: "an object",
        str: "text",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
    }[origin or kind]


def _unexpected(found: object, expected: str, at: str) -> ValueError:
    text = "null" if found is None else clean(repr(found))
    brief = text if len(text) <= 60 else text[:60] + "…"
    return ValueError(f"{at}: found {brief}, expected {expected}".removeprefix(": "))
