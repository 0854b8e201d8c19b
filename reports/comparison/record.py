"""Comparisons of laws as values: `comparison.json` read back.

`docs/reference/comparison.md` documents the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.core.errors import InputError
from balancer.records.interval import UNDEFINED, Interval

from ..fields import (
    as_a,
    clean,
    estimate,
    estimates,
    items,
    number,
    positive,
    read_json,
    text,
    words,
)

__all__ = [
    "COMPARISON",
    "VERSION",
    "ComparedScenario",
    "Comparison",
    "LawResult",
    "LawSummary",
    "Lived",
    "Met",
    "Near",
    "Place",
    "Reign",
    "SweptLaw",
    "comparison_of",
    "read_comparison",
]

COMPARISON = "comparison.json"
"""Name of the file in a comparison's directory."""

VERSION = 2
"""Of the file: what is read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """An expectation, whether it counts for being eligible, whether it is met, and its value."""

    name: str
    counts: bool
    met: bool
    value: Interval = UNDEFINED
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Who is the best, "" for nobody, and who level with it, at a worth of an answer."""

    answer_usd: float
    best: str
    level: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """A law is the best from one worth of an answer to another."""

    law: str
    from_usd: float
    to_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptLaw:
    """In how many scenarios a law is best, or level with the best, at a worth of an answer."""

    answer_usd: float
    best: int
    within_best: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """In how many scenarios a law is eligible with a regret of at most so much."""

    regret: float
    scenarios: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """Expectations about the way there, of one kind: how many a law meets, of how many."""

    about: str
    met: int
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LawResult:
    """A law in a scenario.

    Attributes:
        score: utility for a thousand offered requests, in dollars.
        regret: how far below the best, as a share of what perfect answers would be worth.
        within_best: the best, or not to be told from it.
        dominated_by: laws that are as good or better in everything.
        difference: this law minus the reference.
    """

    law: str
    eligible: bool
    best: bool
    within_best: bool
    score: Interval
    regret: Interval
    dominated_by: tuple[str, ...]
    expectations: tuple[Met, ...]
    metrics: Mapping[str, Interval]
    difference: Mapping[str, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedScenario:
    """One scenario under all laws.

    Attributes:
        answer_usd: what a perfect answer in time is worth.
        waiting: share of that lost with every second of waiting.
        within_s: when an answer is too late.
        best: "" where no law is eligible.
        sweep: who is where, at every worth looked at.
        reigns: who is best from which worth on.
        reigns_of_all: the same of all laws, whatever they miss.
    """

    scenario: str
    title: str
    teaches: str
    policy: str
    seed: int
    replications: int
    answer_usd: float
    waiting: float
    within_s: float
    left_out: tuple[str, ...]
    best: str
    sweep: tuple[Place, ...]
    reigns: tuple[Reign, ...]
    reigns_of_all: tuple[Reign, ...]
    laws: tuple[LawResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LawSummary:
    """A law over all scenarios: in how many it is what, and its largest regret, and where.

    Availability is the mean over the scenarios; `ahead_of_reference` is the median of how much
    more its utility is than the reference's, as a share of what perfect answers would be worth.
    What operators live through: `lived_through`, and means over the scenarios.
    """

    law: str
    scenarios: int
    eligible: int
    best: int
    within_best: int
    dominated: int
    median_regret: float
    largest_regret: Interval
    largest_in: str
    availability: float
    least_availability: float
    least_in: str
    ahead_of_reference: float
    not_eligible: tuple[str, ...]
    sweep: tuple[SweptLaw, ...]
    near_best: tuple[Near, ...]
    lived_through: tuple[Lived, ...]
    transitions_per_hour: float
    degraded_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison and all that a report says around it.

    Attributes:
        laws: in the order in which they were asked for.
        reference: the law that differences are taken to.
        rivals: with what each law is run, a sentence.
        missing: scenarios that an interruption left out.
    """

    laws: tuple[str, ...]
    reference: str
    confidence: float
    rivals: Mapping[str, str]
    scenarios: tuple[ComparedScenario, ...]
    missing: tuple[str, ...]
    summary: tuple[LawSummary, ...]
    command: tuple[str, ...]
    versions: Mapping[str, str]


def read_comparison(directory: Path) -> Comparison:
    """Read a comparison's directory.

    Raises:
        InputError: the file is missing, no JSON, no comparison, or one of another version.
    """
    path = directory / COMPARISON
    found = read_json(path)
    if isinstance(found, Mapping) and found.get("version", VERSION) != VERSION:
        raise InputError(
            f"found version {found['version']!r} of a comparison, expected {VERSION}"
            + (_SINCE_1 if found["version"] == 1 else ""),
            where=str(path),
        )
    with as_a("comparison", str(path)):
        return comparison_of(found)


_SINCE_1 = (
    ": version 1 was scored by dollars per quality-weighted answer, and what is needed for the "
    "utility is not in it; run `open-balancer compare` again"
)


def comparison_of(entry: Mapping[str, Any]) -> Comparison:
    """The object of `comparison.json` as a value; what it lacks raises as `dict` does."""
    return Comparison(
        laws=tuple(clean(str(law)) for law in entry["laws"]),
        reference=text(entry, "reference"),
        confidence=number(entry.get("confidence", 0.95)),
        rivals=_texts(entry, "rivals"),
        scenarios=tuple(_scenario(each) for each in entry["scenarios"]),
        missing=words(entry, "missing"),
        summary=tuple(_summary(each) for each in items(entry, "summary")),
        command=words(entry, "command"),
        versions=_texts(entry, "versions"),
    )


def _texts(entry: Mapping[str, Any], key: str) -> dict[str, str]:
    return {clean(str(name)): clean(str(each)) for name, each in (entry.get(key) or {}).items()}


def _scenario(entry: Mapping[str, Any]) -> ComparedScenario:
    return ComparedScenario(
        scenario=clean(str(entry["scenario"])),
        title=text(entry, "title"),
        teaches=text(entry, "teaches"),
        policy=text(entry, "policy"),
        seed=int(entry["seed"]),
        replications=int(entry["replications"]),
        answer_usd=positive(entry["worth"]["answer_usd"], "worth.answer_usd"),
        waiting=number(entry["worth"]["waiting"]),
        within_s=number(entry["worth"]["within_s"]),
        left_out=words(entry, "left_out"),
        best=text(entry, "best"),
        sweep=tuple(
            Place(
                answer_usd=positive(each["answer_usd"], "answer_usd"),
                best=text(each, "best"),
                level=words(each, "level"),
            )
            for each in items(entry, "sweep")
        ),
        reigns=_reigns(entry, "reigns"),
        reigns_of_all=_reigns(entry, "reigns_of_all"),
        laws=tuple(_law(each) for each in entry["laws"]),
    )


def _reigns(entry: Mapping[str, Any], key: str) -> tuple[Reign, ...]:
    return tuple(
        Reign(
            law=clean(str(each["law"])),
            from_usd=positive(each["from_usd"], "from_usd"),
            to_usd=positive(each["to_usd"], "to_usd"),
        )
        for each in items(entry, key)
    )


def _law(entry: Mapping[str, Any]) -> LawResult:
    return LawResult(
        law=clean(str(entry["law"])),
        eligible=bool(entry["eligible"]),
        best=bool(entry.get("best")),
        within_best=bool(entry.get("within_best")),
        score=estimate(entry.get("score")),
        regret=estimate(entry.get("regret")),
        dominated_by=words(entry, "dominated_by"),
        expectations=tuple(
            Met(
                name=clean(str(each["name"])),
                counts=bool(each.get("counts", True)),
                met=bool(each.get("met")),
                value=estimate(each),
                unit=text(each, "unit"),
            )
            for each in items(entry, "expectations")
        ),
        metrics=estimates(entry.get("metrics")),
        difference=estimates(entry.get("difference")),
    )


def _summary(entry: Mapping[str, Any]) -> LawSummary:
    largest, least = entry.get("largest_regret"), entry.get("least_availability")
    lived = entry.get("lived_through") or {}
    lived = entry.get("lived_through") or {}
    return LawSummary(
        law=clean(str(entry["law"])),
        scenarios=int(entry["scenarios"]),
        eligible=int(entry["eligible"]),
        best=int(entry["best"]),
        within_best=int(entry["within_best"]),
        dominated=int(entry["dominated"]),
        median_regret=number(entry.get("median_regret")),
        largest_regret=estimate(largest),
        largest_in="" if largest is None else text(largest, "scenario"),
        availability=number(entry.get("availability")),
        least_availability=estimate(least).estimate,
        least_in="" if least is None else text(least, "scenario"),
        ahead_of_reference=number(entry.get("ahead_of_reference")),
        not_eligible=words(entry, "not_eligible"),
        sweep=tuple(
            SweptLaw(
                answer_usd=positive(each["answer_usd"], "answer_usd"),
                best=int(each["best"]),
                within_best=int(each["within_best"]),
            )
            for each in items(entry, "sweep")
        ),
        near_best=tuple(
            Near(regret=number(each["regret"]), scenarios=int(each["scenarios"]))
            for each in items(entry, "near_best")
        ),
        lived_through=tuple(
            Lived(about=text(each, "about"), met=int(each["met"]), asked=int(each["asked"]))
            for each in items(lived, "expectations")
        ),
        transitions_per_hour=number(lived.get("transitions_per_hour")),
        degraded_share=number(lived.get("degraded_share")),
    )
