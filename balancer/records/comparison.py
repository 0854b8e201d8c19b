"""The record of a comparison of laws: the object of `comparison.json`.

`docs/reference/comparison.md` documents every field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .codec import INLINE, NULL, Positive
from .files import Format
from .interval import UNDEFINED, Interval
from .verdict import FaultWindow, Judgement

__all__ = [
    "COMPARISON",
    "Answer",
    "Cell",
    "CellRegret",
    "ComparedScenario",
    "Comparison",
    "LawCells",
    "LawResult",
    "LawSummary",
    "LeastAvailability",
    "LivedThrough",
    "Near",
    "Place",
    "Regret",
    "Reign",
    "SummaryCells",
    "SweptLaw",
    "WaysMet",
    "Worth",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of what is assumed.

    Attributes:
        answer_usd: what a perfect answer in time is worth.
        sibling_quality: of an answer by another model than normal's first, all else equal.
        prices: of all tokens, as a multiple of the price table.
    """

    answer_usd: float
    sibling_quality: float
    prices: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a scenario says answers are worth.

    Attributes:
        answer_usd: a perfect answer in time.
        waiting: share of that lost with every second of waiting.
        within_s: when an answer is too late.
        sibling_quality: that it declares of soft's model.
    """

    answer_usd: Positive
    waiting: float
    within_s: float
    sibling_quality: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One expectation under a law.

    Attributes:
        judgement: its verdict, as for a single policy.
        counts: whether being eligible depends on it.
        met: whether the estimate is on the right side of the bound.
    """

    judgement: Judgement = field(metadata=INLINE)
    counts: bool = True
    met: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Who is where at one worth of an answer.

    Attributes:
        answer_usd: the worth.
        best: the law with the highest utility; None where no law is eligible.
        level: the others that cannot be told from it.
        regret: of every law, eligible or not, as a share of the worth; empty without a best.
    """

    answer_usd: Positive
    best: str | None = None
    level: tuple[str, ...] = ()
    regret: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """A law is the best from one worth of an answer to another."""

    law: str
    from_usd: Positive
    to_usd: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class LawCells:
    """A law in every cell: its regret, and whether it is the best or not to be told from it."""

    regret: tuple[float, ...] = ()
    level: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LawResult:
    """A law in a scenario.

    Attributes:
        score: utility for a thousand offered requests, in dollars.
        regret: how far below the best, as a share of what perfect answers would be worth;
            `regret_usd`: the same in dollars for a thousand requests.
        value, bill_usd: of a request: quality less waiting, and dollars.
        within_best: the best, or not to be told from it.
        dominated_by: laws that are as good or better in everything.
        difference: this law minus the reference.
    """

    law: str
    eligible: bool
    expectations: tuple[Answer, ...] = ()
    score: Interval = UNDEFINED
    regret: Interval = field(default=UNDEFINED, metadata=NULL)
    regret_usd: Interval = field(default=UNDEFINED, metadata=NULL)
    value: Interval = UNDEFINED
    bill_usd: Interval = UNDEFINED
    cells: LawCells = LawCells()
    best: bool = False
    within_best: bool = False
    dominated_by: tuple[str, ...] = ()
    metrics: Mapping[str, Interval] = field(default_factory=dict)
    difference: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedScenario:
    """One scenario under all laws.

    Attributes:
        left_out: expectations on which being eligible does not depend.
        best: None where no law is eligible.
        sweep: who is where, at every worth looked at.
        reigns: who is best from which worth on.
        reigns_of_all: the same of all laws, whatever they miss.
    """

    scenario: str
    title: str = ""
    teaches: str = ""
    source: str = ""
    policy: str = ""
    seed: int
    replications: int
    duration_s: float = math.nan
    warm_up_s: float = math.nan
    faults: tuple[FaultWindow, ...] = ()
    worth: Worth
    left_out: tuple[str, ...] = ()
    best: str | None = None
    sweep: tuple[Place, ...] = ()
    reigns: tuple[Reign, ...] = ()
    reigns_of_all: tuple[Reign, ...] = ()
    laws: tuple[LawResult, ...]

    def law(self, name: str) -> LawResult:
        """A law's result; it is there."""
        return next(each for each in self.laws if each.law == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """In how many scenarios a law is eligible with a regret of at most so much."""

    regret: float
    scenarios: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """A regret and the scenario it is of."""

    scenario: str = ""
    value: Interval = field(default=UNDEFINED, metadata=INLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastAvailability:
    """A law's lowest mean availability, and the scenario it is of."""

    scenario: str = ""
    estimate: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptLaw:
    """In how many scenarios a law is best, or level with the best, at a worth of an answer."""

    answer_usd: Positive
    best: int
    within_best: int
    median_regret: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRegret:
    """A regret, and the scenario and the place of the cell it is of."""

    scenario: str = ""
    estimate: float = math.nan
    cell: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryCells:
    """A law over all scenarios and cells: in how many scenarios it is level with the best.

    Attributes:
        least_level, mean_level, most_level: over the cells.
        first: in how many cells no law is level in more scenarios.
        mean_regret, largest_regret: where it is eligible.
    """

    least_level: int = 0
    mean_level: float = math.nan
    most_level: int = 0
    first: int = 0
    mean_regret: float = math.nan
    largest_regret: CellRegret = field(default=CellRegret(), metadata=NULL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysMet:
    """Expectations about the way there, of one kind: how many a law meets, of how many."""

    about: str = ""
    met: int
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedThrough:
    """What operators live through under a law; means over the scenarios."""

    expectations: tuple[WaysMet, ...] = ()
    transitions_per_hour: float = math.nan
    degraded_share: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class LawSummary:
    """A law over all scenarios: in how many it is what.

    Attributes:
        largest_regret, mean_regret, median_regret: where it is eligible.
        availability: mean over the scenarios.
        ahead_of_reference: median of how much more its utility is than the reference's, as a
            share of what perfect answers would be worth.
    """

    law: str
    scenarios: int
    eligible: int
    best: int
    within_best: int
    near_best: tuple[Near, ...] = ()
    dominated: int
    largest_regret: Regret = field(default=Regret(), metadata=NULL)
    mean_regret: float = math.nan
    median_regret: float = math.nan
    availability: float = math.nan
    least_availability: LeastAvailability = field(default=LeastAvailability(), metadata=NULL)
    ahead_of_reference: float = math.nan
    not_eligible: tuple[str, ...] = ()
    sweep: tuple[SweptLaw, ...] = ()
    cells: SummaryCells = SummaryCells()
    lived_through: LivedThrough = LivedThrough()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison and all that a report says around it.

    Attributes:
        laws: in the order in which they were asked for.
        reference: the law that differences are taken to.
        rivals: with what each law is run, a sentence.
        cells: what is assumed in each cell of the ranking.
        missing: scenarios that an interruption left out.
    """

    version: int
    laws: tuple[str, ...]
    reference: str = ""
    confidence: float = 0.95
    rivals: Mapping[str, str] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    scenarios: tuple[ComparedScenario, ...]
    missing: tuple[str, ...] = ()
    summary: tuple[LawSummary, ...] = ()
    command: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


COMPARISON = Format(
    record=Comparison,
    noun="comparison",
    file="comparison.json",
    version=2,
    again=(
        "version 1 was scored by dollars per quality-weighted answer, and what is needed for the "
        "utility is not in it; run `open-balancer compare` again"
    ),
)
