"""Backtests as values: `backtest.json` read back (see `docs/reference/backtest.md`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.records.interval import Interval

from ..fields import as_a, clean, estimates, items, number, read_json, text, words

__all__ = ["BACKTEST", "Backtest", "BacktestArm", "Figure", "backtest_of", "read_backtest"]

BACKTEST = "backtest.json"
"""Name of the file in a backtest's directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure as it was, and as the live policy has it on the fitted scenario.

    Attributes:
        difference: simulated minus seen, a share of the latter where `relative`.
        tolerance: NaN: it is not judged.
    """

    name: str
    unit: str
    seen: float
    simulated: Interval
    difference: float
    tolerance: float
    relative: bool
    agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestArm:
    """A policy on the fitted scenario.

    Attributes:
        arm: "live", "static", or the candidate's name.
        difference: this arm minus live.
        time_in: share of the time by mode.
        assumed: share of its answers that came in a way the journal never saw.
        models, modes: which models and modes those were.
        bounds: by metric, what it comes to where they are worse and better than assumed.
    """

    arm: str
    policy: str
    law: str
    metrics: Mapping[str, Interval]
    difference: Mapping[str, Interval]
    time_in: Mapping[str, float]
    assumed: float
    models: tuple[str, ...]
    modes: tuple[str, ...]
    bounds: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A backtest and all that a report says around it."""

    scenario: str
    trustworthy: bool
    files: str
    policy: str
    requests: float
    answers: float
    replications: int
    seed: int
    confidence: float
    duration_s: float
    warm_up_s: float
    swept: float
    figures: tuple[Figure, ...]
    arms: tuple[BacktestArm, ...]
    faults: tuple[tuple[str, float, float], ...]
    assumptions: tuple[str, ...]
    command: tuple[str, ...]
    versions: Mapping[str, str]


def read_backtest(directory: Path) -> Backtest:
    """Read a backtest's directory.

    Raises:
        InputError: the file is missing, no JSON, or no backtest.
    """
    path = directory / BACKTEST
    found = read_json(path)
    with as_a("backtest", str(path)):
        return backtest_of(found)


def backtest_of(record: Mapping[str, Any]) -> Backtest:
    """A backtest from the object of its file.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    journal = record["journal"]
    return Backtest(
        scenario=text(record, "scenario"),
        trustworthy=bool(record["trustworthy"]),
        files=text(journal, "files"),
        policy=text(journal, "policy"),
        requests=number(journal["requests"]),
        answers=number(journal["answers"]),
        replications=int(record["replications"]),
        seed=int(record["seed"]),
        confidence=number(record["confidence"]),
        duration_s=number(record["duration_s"]),
        warm_up_s=number(record["warm_up_s"]),
        swept=number(record["swept"]),
        figures=tuple(_figure(each) for each in items(record, "fidelity")),
        arms=tuple(_arm(each) for each in items(record, "arms")),
        faults=tuple(
            (
                f"{text(each, 'name')}: {text(each, 'text')}",
                number(each["from_s"]),
                number(each["to_s"]),
            )
            for each in items(record["fit"], "faults")
        ),
        assumptions=words(record, "assumptions"),
        command=words(record, "command"),
        versions={clean(name): clean(each) for name, each in record["versions"].items()},
    )


def _figure(entry: Mapping[str, Any]) -> Figure:
    return Figure(
        name=text(entry, "name"),
        unit=text(entry, "unit"),
        seen=number(entry["seen"]),
        simulated=Interval(
            estimate=number(entry["simulated"]),
            low=number(entry["low"]),
            high=number(entry["high"]),
        ),
        difference=number(entry["difference"]),
        tolerance=number(entry["tolerance"]),
        relative=bool(entry["relative"]),
        agrees=bool(entry["agrees"]),
    )


def _arm(entry: Mapping[str, Any]) -> BacktestArm:
    assumed = entry["assumed"]
    bounds = assumed["bounds"] or {}
    return BacktestArm(
        arm=text(entry, "arm"),
        policy=text(entry, "policy"),
        law=text(entry, "law"),
        metrics=estimates(entry["metrics"]),
        difference=estimates(entry["difference"]),
        time_in={
            clean(name): share
            for name, share in ((n, number(s)) for n, s in entry["time_in"].items())
            if not math.isnan(share)
        },
        assumed=number(assumed["share"]),
        models=words(assumed, "models"),
        modes=words(assumed, "modes"),
        bounds={
            clean(name): (number(each["worse"]), number(each["better"]))
            for name, each in bounds.items()
        },
    )
