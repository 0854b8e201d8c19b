"""The page of a comparison: which law is worth most, drawn, and every figure behind it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balancer.records.comparison import (
    COMPARISON,
    ComparedScenario,
    Comparison,
    LawResult,
    LawSummary,
)
from balancer.records.interval import UNDEFINED, Interval
from balancer.units import show_seconds, show_share, show_usd

from ..amounts import NOTHING, amount
from ..data_files import Cell, write_csv
from ..layout import Layout
from ..metrics import METRICS, Metric, metric
from ..page import render
from ..run.page import REPORT
from ..svg import Drawn, drawn
from . import words
from .figure import comparison_figure
from .law_figure import law_figure
from .worth_figure import worth_figure

__all__ = ["COMPARISON_DATA", "comparison_page", "write_comparison_report"]

COMPARISON_DATA: Final = "comparison.csv"
"""Name of the file with all figures."""

WIDE: Final = Layout(width=720, left=136, right=4, font=8.6, time_ticks=0)
NARROW: Final = Layout(width=300, left=86, right=16, font=8.2, time_ticks=0)

LAWS_WIDE: Final = Layout(width=720, left=66, right=10, font=8.2, time_ticks=0)
LAWS_NARROW: Final = Layout(width=300, left=66, right=10, font=8.6, time_ticks=0)

SHOWN: Final = (
    "availability",
    "latency_p95_s",
    "cost_usd",
    "cost_per_answer_usd",
    "quality",
    "shed_share",
)
"""Metrics of a scenario's table of outcomes; the data file has all."""

LIVED_THROUGH: Final = ("transitions_per_hour", "degraded_share", "retry_amplification")
"""Metrics of its table of what operators live through."""

SCORE: Final = Metric(label="Utility per 1000 requests", unit="usd", better="higher")
SWEPT_USD: Final = (0.003, 0.01, 0.03, 0.1)
"""Where along the sweep the table of laws looks."""
PER_ANSWER: Final = Metric(label="Cost per 1000 answers", unit="usd", better="lower")
REGRET: Final = Metric(label="Regret", unit="relative", better="lower")


@dataclass(frozen=True, slots=True, kw_only=True)
class LawCell:
    """A law's figure: `best` marks the best of its row."""

    value: str
    spread: str
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LawHead:
    """The head of a law's column: its standing, and why it is not better."""

    law: str
    standing: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSection:
    """One scenario of the page; `rows` (outcomes) and `lived` (what operators live through) are a
    label and a cell for each law.
    """

    anchor: str
    scenario: str
    title: str
    outcome: str
    figure: Drawn
    heads: tuple[LawHead, ...]
    rows: tuple[tuple[str, tuple[LawCell, ...]], ...]
    lived: tuple[tuple[str, tuple[LawCell, ...]], ...]
    facts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """A law over all scenarios."""

    law: str
    rival: str
    within_best: str
    near: str
    best: str
    eligible: str
    dominated: str
    median_regret: str
    availability: str
    least_in: str
    ahead: str
    largest_regret: str
    largest_in: str
    sweep: tuple[str, ...]
    lived: tuple[str, ...]


def write_comparison_report(directory: Path) -> Path:
    """Write a comparison's page and data beside its `comparison.json`.

    Returns:
        The page's path.

    Raises:
        InputError: the comparison is missing or cannot be read.
    """
    comparison = COMPARISON.read(directory)
    _write_data(directory / COMPARISON_DATA, comparison)
    path = directory / REPORT
    path.write_text(comparison_page(comparison), encoding="utf-8", newline="\n")
    return path


