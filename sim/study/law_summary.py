"""Laws over all scenarios of a comparison, from its record: who is how often the best.

Two things are told apart: outcomes, by which laws are ranked, and what operators live through,
which counts for nobody.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import fmean, median

from balancer.records.comparison import (
    CellRegret,
    ComparedScenario,
    LawResult,
    LawSummary,
    LeastAvailability,
    LivedThrough,
    Near,
    Regret,
    SummaryCells,
    SweptLaw,
    WaysMet,
)

from .cells import CELLS
from .ranking import REQUESTS
from .sweep import SWEEP_USD

__all__ = ["NEAR", "summaries"]

NEAR = (0.005, 0.01)
"""Regrets below which a law is near the best, as shares of what perfect answers are worth."""

WAYS = ("reaches", "recovers", "never above", "transitions")
"""Beginnings of the names of what operators expect of the way there."""


def summaries(
    laws: Sequence[str], reference: str, rows: Sequence[ComparedScenario]
) -> tuple[LawSummary, ...]:
    """What each law comes to, as `docs/reference/comparison.md` has it.

    Args:
        laws: names, in the order wanted.
        reference: the law that others are held against.
        rows: scenarios: all of a comparison, or some.
    """
    at = {law: {row.scenario: row.law(law) for row in rows} for law in laws}
    level = {law: _level(at[law].values()) for law in laws}
    most = [max(counts) for counts in zip(*level.values(), strict=True)]
    return tuple(_summary(law, reference, rows, at[law], level[law], most) for law in laws)


def _summary(
    law: str,
    reference: str,
    rows: Sequence[ComparedScenario],
    own: Mapping[str, LawResult],
    level: Sequence[int],
    most: Sequence[int],
) -> LawSummary:
    """Medians and extremes skip what is not defined."""
    regrets = {name: each.regret for name, each in own.items() if each.eligible}
    regrets = {name: each for name, each in regrets.items() if not math.isnan(each.estimate)}
    estimates = [each.estimate for each in regrets.values()]
    worst = max(regrets, key=lambda name: regrets[name].estimate, default=None)
    answered = {name: each.metrics["availability"].estimate for name, each in own.items()}
    answered = {name: each for name, each in answered.items() if math.isfinite(each)}
    least = min(answered, key=lambda name: answered[name], default=None)
    ahead = [
        (each.score.estimate - row.law(reference).score.estimate)
        / (REQUESTS * row.worth.answer_usd)
        for row, each in zip(rows, own.values(), strict=True)
    ]
    return LawSummary(
        law=law,
        scenarios=len(own),
        eligible=sum(each.eligible for each in own.values()),
        best=sum(each.best for each in own.values()),
        within_best=sum(each.within_best for each in own.values()),
        near_best=tuple(
            Near(regret=near, scenarios=sum(each <= near for each in estimates)) for near in NEAR
        ),
        dominated=sum(bool(each.dominated_by) for each in own.values()),
        largest_regret=(
            Regret() if worst is None else Regret(scenario=worst, value=regrets[worst])
        ),
        mean_regret=_mean(estimates),
        median_regret=_median(estimates),
        availability=_mean(answered.values()),
        least_availability=(
            LeastAvailability()
            if least is None
            else LeastAvailability(scenario=least, estimate=answered[least])
        ),
        ahead_of_reference=_median([each for each in ahead if math.isfinite(each)]),
        not_eligible=tuple(name for name, each in own.items() if not each.eligible),
        sweep=tuple(_swept(law, rows, place) for place in range(len(SWEEP_USD))),
        cells=_cells(own, level, most),
        lived_through=_lived_through(list(own.values())),
    )


def _mean(values: Collection[float]) -> float:
    return fmean(values) if values else math.nan


def _median(values: Collection[float]) -> float:
    return median(values) if values else math.nan


def _swept(law: str, rows: Sequence[ComparedScenario], place: int) -> SweptLaw:
    """A law over all scenarios at one worth of an answer."""
    at = [row.sweep[place] for row in rows]
    regrets = [
        each.regret[law] for row, each in zip(rows, at, strict=True) if row.law(law).eligible
    ]
    return SweptLaw(
        answer_usd=SWEEP_USD[place],
        best=sum(each.best == law for each in at),
        within_best=sum(law == each.best or law in each.level for each in at),
        median_regret=_median(regrets),
    )


def _level(results: Iterable[LawResult]) -> list[int]:
    """In how many scenarios a law is the best or level with it, in each cell."""
    counts = [0] * len(CELLS)
    for each in results:
        counts = [n + level for n, level in zip(counts, each.cells.level, strict=True)]
    return counts


def _cells(own: Mapping[str, LawResult], level: Sequence[int], most: Sequence[int]) -> SummaryCells:
    """A law over all scenarios and cells; regrets where it is eligible."""
    every = [
        (regret, name, place)
        for name, each in own.items()
        if each.eligible
        for place, regret in enumerate(each.cells.regret)
    ]
    worst = max(every, default=None)
    return SummaryCells(
        least_level=min(level),
        mean_level=fmean(level),
        most_level=max(level),
        first=sum(n == of_all for n, of_all in zip(level, most, strict=True)),
        mean_regret=_mean([regret for regret, _, _ in every]),
        largest_regret=(
            CellRegret()
            if worst is None
            else CellRegret(scenario=worst[1], estimate=worst[0], cell=worst[2])
        ),
    )


def _lived_through(own: Sequence[LawResult]) -> LivedThrough:
    """Expectations about the way there, and how often modes change and how much is degraded."""
    ways = [way for each in own for way in each.expectations if not way.counts]
    counted = {
        start: [
            way.met
            for way in ways
            # A law that never left normal was not asked whether it comes back.
            if way.judgement.name.startswith(start) and not math.isnan(way.judgement.value.estimate)
        ]
        for start in WAYS
    }

    def mean(name: str) -> float:
        values = [each.metrics[name].estimate for each in own]
        return _mean([value for value in values if math.isfinite(value)])

    return LivedThrough(
        expectations=tuple(
            WaysMet(about=start, met=sum(met), asked=len(met)) for start, met in counted.items()
        ),
        transitions_per_hour=mean("transitions_per_hour"),
        degraded_share=mean("degraded_share"),
    )
