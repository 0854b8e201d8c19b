"""What a journal comes to: figures of what happened, by one account for what was and what is
simulated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from balancer.core.histogram import Histogram
from balancer.core.modes import MODES
from balancer.core.pricing import NANO_USD

from .columns import COST, OUTPUT, PROMPT, THINKING, Cell, Columns

__all__ = ["FIGURES", "Account", "account"]

FIGURES: Mapping[str, str] = {
    "offered": "count",
    "availability": "share",
    "latency_p50_s": "seconds",
    "latency_p95_s": "seconds",
    "latency_p99_s": "seconds",
    "ttft_p50_s": "seconds",
    "ttft_p95_s": "seconds",
    "error_rate": "share",
    "observed_cost_usd": "usd",
    "prompt_tokens": "count",
    "output_tokens": "count",
    "thinking_tokens": "count",
    **{f"time_in_{mode.label}": "share" for mode in MODES},
    "transitions": "count",
}
"""Every figure with its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Figures of a journal after its warm-up.

    Attributes:
        figures: by the names of `FIGURES`; NaN where undefined.
        answers: of every mode and model that answered.
    """

    figures: Mapping[str, float]
    answers: Mapping[Cell, int]


def account(columns: Columns, *, from_tick: int, until_tick: int) -> Account:
    """Account for the ticks from one (of the journal's, from 0) to another.

    Availability is of the requests that ended: whoever is still waiting is neither answered nor
    lost. Latency is of answers and timeouts, from the first attempt on.
    """
    lines = (columns.at >= from_tick) & (columns.at < until_tick)
    served = (columns.served_at >= from_tick) & (columns.served_at < until_tick)
    felt = (columns.felt_at >= from_tick) & (columns.felt_at < until_tick)
    offered = float(columns.offered[lines].sum())
    demand = offered - float(columns.unjudged[felt].sum())
    answered = float(columns.answered.of(felt).total)
    ended = demand - _under_way(columns, until_tick) + _under_way(columns, from_tick)
    latency, ttft = columns.latency.of(served), columns.ttft.of(served)
    failed = float(columns.failures[served].sum())
    finished = float(columns.finished[served].sum())
    settled = columns.settled[served].sum(axis=0)
    modes = _modes(columns, from_tick, until_tick)
    figures = {
        "offered": offered,
        "availability": answered / ended if ended > 0.0 else math.nan,
        "latency_p50_s": latency.quantile(0.50),
        "latency_p95_s": latency.quantile(0.95),
        "latency_p99_s": latency.quantile(0.99),
        "ttft_p50_s": _quantile(ttft, 0.50),
        "ttft_p95_s": _quantile(ttft, 0.95),
        "error_rate": failed / finished if finished else math.nan,
        "observed_cost_usd": float(settled[COST]) / NANO_USD,
        "prompt_tokens": float(settled[PROMPT]),
        "output_tokens": float(settled[OUTPUT]),
        "thinking_tokens": float(settled[THINKING]),
        **{
            f"time_in_{mode.label}": float(np.mean(modes == int(mode))) if len(modes) else math.nan
            for mode in MODES
        },
        "transitions": float(np.count_nonzero(np.diff(modes))) if len(modes) else 0.0,
    }
    answers = {
        cell: int(columns.answers[served & (columns.cell == place)].sum())
        for place, cell in enumerate(columns.cells)
    }
    return Account(figures=figures, answers={cell: n for cell, n in answers.items() if n})


def _quantile(found: Histogram, q: float) -> float:
    return found.quantile(q) if found else math.nan


def _under_way(columns: Columns, tick: int) -> float:
    """Requests that had come and not ended when a tick began."""
    last = columns.at[: np.searchsorted(columns.at, tick)]
    if not len(last):
        return 0.0
    line = len(last) - 1
    flying = columns.flying[columns.felt_at == last[-1]].sum()
    return float(flying + columns.waiting[line])


def _modes(
    columns: Columns, from_tick: int, until_tick: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The mode decided at every tick; one that is missing kept the one before."""
    every = np.searchsorted(columns.at, np.arange(from_tick, until_tick), side="right") - 1
    return np.asarray(columns.mode[np.maximum(every, 0)])
