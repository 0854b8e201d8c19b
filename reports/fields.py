"""Fields of a record that nobody declares yet, read with care: what is missing is NaN or "".

Whatever in such a file came from a scenario is text of strangers; nothing here interprets it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from balancer.core.errors import InputError
from balancer.records.codec import clean

__all__ = ["as_a", "items", "number", "text"]


@contextmanager
def as_a(kind: str, where: str) -> Iterator[None]:
    """Read a document inside; whatever it lacks becomes one error that names it.

    Raises:
        InputError: a key is missing, or a value is not what it should be.
    """
    try:
        yield
    except KeyError as error:
        raise InputError(f"key {error} is missing", where=where) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"not a {kind}: {error}", where=where) from None


def items(entry: Mapping[str, Any], key: str) -> Sequence[Any]:
    """The list under a key; empty where it is missing or null."""
    values = entry.get(key) or []
    if not isinstance(values, list):
        raise TypeError(f"{key} is not a list")
    return values


def text(entry: Mapping[str, Any], key: str) -> str:
    """The text under a key; "" where it is missing or null."""
    value = entry.get(key)
    return "" if value is None else clean(str(value))


def number(value: object) -> float:
    """JSON has no NaN and no infinity: null stands for both."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)
