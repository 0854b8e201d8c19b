"""What a page says of one scenario, as text ready to be set: no markup, no decisions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from balancer.records.interval import Interval
from balancer.records.verdict import Judgement, Verdict

from ..amounts import (
    NOTHING,
    POINTS,
    amount,
    clock,
    counted,
    difference,
    difference_interval,
    duration,
)
from ..arms import CHEAPEST, LABELS, MEANINGS, NONE, POLICY, STATIC
from ..judgements import crosses_bound, remarks, spread
from ..metrics import METRICS, Metric, metric
from ..page import SYMBOLS
from ..svg import Drawn
from .answer import answer, cheap, effect, harm, question
from .intervals import IntervalPlot, interval_plot

__all__ = ["ComparedRow", "ExpectedRow", "Section", "Tile", "TransitionRow", "section"]

MOST_TRANSITIONS = 200
"""A flapping law's thousands of moves are in verdict.json; a person reads the first ones."""

TILES = ("cost_usd", "quality", "degraded_share", "availability", "latency_p95_s", "error_rate")
"""What was gained beside what was given up for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure of the headline: with the controller, what that changed, and other arms."""

    label: str
    value: str
    static: str
    change: str
    tone: str
    others: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRow:
    """A row of the expectations table."""

    name: str
    verdict: str
    symbol: str
    estimate: str
    interval: str
    bound: str
    plot: IntervalPlot | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """A row of the table of arms: the difference is to static; `tone` is good, bad or "" (no
    clear difference).
    """

    label: str
    value: str
    static: str
    without: str
    cheapest: str
    difference: str
    difference_interval: str
    plot: IntervalPlot | None
    tone: str
    judgement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRow:
    """A change of mode."""

    at: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One scenario of the page.

    Attributes:
        anchor: id of the section.
        figure, caption: the timeline, and what it shows.
        data: name of the file with the timeline's data, or "".
        harm: that the controller does harm, or "".
        misfits: thresholds that healthy traffic crosses, a sentence each.
        cheap: what the cheap model always would save, or "".
        arms: label and meaning of each arm.
        zeros: metrics that are zero in every arm, left out of the table.
        unmentioned: transitions left out of the list.
    """

    anchor: str
    scenario: str
    policy: str
    verdict: str
    symbol: str
    question: str
    answer: str
    effect: str
    harm: str
    misfits: tuple[str, ...]
    cheap: str
    arms: tuple[tuple[str, str], ...]
    teaches: str
    source: str
    tiles: tuple[Tile, ...]
    figure: Drawn
    caption: str
    data: str
    expectations: tuple[ExpectedRow, ...]
    compared: tuple[ComparedRow, ...]
    zeros: tuple[str, ...]
    confidence: str
    transitions: tuple[TransitionRow, ...]
    unmentioned: int
    faults: tuple[tuple[str, str, str], ...]
    assumptions: tuple[str, ...]
    command: str
    facts: tuple[tuple[str, str], ...]


def section(
    verdict: Verdict, *, anchor: str, figure: Drawn, caption: str, data: str = ""
) -> Section:
    """Put a verdict into words."""
    names = _ordered(verdict.metrics)
    zeros = [name for name in names if _is_zero(verdict, name)]
    return Section(
        anchor=anchor,
        scenario=verdict.scenario,
        policy=verdict.policy,
        verdict=verdict.verdict,
        symbol=SYMBOLS.get(verdict.verdict, "?"),
        question=question(verdict),
        answer=answer(verdict),
        effect=effect(verdict),
        harm=harm(verdict),
        misfits=verdict.misfits,
        cheap=cheap(verdict),
        arms=tuple((LABELS[arm], MEANINGS[arm]) for arm in LABELS),
        teaches=verdict.teaches,
        source=verdict.source,
        tiles=tuple(_tile(verdict, name) for name in TILES if name in verdict.metrics),
        figure=figure,
        caption=caption,
        data=data,
        expectations=tuple(_expected(each) for each in verdict.expectations),
        compared=tuple(_compared(verdict, name) for name in names if name not in zeros),
        zeros=tuple(metric(name).label for name in zeros),
        confidence=amount(verdict.confidence, "share", exact=True),
        transitions=tuple(
            TransitionRow(
                at=clock(each.at_s), before=each.before, after=each.after, reason=each.reason
            )
            for each in verdict.transitions[:MOST_TRANSITIONS]
        ),
        unmentioned=max(0, len(verdict.transitions) - MOST_TRANSITIONS),
        faults=_faults(verdict),
        assumptions=verdict.assumptions,
        command=_command(verdict),
        facts=_facts(verdict),
    )


def _ordered(metrics: Mapping[str, Interval]) -> list[str]:
    known = [name for name in METRICS if name in metrics]
    return [*known, *(name for name in metrics if name not in METRICS)]


def _is_zero(verdict: Verdict, name: str) -> bool:
    return all(arm[name].estimate == 0 for arm in verdict.arms.values() if name in arm)


def _tile(verdict: Verdict, name: str) -> Tile:
    shown = metric(name)
    change = verdict.change(STATIC, name)
    ours, static, *others = _arms(verdict, name)
    return Tile(
        label=shown.label,
        value=ours,
        static=static,
        change=difference(change.estimate, shown.unit),
        tone=_tone(change, shown),
        others=tuple(zip((LABELS[NONE], LABELS[CHEAPEST]), others, strict=True)),
    )


def _arms(verdict: Verdict, name: str) -> list[str]:
    """A metric with, static, without, and with the cheap model always."""
    unit = metric(name).unit
    return [
        amount(verdict.metric(arm, name).estimate, unit) for arm in (POLICY, STATIC, NONE, CHEAPEST)
    ]


def _tone(change: Interval, shown: Metric) -> str:
    """Good or bad where the interval leaves no doubt of the sign, else ""."""
    if not shown.better or not (change.low > 0 or change.high < 0):
        return ""
    return "good" if (change.low > 0) == (shown.better == "higher") else "bad"


def _expected(each: Judgement) -> ExpectedRow:
    value = each.value
    sign = {"lower": "≤ ", "higher": "≥ "}.get(each.better, "")
    bound = amount(each.bound, each.unit, exact=True)
    # A never passes though its interval reaches past the bound: drawn, it would look failed.
    shown = not (each.verdict == "pass" and crosses_bound(each))
    return ExpectedRow(
        name=each.name,
        verdict=each.verdict,
        symbol=SYMBOLS.get(each.verdict, "?"),
        estimate=amount(value.estimate, each.unit),
        interval=spread(each),
        bound=sign + bound if bound != NOTHING else NOTHING,
        plot=(
            interval_plot(
                value.estimate,
                value.low,
                value.high,
                each.bound,
                each.better,
                # There is no room for "points" at both ends.
                say=lambda at: amount(at, each.unit, exact=at == each.bound).removesuffix(POINTS),
            )
            if shown
            else None
        ),
        note="; ".join(remarks(each)),
    )


def _compared(verdict: Verdict, name: str) -> ComparedRow:
    shown = metric(name)
    change = verdict.change(STATIC, name)
    ours, static, without, cheapest = _arms(verdict, name)
    tone = _tone(change, shown)
    return ComparedRow(
        label=shown.label,
        value=ours,
        static=static,
        without=without,
        cheapest=cheapest,
        difference=difference(change.estimate, shown.unit),
        difference_interval=difference_interval(change.low, change.high, shown.unit),
        plot=(
            interval_plot(
                change.estimate,
                change.low,
                change.high,
                0.0,
                shown.better,
                say=lambda at: difference(at, shown.unit).removesuffix(POINTS) if at else "0",
            )
            if change.low < change.high
            else None
        ),
        tone=tone,
        judgement={"good": "better", "bad": "worse"}.get(tone, ""),
    )


def _command(verdict: Verdict) -> str:
    if verdict.command:
        return shlex.join(verdict.command)
    # Run from Python: the command that comes nearest.
    words = ["open-balancer", "run", verdict.scenario]
    words += ["--seed", str(verdict.seed), "--replications", str(verdict.replications)]
    return shlex.join(words)


def _faults(verdict: Verdict) -> tuple[tuple[str, str, str], ...]:
    """Name, effect and time of each fault; of one that comes again, the first time."""
    windows: dict[tuple[str, str], list[str]] = {}
    for each in verdict.faults:
        times = windows.setdefault((each.name, each.text), [])
        times.append(f"{clock(each.from_s)} to {clock(each.to_s)}")
    return tuple(
        (
            name,
            text,
            times[0] + (f", and {counted(len(times) - 1, 'time')} more" if len(times) > 1 else ""),
        )
        for (name, text), times in windows.items()
    )


def _facts(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Policy", verdict.policy),
        ("Law", verdict.law),
        ("Simulated time", duration(verdict.duration_s)),
        ("Warm-up, left out", duration(verdict.warm_up_s)),
        ("Replications", str(verdict.replications)),
        ("Seed", str(verdict.seed)),
        *((name, version) for name, version in verdict.versions.items()),
        *((f"Journal, {arm}", name) for arm, name in verdict.journals.items()),
    ]
    return tuple((name, text) for name, text in facts if text and text != NOTHING)
