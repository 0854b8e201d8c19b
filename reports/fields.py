"""Fields of our JSON files, read with care: what is missing is NaN or "".

Whatever in such a file came from a scenario is text of strangers; nothing here interprets it.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.core.errors import InputError

__all__ = [
    "UNDEFINED",
    "Estimate",
    "as_a",
    "clean",
    "estimate",
    "estimates",
    "items",
    "number",
    "positive",
    "read_json",
    "text",
    "words",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric over the replications with its confidence interval; NaN where undefined."""

    estimate: float
    low: float
    high: float


UNDEFINED = Estimate(estimate=math.nan, low=math.nan, high=math.nan)


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: it is missing, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read it ({error.strerror}); a report needs the directory of a run",
            where=str(path),
        ) from None
    except ValueError as error:
        raise InputError(f"not JSON: {error}", where=str(path)) from None


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
    found = entry.get(key) or []
    if not isinstance(found, list):
        raise TypeError(f"{key} is not a list")
    return found


def words(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The list of texts under a key; empty where it is missing or null."""
    return tuple(clean(str(each)) for each in items(entry, key))


def text(entry: Mapping[str, Any], key: str) -> str:
    """The text under a key; "" where it is missing or null."""
    found = entry.get(key)
    return "" if found is None else clean(str(found))


def clean(sentence: str) -> str:
    """Text on one line without what neither HTML nor SVG can hold (control characters)."""
    kept = "".join(
        sign if sign.isprintable() or unicodedata.category(sign) in {"Zs", "Co"} else " "
        for sign in sentence
    )
    return " ".join(kept.split())


def number(value: object) -> float:
    """JSON has no NaN and no infinity: null stands for both."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def positive(value: object, name: str) -> float:
    """A finite number above 0; `name` is said in the error."""
    found = number(value)
    if not 0 < found < math.inf:
        raise ValueError(f"{name} is {value!r}, not above 0")
    return found


def estimates(found: Mapping[str, Any] | None) -> dict[str, Estimate]:
    """Estimates by name."""
    return {clean(str(name)): estimate(each) for name, each in (found or {}).items()}


def estimate(found: Mapping[str, Any] | None) -> Estimate:
    """An estimate with its interval; undefined where it is missing or null."""
    if found is None:
        return UNDEFINED
    return Estimate(
        estimate=number(found.get("estimate")),
        low=number(found.get("low")),
        high=number(found.get("high")),
    )
