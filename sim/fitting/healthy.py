"""What calls were like while nothing was wrong, by mode and model: what profiles are fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from balancer.core.histogram import BUCKETS_PER_OCTAVE
from balancer.core.modes import Mode
from balancer.core.policy import Policy
from balancer.core.routes import resolve
from scenarios.schema import Scenario

from ..plant.call_bounds import call_bounds
from .calls import CellCalls
from .columns import CACHED, OUTPUT, PROMPT, THINKING, Cell, Columns, histogram
from .samples import Samples
from .segments import Segment

__all__ = [
    "LEAST_ANSWERS",
    "Prompts",
    "asked_models",
    "healthy_calls",
    "prompts_of",
    "usual_octaves",
    "well_ticks",
]

Column = np.ndarray[Any, Any]

LEAST_ANSWERS = 50
"""Of a mode and model; fewer say too little of it."""
LEAST_SHARE = 0.02
"""Of normal mode's calls: a model with fewer is a fallback, or a stray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Tokens of prompts.

    Attributes:
        mean, deviation: tokens; the deviation between requests.
        cached: share of them that was read from the cache.
    """

    mean: float
    deviation: float
    cached: float


def asked_models(columns: Columns, policy: Policy, well: Mapping[str, Column]) -> dict[str, float]:
    """Models that requests ask for, with their shares, the most frequent first.

    What normal mode calls first is what its callers ask for, unless it names a model itself: then
    the journal says nothing else of them.
    """
    normal = policy.strategies[Mode.NORMAL]
    started: dict[str, float] = {}
    # Where any model is ill, others are called in its place.
    all_well = np.logical_and.reduce(list(well.values()))
    for place, (mode, model) in enumerate(columns.cells):
        if mode is Mode.NORMAL and resolve(normal, model, policy.catalog)[0] == model:
            rows = columns.cell == place
            rows &= all_well[np.minimum(columns.served_at, columns.ticks - 1)]
            started[model] = float(columns.started[rows].sum())
    whole = sum(started.values())
    found = {
        model: count / whole
        for model, count in sorted(started.items(), key=lambda each: -each[1])
        if whole and count / whole >= LEAST_SHARE
    }
    total = sum(found.values())
    return {model: share / total for model, share in found.items()}


def usual_octaves(samples: Samples, cells: int) -> Column:
    """Median of the durations of every cell, as binary logarithms; NaN: it has none."""
    found = np.full(cells, np.nan)
    for place in range(cells):
        own = (samples.cell == place) & ~samples.late
        if own.any():
            order = np.argsort(samples.octave[own])
            below = np.cumsum(samples.count[own][order])
            found[place] = samples.octave[own][order][np.searchsorted(below, below[-1] / 2.0)]
    return found


def well_ticks(ticks: int, ill: Sequence[Segment], after: int) -> Column:
    """A mask over ticks: those in which nothing was wrong, nor was so shortly before."""
    found = np.ones(ticks, bool)
    for each in ill:
        found[each.begin_low : each.end_high + after] = False
    return found


def healthy_calls(
    columns: Columns,
    samples: Samples,
    policy: Policy,
    asked: Sequence[str],
    well: Mapping[str, Column],
) -> tuple[list[CellCalls], dict[Cell, CellCalls]]:
    """Calls of each mode and model that is called first in it, or nowhere.

    A fallback counts from the first attempt of its request, so what is first called says more.

    Args:
        columns, samples: of the journal.
        policy: live then.
        asked: models that requests ask for, the most frequent first.
        well: by model, ticks in which nothing was wrong with it.

    Returns:
        Those with enough answers, normal mode's with the first of the asked models ahead; and the
        same by cell.
    """
    found: dict[Cell, CellCalls] = {}
    for direct in (True, False):
        measured = {model for _, model in found}
        for place, cell in enumerate(columns.cells):
            mode, model = cell
            chains = {
                name: resolve(policy.strategies[mode], name, policy.catalog) for name in asked
            }
            by = [
                name
                for name, chain in chains.items()
                if (chain[0] == model if direct else model in chain)
            ]
            if not by or model in measured:
                continue
            calls = _cell(columns, samples, policy, place, by[0], well[model])
            if calls is not None:
                found[cell] = calls
    first = (Mode.NORMAL, asked[0])
    ordered = sorted(found, key=lambda each: (each != first, -found[each].answers))
    return [found[cell] for cell in ordered], found


def _cell(
    columns: Columns, samples: Samples, policy: Policy, place: int, asked: str, well: Column
) -> CellCalls | None:
    mode, model = columns.cells[place]
    rows = (columns.cell == place) & well[np.minimum(columns.served_at, columns.ticks - 1)]
    rows &= columns.clean
    answers = columns.answers[rows]
    own = samples.of((samples.cell == place) & ~samples.late & well[samples.begin])
    count = int(answers.sum())
    if count < LEAST_ANSWERS or own.count.sum() < LEAST_ANSWERS:
        return None
    strategy = policy.strategies[mode]
    bounds = call_bounds(
        Scenario.model_validate({"scenario": "fit", "title": "fit", "clients": {"model": asked}}),
        strategy,
        policy.catalog.card(model),
        policy.catalog.card(asked),
    )
    settled = columns.settled[rows]
    output, output_sd = _per_answer(settled[:, OUTPUT], answers)
    thinking, thinking_sd = _per_answer(settled[:, THINKING], answers)
    ttft = columns.ttft.of(rows)
    return CellCalls(
        model=model,
        answers=count,
        output=output,
        thinking=thinking,
        output_sd=output_sd,
        thinking_sd=thinking_sd,
        latency=histogram(_buckets(own), own.count),
        # Calls that do not stream have none; those of a few that do say nothing of all.
        ttft=ttft if ttft.total >= count / 2 else histogram(np.zeros(0, np.int64), answers[:0]),
        concise=bool(strategy.instruction),
        cap=bounds.cap_tokens,
        budget=bounds.thinking_tokens,
    )


def _buckets(samples: Samples) -> Column:
    return np.asarray(np.rint(samples.octave * BUCKETS_PER_OCTAVE - 0.5), np.int64)


def _per_answer(sums: Column, answers: Column) -> tuple[float, float]:
    """Mean and deviation of what an answer has, from sums over some answers each.

    The variance of a sum of n is n times that of one.
    """
    some = answers > 0
    n = answers[some].sum()
    mean = float(sums[some].sum() / n)
    squares = float(((sums[some] - answers[some] * mean) ** 2).sum() / n)
    return mean, squares**0.5


def prompts_of(columns: Columns) -> Prompts:
    """Tokens of all prompts that were answered."""
    rows = columns.clean
    mean, deviation = _per_answer(columns.settled[rows, PROMPT], columns.answers[rows])
    total = columns.settled[rows, PROMPT].sum()
    cached = columns.settled[rows, CACHED].sum() / total if total else 0.0
    return Prompts(mean=mean, deviation=deviation, cached=float(cached))
