"""The record of a gate: the object of `gate.json`.

`docs/reference/gate.md` documents every field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .codec import key
from .files import Format
from .interval import UNDEFINED, Interval
from .verdict import Outcome

__all__ = [
    "GATE",
    "AcceptedMargin",
    "Gate",
    "GateScenario",
    "PolicyName",
    "Rates",
    "Shares",
    "Worsening",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyName:
    """What a policy is known by; without a file, it is the default policy."""

    name: str
    law: str = ""
    file: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMargin:
    """How much worse a candidate may be in a metric; `text` is the amount as it was written."""

    metric: str
    amount: float = key("margin")
    relative: bool
    text: str
    better: Literal["higher", "lower"]
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Chances of a pass and of a fail that are wrong."""

    passed: float = key("pass", default=math.nan)
    failed: float = key("fail", default=math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worsening:
    """The candidate against the baseline in one metric of one scenario.

    Attributes:
        metric, unit, better: as in `reports.metrics`.
        margin: how much worse is acceptable.
        relative: whether margin and worsening are shares of the baseline's mean.
        margin_text: the margin as a person wrote it.
        baseline, candidate: means with their own intervals.
        worsening: paired difference, worse is positive, with the interval of the gate's level.
        replications: on which the verdict rests, at the look of this number.
        settled: it asks for no more of them.
        replications_needed: how many would decide it; None where unknown or decided.
        note: more to say, or "".
    """

    metric: str
    margin: float
    relative: bool = False
    better: Literal["higher", "lower", ""] = ""
    unit: str = "number"
    margin_text: str = ""
    verdict: Outcome
    baseline: Interval = UNDEFINED
    candidate: Interval = UNDEFINED
    worsening: Interval = UNDEFINED
    replications: int = 0
    look: int = 0
    settled: bool = False
    replications_needed: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Shares of the requests that each policy serves above normal: what its gains are paid with."""

    baseline: Interval = UNDEFINED
    candidate: Interval = UNDEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class GateScenario:
    """One scenario of a gate; `degraded` is told whether or not a margin asks for it."""

    scenario: str
    title: str = ""
    teaches: str = ""
    source: str = ""
    verdict: Outcome
    seed: int
    replications: int
    duration_s: float = math.nan
    warm_up_s: float = math.nan
    differences: tuple[Worsening, ...]
    degraded: Shares = Shares()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate's verdict and all that a report says around it.

    Attributes:
        missing: scenarios that an interruption left out.
        identical: whether both policies are the same in all that decides.
        error_rates: that the gate keeps.
        looks: numbers of replications after which it was decided whether to go on.
        levels: of one comparison at one look, after correction.
    """

    version: int
    verdict: Outcome
    complete: bool = True
    missing: tuple[str, ...] = ()
    baseline: PolicyName
    candidate: PolicyName
    identical: bool = False
    margins: tuple[AcceptedMargin, ...] = ()
    error_rates: Rates = Rates()
    comparisons: int = 0
    looks: tuple[int, ...] = ()
    replications_max: int = 0
    levels: Rates = Rates()
    scenarios: tuple[GateScenario, ...]
    command: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


GATE = Format(record=Gate, noun="gate", file="gate.json", version=1, again="run the gate again")
