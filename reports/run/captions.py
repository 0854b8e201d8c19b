"""A timeline in words: what a reader has to know, and the figure for who does not see it."""

from __future__ import annotations

import math
from typing import Final

from balancer.records.verdict import Verdict

from ..amounts import duration
from .timelines import Timeline, losses_of

__all__ = ["caption", "describe"]

MOST_LOSSES: Final = 3
"""Most spans of lost telemetry that are named one by one."""


def caption(verdict: Verdict, shown: Timeline) -> str:
    """What a reader has to know to read the figure."""
    parts = [
        f"Replication 0 of {verdict.replications}.",
        f"Lines are windows of {duration(shown.controlled.window_s)}.",
    ]
    if verdict.replicas > 1:
        parts.append(
            f"Lines are of the first of {verdict.replicas} processes, modes of all of them."
        )
    if shown.static is None and shown.uncontrolled is None:
        parts.append("There is no journal of a run without a controller to compare with.")
    else:
        parts.append("Solid: with the controller. The same requests without one:")
        kinds = []
        if shown.static is not None:
            kinds.append("dashed, static (the policy's normal mode, retries and fallback)")
        if shown.uncontrolled is not None:
            kinds.append("thin and dotted, without (the application's own clients)")
        parts.append(f"{'; '.join(kinds)}.")
    parts.append("Latency is of complete answers and timeouts; cost is as observed, when settled.")
    parts += filter(None, (_lost(verdict, shown), _late(verdict, shown)))
    if shown.thresholds:
        parts.append("Dotted across: where the policy enters a mode.")
    if shown.faults:
        parts.append("Shaded: faults.")
    if shown.warm_up_s > 0:
        parts.append("The metrics leave out the warm-up, to the left of the dotted upright.")
    return " ".join(parts)


def _lost(verdict: Verdict, shown: Timeline) -> str:
    """What lost telemetry does to the lines; "" where none was."""
    losses = losses_of(verdict)
    if not losses:
        return ""
    spans = [f"from {duration(each.from_s)} to {duration(each.to_s)}" for each in losses]
    when = " and ".join(spans) if len(spans) <= MOST_LOSSES else f"{len(spans)} times"
    series = shown.controlled
    half_s = series.window_s / 2
    inside = [
        (rate, errors)
        for time_s, rate, errors in zip(
            series.time_s, series.offered_per_s, series.error_rate, strict=True
        )
        if any(each.from_s <= time_s - half_s and time_s + half_s < each.to_s for each in losses)
    ]
    if inside and not any(math.isfinite(value) for values in inside for value in values):
        return f"Telemetry was lost {when}: lines have a gap there."
    told = f"Telemetry was lost in part {when}: lines are of what was seen"
    if not all(math.isfinite(rate) for rate, _ in inside):
        told += ", with gaps where that was too little, or a lost second looks like an idle one"
    return f"{told}."


def _late(verdict: Verdict, shown: Timeline) -> str:
    """From when on nothing had come in when the run ended; "" where all had."""
    series = shown.controlled
    first = len(series.time_s)
    while first and not math.isfinite(series.offered_per_s[first - 1]):
        first -= 1
    if first in {0, len(series.time_s)}:
        return ""
    from_s = series.time_s[first] - series.window_s / 2
    if any(each.from_s <= from_s + series.window_s <= each.to_s for each in losses_of(verdict)):
        return ""
    return f"Of what came after {duration(from_s)} nothing was known yet when the run ended."


def describe(verdict: Verdict, shown: Timeline) -> str:
    """The figure in words, for readers who do not see it."""
    faults = "; ".join(
        f"{fault.label} from {duration(fault.from_s)} to {duration(fault.to_s)}"
        for fault in shown.faults
    )
    worst = max((span.mode for span in shown.controlled.modes), default=None)
    parts = [
        f"Timeline of {duration(shown.duration_s)}:",
        "mode, latency, error rate, cost per hour and requests per second.",
        f"Faults: {faults}." if faults else "No faults.",
        f"Deepest mode: {worst.label}; {len(verdict.transitions)} transitions."
        if worst is not None
        else "",
    ]
    arms = (
        ("with the controller", shown.controlled),
        ("in static", shown.static),
        ("without", shown.uncontrolled),
    )
    for name, arm in arms:
        if arm is not None and any(map(math.isfinite, arm.latency_p95_s)):
            highest = max(filter(math.isfinite, arm.latency_p95_s))
            parts.append(f"Highest P95 {name}: {duration(highest)}.")
    return " ".join(filter(None, parts))
