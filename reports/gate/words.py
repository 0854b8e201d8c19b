"""What a gate asks and answers, in words: for its page, a log, a comment and a test report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from balancer.records.deciding import deciding
from balancer.records.gate import Gate, GateScenario, Worsening
from balancer.records.interval import Interval

from ..amounts import MINUS, NOTHING, POINTS, amount, counted, difference, difference_interval
from ..metrics import metric

__all__ = [
    "DEGRADED",
    "answer",
    "both",
    "change",
    "change_interval",
    "changed",
    "degraded",
    "margin",
    "note",
    "open_or_failed",
    "question",
    "uncompared",
    "unit_of",
]

MOST_NAMES = 3
DEGRADED = "degraded_share"


def question(gate: Gate) -> str:
    """What was asked."""
    return f"May “{gate.candidate.name}” replace “{gate.baseline.name}”?"


def answer(gate: Gate) -> str:
    """What came out: yes, no or not decided, and why."""
    total = sum(len(scenario.differences) for scenario in gate.scenarios)
    failed, undecided = open_or_failed(gate, "fail"), open_or_failed(gate, "inconclusive")
    every = counted(total, "comparison")
    if failed:
        text = f"No: worse beyond the margin in {len(failed)} of {every} ({_named(failed)})"
    elif undecided:
        text = f"Not decided: {len(undecided)} of {every} open ({_named(undecided)})"
    elif gate.missing:
        text = "Not decided: the gate was interrupted"
    elif gate.identical:
        text = "Yes: both policies decide the same"
    elif total == 0:
        text = "There was nothing to compare"
    else:
        text = f"Yes: within the margin in {'all ' if total > 1 else ''}{every}"
    if gate.missing:
        text += f"; not finished: {', '.join(gate.missing)}"
    return text


def uncompared(gate: Gate) -> str:
    """What a candidate may give up for its gains without a margin that says so; "" for nothing."""
    compared = {each.metric for scenario in gate.scenarios for each in scenario.differences}
    names = [
        metric(name).label.removesuffix(" (assumed)")
        for name in ("quality", DEGRADED)
        if name not in compared
    ]
    if not (compared and names):
        return ""
    return f"No margin was given for, and so nothing is judged of: {', '.join(names)}"


def degraded(scenario: GateScenario) -> tuple[str, str] | None:
    """Shares that baseline and candidate serve above normal; None where a row has them already."""
    before, after = scenario.degraded.baseline, scenario.degraded.candidate
    if any(each.metric == DEGRADED for each in scenario.differences):
        return None
    shown = amount(before.estimate, "share"), amount(after.estimate, "share")
    return None if NOTHING in shown else shown


def open_or_failed(gate: Gate, verdict: str) -> list[tuple[str, Worsening]]:
    """Comparisons of this verdict, each with its scenario's name."""
    return [
        (scenario.scenario, each)
        for scenario in gate.scenarios
        for each in scenario.differences
        if each.verdict == verdict
    ]


def margin(each: Worsening) -> str:
    """How much worse is acceptable, as a change: −0.1 points, +5 %, +200 ms."""
    sign = MINUS if each.better == "higher" else "+"
    if each.unit == "share" and not each.relative:
        # As written: 0.1 and not 0.10.
        return sign + amount(each.margin, "share", exact=True).rstrip("%").rstrip() + POINTS
    return sign + amount(each.margin, "share" if each.relative else each.unit, exact=True)


def change(each: Worsening) -> Interval:
    """The candidate less the baseline, with its own sign: a quality that fell is negative."""
    interval = each.worsening
    if each.better != "higher":
        return interval
    # 0.0 less, so that no difference is no negative zero.
    return Interval(
        estimate=0.0 - interval.estimate, low=0.0 - interval.high, high=0.0 - interval.low
    )


def changed(each: Worsening) -> str:
    """The change, with its sign."""
    return difference(change(each).estimate, unit_of(each))


def change_interval(each: Worsening) -> str:
    """The same as an interval of the gate's level; "" where it does not exist."""
    interval = change(each)
    return difference_interval(interval.low, interval.high, unit_of(each))


def both(each: Worsening) -> tuple[str, str]:
    """Baseline and candidate."""
    return amount(each.baseline.estimate, each.unit), amount(each.candidate.estimate, each.unit)


def note(each: Worsening) -> str:
    """What else is to be said: the gate's note, and how many replications would decide."""
    parts = (each.note, deciding(each.verdict, each.replications_needed))
    return "; ".join(part for part in parts if part)


def unit_of(each: Worsening) -> str:
    """Unit of its change."""
    return "relative" if each.relative else each.unit


def _named(comparisons: Sequence[tuple[str, Worsening]]) -> str:
    """The first comparisons, the worst ones first, with what they came to."""

    def in_margins(entry: tuple[str, Worsening]) -> float:
        each = entry[1]
        share = each.worsening.estimate / each.margin if each.margin > 0 else math.inf
        return share if math.isfinite(share) else math.inf

    ordered = sorted(comparisons, key=in_margins, reverse=True)
    texts = []
    for scenario, each in ordered[:MOST_NAMES]:
        text = f"{metric(each.metric).label.removesuffix(' (assumed)')} in {scenario}"
        before, after = both(each)
        shown = changed(each)
        moved = f" {before} → {after}" if NOTHING not in {before, after} else ""
        texts.append(f"{text}{moved}, {shown}" if shown != NOTHING else text)
    more = len(comparisons) - MOST_NAMES
    return "; ".join(texts) + (f"; {more} more" if more > 0 else "")