def comparison_page(comparison: Comparison) -> str:
    """The page of a comparison."""
    answer = words.answer(comparison)
    figure = drawn(
        lambda layout: comparison_figure(comparison, layout) if comparison.scenarios else None,
        (WIDE, NARROW),
        prefix="",
        title="Every law in every scenario",
        description=answer,
    )
    count = len(comparison.scenarios)
    return render(
        "comparison.html.jinja",
        title=f"Comparison of {len(comparison.laws)} laws",
        eyebrow=f"{len(comparison.laws)} laws · {count} scenario{'s' if count != 1 else ''}",
        answer=answer,
        figure=figure,
        worth=_worth(comparison),
        steps=tuple(words.worth(answer_usd) for answer_usd in _steps(comparison)),
        data=COMPARISON_DATA,
        reference=comparison.reference,
        ways=[
            each.about for law in comparison.summary[:1] for each in law.lived_through.expectations
        ],
        summary=[_summary(law, comparison) for law in comparison.summary],
        sections=[
            _section(scenario, f"s{place}")
            for place, scenario in enumerate(comparison.scenarios, 1)
        ],
        confidence=amount(comparison.confidence, "share", exact=True),
        command=shlex.join(comparison.command),
        facts=tuple(comparison.versions.items()),
    )


def _worth(comparison: Comparison) -> Drawn:
    told = [
        f"{scenario.scenario}: {words.reign(scenario)}"
        for scenario in comparison.scenarios
        if scenario.reigns
    ]
    return drawn(
        lambda layout: worth_figure(comparison, layout),
        (WIDE, NARROW),
        prefix="worth-",
        title="The best law over what an answer is worth",
        description="; ".join(told),
    )


def _steps(comparison: Comparison) -> list[float]:
    """Of the worths that were looked at, those that the table of laws shows."""
    every = [each.answer_usd for each in comparison.summary[0].sweep] if comparison.summary else []
    return [answer_usd for answer_usd in SWEPT_USD if answer_usd in every]


def _summary(law: LawSummary, comparison: Comparison) -> SummaryRow:
    at = {each.answer_usd: str(each.within_best) for each in law.sweep}
    least = law.least_availability
    return SummaryRow(
        law=law.law,
        rival=comparison.rivals.get(law.law, ""),
        within_best=f"{law.within_best} of {law.scenarios}",
        near=words.near(law),
        best=str(law.best),
        eligible=str(law.eligible),
        dominated=str(law.dominated),
        median_regret=words.regret(law.median_regret),
        availability=amount(law.availability, "share"),
        least_in=(
            f"{amount(least.estimate, 'share')} in {least.scenario}" if least.scenario else ""
        ),
        ahead=NOTHING if law.law == comparison.reference else words.behind(law.ahead_of_reference),
        largest_regret=words.regret(law.largest_regret.value.estimate),
        largest_in=law.largest_regret.scenario if law.largest_regret.value.estimate > 0 else "",
        sweep=tuple(at.get(answer_usd, NOTHING) for answer_usd in _steps(comparison)),
        lived=(
            *(f"{each.met} of {each.asked}" for each in law.lived_through.expectations),
            amount(law.lived_through.transitions_per_hour, "number"),
            amount(law.lived_through.degraded_share, "share"),
        ),
    )


def _section(scenario: ComparedScenario, anchor: str) -> ComparisonSection:
    names = [name for name in SHOWN if any(name in law.metrics for law in scenario.laws)]
    rows = [
        (REGRET, [law.regret for law in scenario.laws]),
        (SCORE, [law.score for law in scenario.laws]),
        *(_row(scenario, name) for name in names),
    ]
    lived = [
        _row(scenario, name)
        for name in LIVED_THROUGH
        if any(name in law.metrics for law in scenario.laws)
    ]
    worth = scenario.worth
    runs = f"{scenario.replications} replication{'s' if scenario.replications != 1 else ''}"
    facts = (
        f"Policy {scenario.policy}, {runs}, seed {scenario.seed}. A perfect answer is worth "
        f"{show_usd(worth.answer_usd)} within {show_seconds(worth.within_s)}, and every "
        f"second of waiting costs {show_share(worth.waiting)} of that."
    )
    outcome = _outcome(scenario)
    return ComparisonSection(
        anchor=anchor,
        scenario=scenario.scenario,
        title=scenario.title if scenario.title != scenario.scenario else "",
        outcome=outcome,
        figure=drawn(
            lambda layout: law_figure(scenario, layout),
            (LAWS_WIDE, LAWS_NARROW),
            prefix=f"{anchor}-",
            title=f"The laws in {scenario.scenario}",
            description=f"{outcome} The table below has every figure.",
        ),
        heads=tuple(_head(law) for law in scenario.laws),
        rows=tuple((shown.label, _cells(shown, values)) for shown, values in rows),
        lived=(
            *_ways(scenario),
            *((shown.label, _cells(shown, values)) for shown, values in lived),
        ),
        facts=facts,
    )


