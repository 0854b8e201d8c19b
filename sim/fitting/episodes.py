"""What went wrong, from when to when: a journal's failures and slow calls as faults of a scenario.

A fault strikes calls when they begin, so failures and durations are looked at by the tick in which
their calls began. What a stretch has more than the usual level is a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balancer.core.observations import FAILURES

from .columns import Columns
from .segments import Segment, level_segments, share_segments

__all__ = ["ERRORS", "Episode", "base_level", "failing", "merged", "slow_segments"]

Column = np.ndarray[Any, Any]

ERRORS = ("overloaded", "internal", "quota_minute", "quota_day", "reset", "malformed", "cut")
"""Kinds of failure that a fault of a scenario can bring about."""

USUAL = 0.1
"""Of the calls, the share that fails least: an outage may last for most of a journal."""
AT_THE_END = ("malformed", "cut")
"""They show when a call ends; the others at once."""

LEAST_SHARE = 0.01
"""Failures beyond the usual share that are worth a fault."""
ALIKE = 0.15
"""Relative difference of two neighbouring faults that are taken for one."""
CLIPPED = 3.0
"""Octaves beyond the usual that a duration counts with: a hang is no slower than slow."""
SLOW = 0.2
"""Octaves by which a stretch differs: 15 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A fault that was seen.

    Attributes:
        kind: of a fault of a scenario.
        model: that it struck.
        segment: from when to when.
        share: of calls that were struck.
        factor: of durations or tokens.
        error: kind of failure, "" of others.
        ignores_budget: whether thinking is taken to pass its budget.
        calls: evidence.
        note: how well it is known, beside its ends.
    """

    kind: str
    model: str
    segment: Segment
    share: float = 1.0
    factor: float = 1.0
    error: str = ""
    ignores_budget: bool = False
    calls: float = 0.0
    note: str = ""


def base_level(segments: Sequence[Segment], share: float = 0.5) -> float:
    """The usual level: the median over calls, or another quantile."""
    ordered = sorted(segments, key=lambda each: each.level)
    left = share * sum(each.weight for each in ordered)
    for each in ordered:
        left -= each.weight
        if left <= 0.0:
            return each.level
    return 0.0


def failing(columns: Columns, model: str, delay: int) -> tuple[list[Episode], dict[str, float]]:
    """Stretches in which a model failed more than usual, and the usual share of each kind.

    Args:
        columns: of the journal.
        model: which.
        delay: ticks that its calls take, for failures that show at the end.
    """
    rows = columns.of_model(model)
    at = columns.served_at[rows]
    episodes: list[Episode] = []
    usual: dict[str, float] = {}
    for kind in ERRORS:
        failures = columns.failures[rows, FAILURES.index(kind)]
        if not failures.any():
            continue
        late = kind in AT_THE_END
        calls = columns.finished[rows] if late else columns.started[rows]
        begun = np.maximum(at - (delay if late else 0), 0)
        segments = share_segments(columns.per_tick(begun, failures), columns.per_tick(begun, calls))
        usual[kind] = base = base_level(segments, USUAL)
        episodes += [
            Episode(
                kind="cut" if kind == "cut" else "error",
                model=model,
                segment=each,
                share=min(1.0, (each.level - base) / max(1.0 - base, 1e-9)),
                error="" if kind == "cut" else kind,
                calls=each.weight,
            )
            for each in segments
            if each.level - base >= LEAST_SHARE
        ]
    return merged(episodes), usual


def merged(episodes: Sequence[Episode]) -> list[Episode]:
    """Neighbouring ones of a kind and about the same size as one."""
    found: list[Episode] = []
    for each in episodes:
        last = found[-1] if found else None
        if (
            last is not None
            and (last.kind, last.model, last.error) == (each.kind, each.model, each.error)
            and last.segment.end == each.segment.begin
            and abs(each.share / last.share - 1.0) <= ALIKE
            and abs(each.factor / last.factor - 1.0) <= ALIKE
        ):
            calls = last.calls + each.calls
            weight = each.calls / calls if calls else 0.5
            found[-1] = replace(
                last,
                segment=replace(
                    last.segment,
                    end=each.segment.end,
                    end_low=each.segment.end_low,
                    end_high=each.segment.end_high,
                ),
                share=last.share + (each.share - last.share) * weight,
                factor=last.factor + (each.factor - last.factor) * weight,
                calls=calls,
            )
        else:
            found.append(each)
    return found


def slow_segments(begin: Column, octave: Column, count: Column, ticks: int) -> list[Segment]:
    """Stretches of like durations.

    Args:
        begin: tick in which each began.
        octave: binary logarithm of its duration over the usual one.
        count: how many were alike.
        ticks: how many there are.
    """
    x = np.clip(octave, -CLIPPED, CLIPPED)
    sums = np.bincount(begin, weights=x * count, minlength=ticks)
    weights = np.bincount(begin, weights=count, minlength=ticks)
    # By the median deviation, which an incident does not move.
    order = np.argsort(np.abs(x))
    half = np.searchsorted(np.cumsum(count[order]), count.sum() / 2.0)
    sigma = 1.4826 * float(np.abs(x)[order][min(half, len(order) - 1)])
    return level_segments(sums, weights, max(sigma, 0.05))
