"""Verdicts as values: `verdict.json` read back, with what is missing as NaN or "".

`docs/reference/verdict.md` documents the file. Whatever in it came from a scenario is text
of strangers; nothing here interprets it.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.core.errors import InputError

__all__ = [
    "VERDICTS",
    "Estimate",
    "Expected",
    "Fault",
    "Transition",
    "Verdict",
    "read_verdict",
    "read_verdicts",
]

VERDICTS = "verdict.json"
"""Name of the file in a report's directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric over the replications with its confidence interval; NaN where undefined."""

    estimate: float
    low: float
    high: float


UNDEFINED = Estimate(estimate=math.nan, low=math.nan, high=math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One expectation and what came of it.

    Attributes:
        name: the expectation in words.
        verdict: pass, fail or inconclusive.
        value: what was measured, in `unit`.
        bound: what it is held against; NaN where the expectation has no number.
        better: on which side of the bound it holds: "lower", "higher", or "".
        unit: see `reports.amounts`.
        note: more to say, a sentence or "".
        replications_needed: how many would decide it; None where unknown or decided.
    """

    name: str
    verdict: str
    value: Estimate
    bound: float
    better: str
    unit: str
    note: str
    replications_needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault's name, what it does, and its window in seconds of the run."""

    name: str
    text: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of mode in replication 0."""

    at_s: float
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One scenario's verdict and all that a report says around it."""

    scenario: str
    title: str
    teaches: str
    source: str
    policy: str
    law: str
    verdict: str
    seed: int
    replications: int
    confidence: float
    duration_s: float
    warm_up_s: float
    expectations: tuple[Expected, ...]
    metrics: Mapping[str, Estimate]
    counterfactual: Mapping[str, Estimate]
    difference: Mapping[str, Estimate]
    transitions: tuple[Transition, ...]
    faults: tuple[Fault, ...]
    assumptions: tuple[str, ...]
    journals: Mapping[str, str]
    command: tuple[str, ...]
    versions: Mapping[str, str]


def read_verdicts(directory: Path) -> tuple[Verdict, ...]:
    """Read a report directory's verdicts.

    Raises:
        InputError: the file is missing, no JSON, or not a list of verdicts.
    """
    path = directory / VERDICTS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read it ({error.strerror}); a report needs the directory of a run",
            where=str(path),
        ) from None
    except ValueError as error:
        raise InputError(f"not JSON: {error}", where=str(path)) from None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError("expected a list with one object per scenario", where=str(path))
    return tuple(
        read_verdict(entry, f"{path}: entry {place}") for place, entry in enumerate(found, start=1)
    )


def read_verdict(entry: Mapping[str, Any], where: str) -> Verdict:
    """Read one object of `verdict.json`; `where` names it in an error.

    Raises:
        InputError: it is no verdict.
    """
    try:
        return Verdict(
            scenario=clean(str(entry["scenario"])),
            title=_text(entry, "title") or clean(str(entry["scenario"])),
            teaches=_text(entry, "teaches"),
            source=_text(entry, "source"),
            policy=_text(entry, "policy"),
            law=_text(entry, "law"),
            verdict=clean(str(entry["verdict"])),
            seed=int(entry["seed"]),
            replications=int(entry["replications"]),
            confidence=_number(entry.get("confidence", 0.95)),
            duration_s=_positive(entry["duration_s"], "duration_s"),
            warm_up_s=_number(entry.get("warm_up_s", 0.0)),
            expectations=tuple(_expected(each) for each in entry["expectations"]),
            metrics=_estimates(entry["metrics"]),
            counterfactual=_estimates(entry.get("counterfactual")),
            difference=_estimates(entry.get("difference")),
            transitions=tuple(
                Transition(
                    at_s=_number(each["at_s"]),
                    before=clean(str(each["from"])),
                    after=clean(str(each["to"])),
                    reason=_text(each, "reason"),
                )
                for each in _list(entry, "transitions")
            ),
            faults=tuple(
                Fault(
                    name=_text(each, "name"),
                    text=_text(each, "text"),
                    from_s=_number(each["from_s"]),
                    to_s=_number(each["to_s"]),
                )
                for each in _list(entry, "faults")
            ),
            assumptions=tuple(clean(str(each)) for each in _list(entry, "assumptions")),
            journals={str(arm): str(name) for arm, name in (entry.get("journals") or {}).items()},
            command=tuple(clean(str(word)) for word in _list(entry, "command")),
            versions={
                clean(str(name)): clean(str(version))
                for name, version in (entry.get("versions") or {}).items()
            },
        )
    except KeyError as error:
        raise InputError(f"key {error} is missing", where=where) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"not a verdict: {error}", where=where) from None


def _list(entry: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = entry.get(key) or []
    if not isinstance(found, list):
        raise TypeError(f"{key} is not a list")
    return found


def _text(entry: Mapping[str, Any], key: str) -> str:
    found = entry.get(key)
    return "" if found is None else clean(str(found))


def clean(text: str) -> str:
    """Text on one line without what neither HTML nor SVG can hold (control characters)."""
    kept = "".join(
        sign if sign.isprintable() or unicodedata.category(sign) in {"Zs", "Co"} else " "
        for sign in text
    )
    return " ".join(kept.split())


def _number(value: object) -> float:
    """JSON has no NaN and no infinity: null stands for both."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _positive(value: object, name: str) -> float:
    number = _number(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} is {value!r}, not above 0")
    return number


def _estimates(found: Mapping[str, Any] | None) -> dict[str, Estimate]:
    return {clean(str(name)): _estimate(each) for name, each in (found or {}).items()}


def _estimate(found: Mapping[str, Any] | None) -> Estimate:
    if found is None:
        return UNDEFINED
    return Estimate(
        estimate=_number(found.get("estimate")),
        low=_number(found.get("low")),
        high=_number(found.get("high")),
    )


def _expected(entry: Mapping[str, Any]) -> Expected:
    needed = entry.get("replications_needed")
    return Expected(
        name=clean(str(entry["name"])),
        verdict=clean(str(entry["verdict"])),
        value=_estimate(entry),
        bound=_number(entry.get("bound")),
        better=_text(entry, "better"),
        unit=_text(entry, "unit") or "number",
        note=_text(entry, "note"),
        replications_needed=None if needed is None else int(needed),
    )
