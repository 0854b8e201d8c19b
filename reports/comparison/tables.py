"""A comparison on a terminal: a table for each scenario, and who came out how over all."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from balancer.records.comparison import ComparedScenario, Comparison, LawResult, LawSummary
from balancer.records.interval import Interval

from ..amounts import NOTHING, counted
from ..console import table
from . import words

__all__ = ["comparison_tables"]

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
COLUMNS = (
    ("avail. %", "availability", 100.0, 2),
    ("P95 s", "latency_p95_s", 1.0, 1),
    ("cost $", "cost_usd", 1.0, 1),
    ("$/1000", "cost_per_answer_usd", 1000.0, 2),
    ("quality", "quality", 1.0, 3),
    ("shed %", "shed_share", 100.0, 1),
)
"""Head, metric, scale and decimals; the interval stands below, so that a line fits a log."""

SWEPT_USD = (0.003, 0.1)
"""Worths of an answer at which the summary says who is best, beside the scenario's own."""
LIVED_THROUGH = (
    ("moves/h", "transitions_per_hour", 1.0, 1),
    ("degraded %", "degraded_share", 100.0, 1),
    ("retries", "retry_amplification", 1.0, 2),
)
"""The same of what operators live through."""


def comparison_tables(comparison: Comparison) -> Group:
    """What a comparison showed: every scenario, then the summary."""
    return Group(*_parts(comparison))


def _parts(comparison: Comparison) -> Iterator[RenderableType]:
    for scenario in comparison.scenarios:
        runs = counted(scenario.replications, "replication")
        yield Text.assemble((scenario.scenario, "bold"), ": ", _winner(scenario))
        yield Text(f"policy {scenario.policy}, {runs}, seed {scenario.seed}", style="dim")
        yield Text()
        yield _scenario(scenario)
        yield Text()
        yield Text("what operators live through", style="bold")
        yield _lived(scenario)
        yield Text()
        yield from _legend(scenario)
        remarks = [line for law in scenario.laws for line in _remarks(law)]
        if remarks:
            yield Text("\n".join(remarks), style="dim")
            yield Text()
    yield Text(
        "$/1000: dollars per 1000 answers; utility: of 1000 requests, good answers in time less "
        f"waiting less\nbill, in dollars; {PLUS_MINUS}: 95 % interval. regret: utility below the "
        "best's, as a share of what perfect\nanswers would be worth; in brackets where the law "
        "misses an expectation. moves: changes of mode;\nretries: attempts per request, fallbacks "
        "aside. within best: the best, or its regret's interval contains 0.\n"
        "over all: mean availability; utility over the reference's in the median scenario; median "
        "and largest\nregret where a law meets all; within best if a perfect answer were worth so "
        "much; within 1 %:\nmeets all with a regret of at most 1 %, however precisely measured.",
        style="dim",
    )
    yield Text()
    yield _summary(comparison)
    if any(law.lived_through.expectations for law in comparison.summary):
        yield Text()
        yield _lived_over_all(comparison)
    if comparison.missing:
        yield Text()
        yield Text(f"not run: {', '.join(comparison.missing)}", style="bold yellow")


def _winner(scenario: ComparedScenario) -> Text:
    if not scenario.best:
        return Text("no law meets what is expected", style="bold yellow")
    others = [law.law for law in scenario.laws if law.within_best and not law.best]
    also = f"; not to be told from it: {', '.join(others)}" if others else ""
    if len(scenario.reigns) > 1:
        also += f"\nover what an answer is worth: {words.reign(scenario)}"
    return Text.assemble((f"{scenario.best} is best", "bold green"), also)


def _scenario(scenario: ComparedScenario) -> Table:
    rows = table()
    rows.add_column("law", no_wrap=True)
    for head, *_ in COLUMNS:
        rows.add_column(head, justify="right", no_wrap=True)
    rows.add_column("utility", justify="right", no_wrap=True)
    rows.add_column("regret", justify="right", no_wrap=True)
    for law in scenario.laws:
        rows.add_row(
            Text(law.law, style="bold" if law.within_best else "" if law.eligible else "dim"),
            *(_figure(law.metrics.get(name), scale, places) for _, name, scale, places in COLUMNS),
            _figure(law.score, 1.0, 2),
            _regret(law),
        )
    return rows


def _lived(scenario: ComparedScenario) -> Table:
    """Modes and their changes: told of every law, and held against none."""
    rows = table()
    rows.add_column("law", no_wrap=True)
    for head, *_ in LIVED_THROUGH:
        rows.add_column(head, justify="right", no_wrap=True)
    for number, _ in enumerate(scenario.left_out, 1):
        rows.add_column(f"[{number}]", justify="right", no_wrap=True)
    for law in scenario.laws:
        met = {each.judgement.name: each.met for each in law.expectations}
        rows.add_row(
            Text(law.law),
            *(
                _figure(law.metrics.get(name), scale, places)
                for _, name, scale, places in LIVED_THROUGH
            ),
            *("yes" if met.get(name) else "no" for name in scenario.left_out),
        )
    return rows


