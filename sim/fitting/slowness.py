"""Why calls were slow: they thought or wrote more, hung, or everything took longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from balancer.core.modes import Mode

from .calls import CellCalls, Fitted, octaves
from .columns import Cell, Columns
from .episodes import SLOW, Episode, base_level, merged
from .healthy import OUTPUT, THINKING
from .samples import Samples
from .segments import Segment

__all__ = ["slowness"]

Column = np.ndarray[Any, Any]

MORE = 0.25
"""Tokens of an answer that differ by so much from the usual are a fault of their own."""
HANGING = 0.03
"""Share of calls that come to no end, beyond what slowness explains."""
LEAST_ANSWERS = 3
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
    """Faults that explain the stretches in which a model's durations were unusual."""
    base = base_level(segments)
    episodes: list[Episode] = []
    for segment in segments:
        chosen = columns.of_model(model)[_rows_of(samples, columns)]
        inside = (samples.begin >= segment.begin) & (samples.begin < segment.end) & chosen
        here = samples.of(inside)
        late = _share(here.late, here.count)
        if abs(segment.level - base) < SLOW and late < HANGING:
            continue
        episodes += _explained(columns, here, model, segment, usual, fitted, tick_s, late)
    return merged(sorted(episodes, key=lambda each: (each.kind, each.segment.begin)))


def _rows_of(samples: Samples, columns: Columns) -> Column:
    """A row of each cell, so that a mask over rows is one over cells."""
    first = np.zeros(len(columns.cells), np.int64)
    for place in range(len(columns.cells)):
        first[place] = int(np.argmax(columns.cell == place))
    return first[samples.cell]


def _share(hits: Column, count: Column) -> float:
    whole = count.sum()
    return float(count[hits].sum() / whole) if whole else 0.0


def _explained(
    columns: Columns,
    here: Samples,
    model: str,
    segment: Segment,
    usual: Mapping[Cell, CellCalls],
    fitted: Fitted,
    tick_s: float,
    late: float,
) -> list[Episode]:
    found: list[Episode] = []
    cells = [
        (place, usual.get(cell)) for place, cell in enumerate(columns.cells) if cell[1] == model
    ]
    known = [(place, cell) for place, cell in cells if cell is not None]
    if not known:
        return []
    took = np.exp2(np.median(here.octave)) / tick_s if len(here.octave) else 0.0
    thinking, output, passes, answers = _tokens(columns, segment, known, round(float(took)))
    for kind, factor in (("thinking", thinking), ("output", output)):
        if abs(factor - 1.0) > MORE:
            found.append(
                Episode(
                    kind=kind,
                    model=model,
                    segment=segment,
                    factor=factor,
                    ignores_budget=kind == "thinking" and passes,
                    calls=answers,
                )
            )
        elif kind == "thinking":
            thinking = 1.0
        else:
            output = 1.0
    slow, hangs = _slow_and_hanging(
        here, known, fitted, late, thinking=thinking, output=output, passes=passes
    )
    if hangs >= HANGING:
        found.append(
            Episode(
                kind="hang", model=model, segment=segment, share=hangs, calls=segment.weight
            )
        )
    if abs(np.log2(slow)) >= SLOW:
        note = ""
        if late - hangs > 0.5:
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
        rows &= columns.failures.sum(axis=1) == 0
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
    late: float,
    *,
    thinking: float,
    output: float,
    passes: bool,
) -> tuple[float, float]:
    """How many times as long calls took as their tokens explain, and the share that hung."""
    slow, hangs = [], []
    for place, cell in known:
        own = here.of(here.cell == place)
        whole = float(own.count.sum())
        if not whole:
            continue
        drawn = octaves(
            fitted, cell, thinking=thinking, output=output, ignores_budget=passes
        )
        deadline = np.log2(here.deadlines[place]) if here.deadlines[place] > 0 else np.inf
        in_time = ~own.late
        order = np.argsort(own.octave[in_time])
        below = np.cumsum(own.count[in_time][order])
        share = 1.0 - _share(own.late, own.count)
        hung = 0.0
        shift = 0.0
        # Those that hung are no part of the distribution, and those that were called off are
        # its upper end: what the one is taken to be decides the other.
        for _ in range(8):
            middle = 0.5 * (1.0 - hung) * whole
            if len(below) and middle <= below[-1]:
                median = float(own.octave[in_time][order][np.searchsorted(below, middle)])
            else:
                median = deadline
            shift = median - float(np.median(drawn))
            if abs(shift) < SLOW:
                shift = 0.0
            beyond = float(np.mean(drawn + shift > deadline))
            hung = max(0.0, 1.0 - share / max(1.0 - beyond, 1e-9)) if beyond < 1.0 else 0.0
            if hung < HANGING:
                hung = 0.0
        slow.append((whole, shift))
        hangs.append((whole, hung))
    if not slow:
        return 1.0, 0.0
    return float(2.0 ** _weighed(slow)), _weighed(hangs)


def _weighed(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs)
