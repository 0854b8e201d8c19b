"""Frozen values as plain JSON-able ones, and back, exactly, by their annotations.

A dataclass becomes a dict of all its fields, a tuple a list, a set of texts a sorted one, a
`Mode` its label; numbers and
texts stay what they are, and JSON writes a float by its shortest exact form. Reading back is
strict: what an annotation does not allow is an error that names the place.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, fields, is_dataclass
from enum import IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import JournalError, nearest

__all__ = ["LARGEST_INT", "from_plain", "to_plain"]

LARGEST_INT = 2**63 - 1
"""Whole numbers beyond it cannot be counted, only forged."""

T = TypeVar("T")


def to_plain(value: object) -> Any:
    """Plain form of a value made of frozen dataclasses, tuples, sets, modes, numbers and texts."""
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: to_plain(getattr(value, entry.name)) for entry in fields(value)}
    return value


def from_plain(kind: type[T], plain: object, at: str) -> T:
    """The value of a dataclass that `to_plain` gave `plain` for.

    Fields that have a default may be missing, so that older journals stay readable.

    Args:
        kind: the dataclass.
        plain: a dict.
        at: the place, for errors: "policy".

    Raises:
        JournalError: a key is unknown or missing, or a value is of the wrong kind.
        PolicyError: the values do not make a policy.
    """
    made: T = _made(kind, plain, at)
    return made


def _made(kind: Any, plain: object, at: str) -> Any:
    if not isinstance(plain, dict):
        raise _unexpected(plain, "an object", at)
    kinds = _kinds(kind)
    for name in plain:
        if name not in kinds:
            raise JournalError(f"{at}: unknown key {name!r}{nearest(name, kinds)}")
    values = {}
    for name, (annotation, needed) in kinds.items():
        if name in plain:
            values[name] = _read(annotation, plain[name], f"{at}.{name}")
        elif needed:
            raise JournalError(f"{at}: key {name!r} is missing")
    return kind(**values)


@cache
def _kinds(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Annotation of each field, and whether the field must be given."""
    hints = get_type_hints(kind)
    return {
        entry.name: (
            hints[entry.name],
            entry.default is MISSING and entry.default_factory is MISSING,
        )
        for entry in fields(kind)
    }


def _read(annotation: Any, plain: object, at: str) -> Any:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        members = get_args(annotation)
        fitting = [member for member in members if _fits(member, plain)]
        if not fitting:
            raise _unexpected(plain, " or ".join(map(_called, members)), at)
        return _read(fitting[0], plain, at)
    if not _fits(annotation, plain):
        raise _unexpected(plain, _called(annotation), at)
    if origin is tuple:
        return _read_tuple(get_args(annotation), plain, at)
    if origin is frozenset:
        return frozenset(_read_tuple((*get_args(annotation), Ellipsis), plain, at))
    if is_dataclass(annotation):
        return _made(annotation, plain, at)
    if isinstance(annotation, type) and issubclass(annotation, IntEnum):
        return annotation[str(plain).upper()]
    return plain


def _read_tuple(kinds: tuple[Any, ...], plain: Any, at: str) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(plain)
    if len(plain) != len(kinds):
        raise JournalError(f"{at}: found {len(plain)} values, expected {len(kinds)}")
    return tuple(
        _read(kind, item, f"{at}[{index}]")
        for index, (kind, item) in enumerate(zip(kinds, plain, strict=True))
    )


def _fits(annotation: Any, plain: object) -> bool:
    """Whether a plain value may stand for an annotation, looking at its outside only."""
    if annotation is float:
        # A whole number given for a float stays one: the round trip is exact either way.
        return _fits(int, plain) or (isinstance(plain, float) and math.isfinite(plain))
    if annotation is int:
        return type(plain) is int and abs(plain) <= LARGEST_INT
    if get_origin(annotation) in (tuple, frozenset):
        return isinstance(plain, list)
    if is_dataclass(annotation):
        return isinstance(plain, dict)
    if issubclass(annotation, IntEnum):
        return isinstance(plain, str) and plain.upper() in annotation.__members__
    return isinstance(plain, annotation)


def _called(annotation: Any) -> str:
    if get_origin(annotation) in (tuple, frozenset):
        return "a list"
    if is_dataclass(annotation):
        return "an object"
    if isinstance(annotation, type) and issubclass(annotation, IntEnum):
        return "one of " + ", ".join(member.name.lower() for member in annotation)
    return {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
        NoneType: "null",
    }[annotation]


def _unexpected(found: object, expected: str, at: str) -> JournalError:
    text = repr(found)
    brief = text if len(text) <= 60 else text[:60] + "…"
    return JournalError(f"{at}: found {brief}, expected {expected}")
