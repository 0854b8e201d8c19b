"""What is said of a backtest: figures as text, for a page and a terminal alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

from balancer.records.backtest import Backtest, BacktestArm, Bounds, Figure

from ..amounts import NOTHING, amount, clock, difference, difference_interval, duration, interval
from ..metrics import metric

__all__ = [
    "SHOWN",
    "ArmRow",
    "FigureRow",
    "answer",
    "arm_rows",
    "assumed",
    "facts",
    "figure_rows",
    "label",
    "question",
    "seen_faults",
]

SHOWN = (
    "availability",
    "latency_p95_s",
    "error_rate",
    "cost_usd",
    "quality",
    "utility_usd",
    "degraded_share",
    "transitions",
)
"""Metrics in which policies are compared on a page."""

UNBOUNDED = Bounds(worse=math.nan, better=math.nan)

LABELS = {
    "observed_cost_usd": "Cost",
    "ttft_p50_s": "First token P50",
    "ttft_p95_s": "First token P95",
    "prompt_tokens": "Prompt tokens",
    "output_tokens": "Answer tokens",
    "thinking_tokens": "Thinking tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """A figure as it was and as it is simulated."""

    label: str
    seen: str
    simulated: str
    interval: str
    difference: str
    tolerance: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """A metric of a policy, and its difference to live."""

    label: str
    value: str
    interval: str
    difference: str
    difference_interval: str
    bounds: str


def label(name: str) -> str:
    """What a figure is called."""
    return LABELS.get(name) or metric(name).label


def question(found: Backtest) -> str:
    """What was asked."""
    names = [each.arm for each in found.arms[2:]]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    requests = amount(found.journal.requests, "count")
    return f"Would {listed} have served these {requests} requests better?"


def answer(found: Backtest) -> str:
    """Whether the fit is to be trusted, in a line without its full stop."""
    judged = [each for each in found.fidelity if not math.isnan(each.tolerance)]
    off = [each for each in judged if not each.agrees]
    if not off:
        return (
            f"The fit reproduces what happened under {found.journal.policy}: all {len(judged)} "
            "figures are within their tolerances"
        )
    return (
        f"The fit does not reproduce what happened under {found.journal.policy}, so nothing below "
        "is to be trusted: " + ", ".join(f"{label(each.name)} {_off(each)}" for each in off)
    )


def _off(each: Figure) -> str:
    return f"{_difference(each)} (at most {_tolerance(each)})"


def _difference(each: Figure) -> str:
    return difference(each.difference, "relative" if each.relative else each.unit)


def _tolerance(each: Figure) -> str:
    if math.isnan(each.tolerance):
        return NOTHING
    return amount(
        each.tolerance,
        "share" if each.relative else "points" if each.unit == "share" else each.unit,
        exact=True,
    )


def figure_rows(found: Backtest) -> list[FigureRow]:
    """Every figure that the journal tells and that is not nothing on both sides."""
    return [
        FigureRow(
            label=label(each.name),
            seen=amount(each.seen, each.unit),
            simulated=amount(each.simulated, each.unit),
            interval=interval(each.low, each.high, each.unit) or NOTHING,
            difference=_difference(each),
            tolerance=_tolerance(each),
            verdict=_verdict(each),
        )
        for each in found.fidelity
        if not math.isnan(each.seen) and (each.seen or each.simulated)
    ]


def _verdict(each: Figure) -> str:
    if math.isnan(each.tolerance):
        return ""
    return "pass" if each.agrees else "fail"


def arm_rows(arm: BacktestArm) -> list[ArmRow]:
    """The metrics that are shown of a policy."""
    rows = []
    for name in SHOWN:
        unit = metric(name).unit
        value, change = arm.metrics[name], arm.difference[name]
        bounds = (arm.assumed.bounds or {}).get(name, UNBOUNDED)
        low, high = sorted((bounds.worse, bounds.better))
        own = arm.arm == "live"
        rows.append(
            ArmRow(
                label=metric(name).label,
                value=amount(value.estimate, unit),
                interval=interval(value.low, value.high, unit) or NOTHING,
                difference=NOTHING if own else difference(change.estimate, unit),
                difference_interval=""
                if own
                else difference_interval(change.low, change.high, unit),
                bounds=interval(min(low, value.estimate), max(high, value.estimate), unit)
                if not math.isnan(low)
                else "",
            )
        )
    return rows


def assumed(arm: BacktestArm, swept: float) -> str:
    """What of a policy's figures is assumed, or "": nothing is."""
    gaps = arm.assumed
    if not gaps.share:
        return ""
    parts = []
    if gaps.models:
        parts.append(f"{' and '.join(gaps.models)}, which the journal does not measure")
    if gaps.modes:
        parts.append(f"{' and '.join(gaps.modes)}, whose calls it never saw")
    return (
        f"assumed: {amount(gaps.share, 'share')} of its answers are of {', and of '.join(parts)}; "
        "bounds are with quality, brevity and models' speed "
        f"{amount(swept, 'share', exact=True)} worse and better"
    )


def seen_faults(found: Backtest) -> list[tuple[str, str]]:
    """Faults of the fit, each with when it was."""
    return [
        (f"{each.name}: {each.text}", f"{clock(each.from_s)} to {clock(each.to_s)}")
        for each in found.fit.faults
    ]


def facts(found: Backtest) -> list[tuple[str, str]]:
    """What a page says at its end."""
    return [
        ("Journal", found.journal.files),
        ("Live policy", found.journal.policy),
        ("Answers in it", amount(found.journal.answers, "count")),
        ("Length", duration(found.duration_s)),
        ("Warm-up, left out", duration(found.warm_up_s)),
        ("Replications", str(found.replications)),
        ("Seed", str(found.seed)),
        *found.versions.items(),
    ]
