"""The record of a backtest: the object of `backtest.json`.

`docs/reference/backtest.md` documents every field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .files import Format
from .interval import Interval
from .verdict import FaultWindow

__all__ = [
    "BACKTEST",
    "Assumed",
    "Backtest",
    "BacktestArm",
    "Bounds",
    "Figure",
    "FittedJournal",
    "FittedScenario",
    "MeasuredAnswers",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedJournal:
    """What was fitted to: files, the policy that was live, and how much it tells.

    Attributes:
        torn: what was skipped at its end, or "".
    """

    files: str = ""
    policy: str = ""
    law: str = ""
    requests: int
    answers: int
    torn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredAnswers:
    """How many answers of a model in a mode the journal has."""

    mode: str
    model: str
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedScenario:
    """What the fit came to.

    Attributes:
        asked: models that requests ask for, with shares.
        slice_s: in which the rate of arrivals is told; cv: of what they share.
        faults: what went wrong, and when.
        misfit: how far the fitted distributions are from what was measured.
    """

    asked: Mapping[str, float] = field(default_factory=dict)
    slice_s: float = math.nan
    cv: float = math.nan
    faults: tuple[FaultWindow, ...] = ()
    measured: tuple[MeasuredAnswers, ...] = ()
    misfit: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure as it was, and as the live policy has it on the fitted scenario.

    Attributes:
        simulated, low, high: mean over the replications, with its interval.
        difference: simulated minus seen, a share of the latter where `relative`.
        tolerance: NaN: it is not judged.
    """

    name: str
    unit: str = "number"
    seen: float
    simulated: float
    low: float
    high: float
    difference: float
    tolerance: float
    relative: bool
    agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a metric comes to where what was never seen is worse, and better, than assumed."""

    worse: float
    better: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """Share of an arm's answers that came in a way the journal never saw.

    Attributes:
        models, modes: which those were.
        bounds: by metric; None where nothing is assumed.
    """

    share: float
    models: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    bounds: Mapping[str, Bounds] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestArm:
    """A policy on the fitted scenario.

    Attributes:
        arm: "live", "static", or the candidate's name.
        difference: this arm minus live.
        time_in: share of the time by mode.
    """

    arm: str
    policy: str = ""
    law: str = ""
    metrics: Mapping[str, Interval]
    difference: Mapping[str, Interval]
    time_in: Mapping[str, float]
    assumed: Assumed


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A backtest and all that a report says around it.

    Attributes:
        swept: how far what was never seen may be off, either way.
    """

    version: int
    scenario: str = ""
    trustworthy: bool
    journal: FittedJournal
    fit: FittedScenario
    seed: int
    replications: int
    confidence: float
    duration_s: float
    warm_up_s: float
    swept: float
    fidelity: tuple[Figure, ...] = ()
    arms: tuple[BacktestArm, ...] = ()
    assumptions: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


BACKTEST = Format(
    record=Backtest, noun="backtest", file="backtest.json", version=1, again="run it again"
)