def _legend(scenario: ComparedScenario) -> Iterator[RenderableType]:
    if scenario.left_out:
        lines = (f"[{number}] {name}" for number, name in enumerate(scenario.left_out, 1))
        yield Text("\n".join(lines), style="dim")
        yield Text()


def _remarks(law: LawResult) -> Iterator[str]:
    missed = [each.judgement.name for each in law.expectations if each.counts and not each.met]
    if missed:
        yield f"{law.law} misses: {', '.join(missed)}"
    if law.dominated_by:
        yield f"{law.law} is dominated by {', '.join(law.dominated_by)}"


def _figure(value: Interval | None, scale: float, places: int) -> str:
    if value is None or not math.isfinite(value.estimate):
        return NOTHING
    text = f"{value.estimate * scale:.{places}f}"
    spread = _reach(value, scale, places)
    return f"{text}\n{spread}" if spread else text


def _reach(value: Interval, scale: float, places: int) -> str:
    """How far an interval reaches; "" where there is none, or it rounds to nothing."""
    far = words.reach(value)
    if not math.isfinite(far):
        return ""
    text = f"{far * scale:.{places}f}"
    return f"{PLUS_MINUS}{text}" if float(text) else ""


def _regret(law: LawResult) -> str:
    if law.best:
        return "best"
    text = words.regret(law.regret.estimate)
    spread = _reach(law.regret, 100.0, 1)
    shown = f"{text}\n{spread}" if spread else text
    return shown if law.eligible else f"({text})"


def _summary(comparison: Comparison) -> Table:
    rows = table()
    rows.title = Text(f"over {counted(len(comparison.scenarios), 'scenario')}", style="bold")
    rows.title_justify = "left"
    rows.add_column("law", no_wrap=True)
    for head in ("within best", "within 1 %", "meets all"):
        rows.add_column(head, justify="right")
    rows.add_column("avail. %", justify="right")
    rows.add_column("utility", justify="right")
    rows.add_column("median", justify="right")
    rows.add_column("largest regret", justify="left", no_wrap=True)
    steps = _steps(comparison)
    for answer_usd, _ in steps:
        rows.add_column(words.worth(answer_usd), justify="right")
    for law in comparison.summary:
        rows.add_row(
            law.law,
            str(law.within_best),
            words.near(law),
            str(law.eligible),
            _figure(_alone(law.availability), 100.0, 2),
            "" if law.law == comparison.reference else words.behind(law.ahead_of_reference),
            words.regret(law.median_regret),
            _largest(law),
            *(str(law.sweep[place].within_best) for _, place in steps),
        )
    return rows


def _lived_over_all(comparison: Comparison) -> Table:
    """What operators live through, which ranks nobody: expectations met, and means."""
    rows = table()
    rows.title = Text("what operators live through, over all", style="bold")
    rows.title_justify = "left"
    rows.add_column("law", no_wrap=True)
    for each in comparison.summary[0].lived_through.expectations:
        rows.add_column(each.about, justify="right")
    rows.add_column("moves/h", justify="right")
    rows.add_column("degraded %", justify="right")
    for law in comparison.summary:
        rows.add_row(
            law.law,
            *(f"{each.met}/{each.asked}" for each in law.lived_through.expectations),
            _figure(_alone(law.lived_through.transitions_per_hour), 1.0, 1),
            _figure(_alone(law.lived_through.degraded_share), 100.0, 1),
        )
    return rows


def _steps(comparison: Comparison) -> list[tuple[float, int]]:
    """Some worths of the sweep, with their places in it."""
    sweep = comparison.summary[0].sweep if comparison.summary else ()
    return [
        (each.answer_usd, place) for place, each in enumerate(sweep) if each.answer_usd in SWEPT_USD
    ]


def _alone(value: float) -> Interval:
    return Interval(estimate=value, low=math.nan, high=math.nan)


def _largest(law: LawSummary) -> str:
    if not math.isfinite(law.largest_regret.value.estimate):
        return NOTHING
    largest = law.largest_regret.value
    text = words.regret(largest.estimate)
    if largest.estimate <= 0.0:
        return text  # the best of every scenario: there is none to name
    spread = _reach(largest, 100.0, 1)
    where = law.largest_regret.scenario
    return f"{text} {spread}\n{where}" if spread else f"{text}\n{where}"
