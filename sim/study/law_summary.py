"""Laws over all scenarios of a comparison, from its record: who is how often the best.

Two things are told apart: outcomes, by which laws are ranked, and what operators live through,
which counts for nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from .cells import CELLS
from .ranking import REQUESTS
from .sweep import SWEEP_USD

__all__ = ["NEAR", "summaries"]

NEAR = (0.005, 0.01)
"""Regrets below which a law is near the best, as shares of what perfect answers are worth."""

WAYS = ("reaches", "recovers", "never above", "transitions")
"""Beginnings of the names of what operators expect of the way there."""

Row = Mapping[str, Any]


def summaries(laws: Sequence[str], reference: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """An object for each law, as `docs/reference/comparison.md` has it.

    Args:
        laws: names, in the order wanted.
        reference: the law that others are held against.
        rows: objects of scenarios: all of a comparison, or some.
    """
    at = {law: {row["scenario"]: _found(row, law) for row in rows} for law in laws}
    level = {law: _level(at[law].values()) for law in laws}
    most = [max(counts) for counts in zip(*level.values(), strict=True)]
    return [
        {
            **_outcomes(law, reference, rows, at[law]),
            "sweep": [_swept(law, rows, place) for place in range(len(SWEEP_USD))],
            "cells": _cells(at[law], level[law], most),
            "lived_through": _lived_through(list(at[law].values())),
        }
        for law in laws
    ]


def _outcomes(
    law: str, reference: str, rows: Sequence[Row], own: Mapping[str, Row]
) -> dict[str, Any]:
    """Medians and extremes skip what is not defined."""
    regrets = {name: each["regret"] for name, each in own.items() if each["eligible"]}
    regrets = {name: each for name, each in regrets.items() if each is not None}
    estimates = [each["estimate"] for each in regrets.values()]
    worst = max(regrets, key=lambda name: regrets[name]["estimate"], default=None)
    answered = {name: each["metrics"]["availability"]["estimate"] for name, each in own.items()}
    answered = {name: each for name, each in answered.items() if each is not None}
    least = min(answered, key=lambda name: answered[name], default=None)
    ahead = [
        (each["score"]["estimate"] - _found(row, reference)["score"]["estimate"])
        / (REQUESTS * row["worth"]["answer_usd"])
        for row, each in zip(rows, own.values(), strict=True)
        if None not in (each["score"]["estimate"], _found(row, reference)["score"]["estimate"])
    ]
    return {
        "law": law,
        "scenarios": len(own),
        "eligible": sum(each["eligible"] for each in own.values()),
        "best": sum(each["best"] for each in own.values()),
        "within_best": sum(each["within_best"] for each in own.values()),
        "near_best": [
            {"regret": near, "scenarios": sum(each <= near for each in estimates)} for near in NEAR
        ],
        "dominated": sum(bool(each["dominated_by"]) for each in own.values()),
        "largest_regret": None if worst is None else {"scenario": worst, **regrets[worst]},
        "mean_regret": fmean(estimates) if estimates else None,
        "median_regret": median(estimates) if estimates else None,
        "availability": fmean(answered.values()) if answered else None,
        "least_availability": (
            None if least is None else {"scenario": least, "estimate": answered[least]}
        ),
        "ahead_of_reference": median(ahead) if ahead else None,
        "not_eligible": [name for name, each in own.items() if not each["eligible"]],
    }


def _swept(law: str, rows: Sequence[Row], place: int) -> dict[str, Any]:
    """A law over all scenarios at one worth of an answer."""
    at = [row["sweep"][place] for row in rows]
    regrets = [
        each["regret"][law]
        for row, each in zip(rows, at, strict=True)
        if _found(row, law)["eligible"]
    ]
    return {
        "answer_usd": SWEEP_USD[place],
        "best": sum(each["best"] == law for each in at),
        "within_best": sum(law == each["best"] or law in each["level"] for each in at),
        "median_regret": median(regrets) if regrets else None,
    }


def _level(found: Sequence[Row] | Any) -> list[int]:
    """In how many scenarios a law is the best or level with it, in each cell."""
    counts = [0] * len(CELLS)
    for each in found:
        counts = [n + level for n, level in zip(counts, each["cells"]["level"], strict=True)]
    return counts


def _cells(own: Mapping[str, Row], level: Sequence[int], most: Sequence[int]) -> dict[str, Any]:
    """A law over all scenarios and cells; regrets where it is eligible."""
    regrets = {name: each["cells"]["regret"] for name, each in own.items() if each["eligible"]}
    every = [regret for each in regrets.values() for regret in each]
    worst = max(
        (
            (regret, name, place)
            for name, each in regrets.items()
            for place, regret in enumerate(each)
        ),
        default=None,
    )
    return {
        "least_level": min(level),
        "mean_level": fmean(level),
        "most_level": max(level),
        "first": sum(n == of_all for n, of_all in zip(level, most, strict=True)),
        "mean_regret": fmean(every) if every else None,
        "largest_regret": (
            None
            if worst is None
            else {"scenario": worst[1], "estimate": worst[0], "cell": worst[2]}
        ),
    }


def _lived_through(own: Sequence[Row]) -> dict[str, Any]:
    """Expectations about the way there, and how often modes change and how much is degraded."""
    ways = [way for each in own for way in each["expectations"] if not way["counts"]]
    counted = {
        start: [way["met"] for way in ways if way["name"].startswith(start)] for start in WAYS
    }
    means = {
        name: [each["metrics"][name]["estimate"] for each in own]
        for name in ("transitions_per_hour", "degraded_share")
    }
    defined = {name: [v for v in each if v is not None] for name, each in means.items()}
    return {
        "expectations": [
            {"about": start, "met": sum(met), "asked": len(met)} for start, met in counted.items()
        ],
        **{name: fmean(each) if each else None for name, each in defined.items()},
    }


def _found(row: Row, law: str) -> Row:
    found: Row = next(each for each in row["laws"] if each["law"] == law)
    return found