def _ways(scenario: ComparedScenario) -> list[tuple[str, tuple[LawCell, ...]]]:
    """Expectations about the way to an outcome: met or not, and how, by law."""
    rows = []
    for name in scenario.left_out:
        cells = []
        for law in scenario.laws:
            expectation = next(
                (each for each in law.expectations if each.judgement.name == name), None
            )
            mark = NOTHING if expectation is None else "✓" if expectation.met else "✗"
            way = None if expectation is None else expectation.judgement
            value = NOTHING if way is None else amount(way.value.estimate, way.unit)
            cells.append(LawCell(value=mark, spread="" if value == NOTHING else value, best=False))
        rows.append((name[:1].upper() + name[1:], tuple(cells)))
    return rows


def _row(scenario: ComparedScenario, name: str) -> tuple[Metric, list[Interval]]:
    values = [law.metrics.get(name, UNDEFINED) for law in scenario.laws]
    if name != "cost_per_answer_usd":
        return metric(name), values
    return PER_ANSWER, [_thousand(value) for value in values]


def _thousand(value: Interval) -> Interval:
    """Dollars per answer as dollars per 1000 answers, which people can read."""
    return Interval(estimate=1000 * value.estimate, low=1000 * value.low, high=1000 * value.high)


def _outcome(scenario: ComparedScenario) -> str:
    if not scenario.best:
        return "No law meets what is expected."
    level = [law.law for law in scenario.laws if law.within_best and not law.best]
    also = f", level with {', '.join(level)}" if level else ""
    over = ""
    if len(scenario.reigns) > 1:
        over = f" Over what an answer is worth: {words.reign(scenario)}."
    return f"{scenario.best} is best{also}.{over}"


def _head(law: LawResult) -> LawHead:
    missed = [each.judgement.name for each in law.expectations if each.counts and not each.met]
    notes = []
    if missed:
        notes.append(f"misses {'; '.join(missed)}")
    if law.dominated_by:
        notes.append(f"dominated by {', '.join(law.dominated_by)}")
    return LawHead(law=law.law, standing=words.standing(law), notes=tuple(notes))


def _cells(shown: Metric, values: Sequence[Interval]) -> tuple[LawCell, ...]:
    relative = shown.unit == "relative"
    texts = [
        words.regret(value.estimate) if relative else amount(value.estimate, shown.unit)
        for value in values
    ]
    best = "" if relative else _best(shown, values, texts)
    return tuple(
        LawCell(value=text, spread=words.plus_minus(value, text, shown.unit), best=text == best)
        for value, text in zip(values, texts, strict=True)
    )


def _best(shown: Metric, values: Sequence[Interval], texts: Sequence[str]) -> str:
    """How the best figure of a row reads; "" where none is better, or all read the same."""
    pick = {"lower": min, "higher": max}.get(shown.better)
    finite = [
        (value.estimate, text)
        for value, text in zip(values, texts, strict=True)
        if math.isfinite(value.estimate)
    ]
    if pick is None or len(set(texts)) == 1 or not finite:
        return ""
    return pick(finite)[1]


def _write_data(path: Path, comparison: Comparison) -> None:
    metrics = {
        name for scenario in comparison.scenarios for law in scenario.laws for name in law.metrics
    }
    names = [name for name in METRICS if name in metrics] + sorted(metrics - set(METRICS))
    ends = ("estimate", "low", "high")
    header = ["scenario", "law", "standing", "dominated_by"]
    header += [f"{name}_{end}" for name in ("regret", "utility", *names) for end in ends]

    def row(scenario: ComparedScenario, law: LawResult) -> list[Cell]:
        values = [law.regret, law.score, *(law.metrics.get(name, UNDEFINED) for name in names)]
        return [
            scenario.scenario,
            law.law,
            words.standing(law),
            " ".join(law.dominated_by),
            *(getattr(value, end) for value in values for end in ends),
        ]

    write_csv(
        path,
        header,
        (row(scenario, law) for scenario in comparison.scenarios for law in scenario.laws),
    )
