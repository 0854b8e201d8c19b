"""Why calls were slow: they thought or wrote more, hung, or everything took longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from balancer.core.modes import Mode

from .calls import CellCalls, Fitted, octaves
from .columns import OUTPUT, THINKING, Cell, Columns
from .episodes import SLOW, Episode, base_level, merged
from .samples import Samples
from .segments import Segment, share_segments

__all__ = ["HANGING", "SLOW", "slowness"]

Column = np.ndarray[Any, Any]

MORE = 0.25
"""Tokens of an answer that differ by so much from the usual are a fault of their own."""
HANGING = 0.03
"""Share of calls that come to no end, beyond what slowness explains."""
LEAST_ANSWERS = 3
FARTHEST, STEP = 6.0, 0.02
"""Octaves of slowness that are tried."""
BUDGET_KEPT = 1.1
"""Thinking above its budget by more shows that the budget did not bind."""


def slowness(
    columns: Columns,
    samples: Samples,
    model: str,
    segments: Sequence[Segment],
    usual: Mapping[Cell, CellCalls],
    fitted: Fitted,
    tick_s: float,
) -> list[Episode]:
    """Faults that explain the stretches in which a model's calls took unusually long.

    Args:
        columns, samples: of the journal.
        model: which.
        segments: stretches of like durations, of calls that were not called off.
        usual: what calls are like when nothing is wrong.
        fitted: the same as parameters.
        tick_s: length of a tick.
    """
    known = [
        (place, usual[columns.cells[place]])
        for place in columns.places(model)
        if columns.cells[place] in usual
    ]
    own = samples.of(np.isin(samples.cell, [place for place, _ in known]))
    episodes: list[Episode] = []
    base = base_level(segments)
    for segment in segments:
        if abs(segment.level - base) >= SLOW:
            here = _inside(own, segment)
            episodes += _slower(columns, here, model, segment, known, fitted, tick_s)
    hit, whole = (
        np.bincount(own.begin, weights=weights, minlength=columns.ticks)
        for weights in (own.count * own.late, own.count)
    )
    for segment in share_segments(hit, whole) if hit.any() else []:
        if segment.level >= HANGING:
            hangs = _slow_and_hanging(_inside(own, segment), known, fitted)[1]
            if hangs >= HANGING:
                episodes.append(
                    Episode(
                        kind="hang", model=model, segment=segment, share=hangs, calls=segment.weight
                    )
                )
    return merged(sorted(episodes, key=lambda each: (each.kind, each.segment.begin)))


def _inside(samples: Samples, segment: Segment) -> Samples:
    return samples.of((samples.begin >= segment.begin) & (samples.begin < segment.end))


def _share(hits: Column, count: Column) -> float:
    whole = count.sum()
    return float(count[hits].sum() / whole) if whole else 0.0


def _slower(
    columns: Columns,
    here: Samples,
    model: str,
    segment: Segment,
    known: Sequence[tuple[int, CellCalls]],
    fitted: Fitted,
    tick_s: float,
) -> list[Episode]:
    """Faults that explain one stretch: of the tokens first, and of durations for what is left."""
    took = np.exp2(np.median(here.octave)) / tick_s if len(here.octave) else 0.0
    thinking, output, passes, answers = _tokens(columns, segment, known, round(float(took)))
    thinking, output = (1.0 if abs(each - 1.0) <= MORE else each for each in (thinking, output))
    found = [
        Episode(
            kind=kind,
            model=model,
            segment=segment,
            factor=factor,
            ignores_budget=kind == "thinking" and passes,
            calls=answers,
        )
        for kind, factor in (("thinking", thinking), ("output", output))
        if factor != 1.0
    ]
    slow, _ = _slow_and_hanging(
        here, known, fitted, thinking=thinking, output=output, passes=passes
    )
    if abs(np.log2(slow)) >= SLOW:
        note = ""
        if _share(here.late, here.count) > 0.5:
            note = "most calls were called off, so it may have been more"
        found.append(
            Episode(
                kind="latency",
                model=model,
                segment=segment,
                factor=slow,
                calls=segment.weight,
                note=note,
            )
        )
    return found


def _tokens(
    columns: Columns, segment: Segment, known: Sequence[tuple[int, CellCalls]], took: int
) -> tuple[float, float, bool, float]:
    """How many times the usual tokens answers had; whether thinking passed its budget."""
    begin = min(segment.begin + took, segment.end - 1)
    end = segment.end + (took if begin + 5 >= segment.end else 0)
    sums = np.zeros(2)
    expected = np.zeros(2)
    bounded = answered = passed = 0.0
    for place, cell in known:
        rows = (columns.cell == place) & (columns.served_at >= begin) & (columns.served_at < end)
        rows &= columns.clean
        answers = float(columns.answers[rows].sum())
        tokens = columns.settled[rows][:, [THINKING, OUTPUT]].sum(axis=0)
        sums += tokens
        expected += answers * np.array([cell.thinking, cell.output])
        answered += answers
        if columns.cells[place][0] is not Mode.NORMAL and cell.budget < 1 << 20:
            bounded += answers
            passed += float(tokens[0]) - answers * cell.budget * BUDGET_KEPT
    if answered < LEAST_ANSWERS:
        return 1.0, 1.0, True, answered
    thinking = float(sums[0] / expected[0]) if expected[0] > answered else 1.0
    output = float(sums[1] / expected[1]) if expected[1] else 1.0
    # Where no budget was in its way, nobody knows; then the worse is taken.
    return thinking, output, not bounded or passed > 0.0, answered


def _slow_and_hanging(
    here: Samples,
    known: Sequence[tuple[int, CellCalls]],
    fitted: Fitted,
    *,
    thinking: float = 1.0,
    output: float = 1.0,
    passes: bool = True,
) -> tuple[float, float]:
    """How many times as long calls took as their tokens explain, and the share that hung.

    How long those took that were not called off says how slow it was: by the median, beside that
    of calls drawn as slow and cut off at the same deadline. What more were called off than such
    slowness explains hung.
    """
    slow, hangs = [], []
    for place, cell in known:
        own = here.of(here.cell == place)
        whole = float(own.count.sum())
        if not whole:
            continue
        drawn = octaves(fitted, cell, thinking=thinking, output=output, ignores_budget=passes)
        deadline = np.log2(here.deadlines[place]) if here.deadlines[place] > 0 else np.inf
        in_time = own.of(~own.late)
        shift = 0.0
        if in_time.count.sum() >= LEAST_ANSWERS:
            shift = _shift(drawn, float(np.median(_spelled(in_time))), deadline)
        beyond = float(np.mean(drawn + shift > deadline))
        share = 1.0 - _share(own.late, own.count)
        slow.append((whole, shift))
        hangs.append((whole, max(0.0, 1.0 - share / max(1.0 - beyond, 1e-9))))
    if not slow:
        return 1.0, 0.0
    return float(2.0 ** _weighed(slow)), _weighed(hangs)


def _spelled(samples: Samples) -> Column:
    return np.repeat(samples.octave, samples.count)


def _shift(drawn: Column, median: float, deadline: float) -> float:
    """By how many octaves drawn calls are to be slower, so that those within the deadline have
    this median; 0 where that is hardly any.
    """
    usual = float(np.median(drawn[drawn <= deadline]))
    if abs(median - usual) < SLOW:
        return 0.0

    def off(shift: float) -> float:
        within = drawn[: np.searchsorted(drawn, deadline - shift)]
        return abs(float(np.median(within)) + shift - median) if len(within) > 1 else np.inf

    return float(min(np.arange(-FARTHEST, FARTHEST, STEP), key=off))


def _weighed(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs)
