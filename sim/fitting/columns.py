"""A journal's ticks as columns: what a fit needs of its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balancer.core.histogram import BUCKETS_PER_OCTAVE, MIN_INDEX, Histogram
from balancer.core.modes import Mode
from balancer.core.observations import FAILURES
from balancer.core.policy import Policy

__all__ = [
    "CACHED",
    "COST",
    "OUTPUT",
    "PROMPT",
    "THINKING",
    "Cell",
    "Column",
    "Columns",
    "Durations",
    "histogram",
]

Column = np.ndarray[Any, Any]

Cell = tuple[Mode, str]
"""A mode, and a model that was called in it."""

PROMPT, CACHED, OUTPUT, THINKING, COST = range(5)
"""Columns of `Columns.settled`."""

_BILLED = [FAILURES.index(kind) for kind in ("timeout", "reset", "cut", "empty", "malformed")]
"""Failures that may have tokens; the others are refusals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Histograms of many rows, one entry a bucket that holds anything.

    Attributes:
        row: index of the row that each entry belongs to.
        bucket, count: as in `balancer.core.histogram`.
    """

    row: Column
    bucket: Column
    count: Column

    @property
    def seconds(self) -> Column:
        """Geometric middle of every entry's bucket."""
        return np.exp2((self.bucket + 0.5) / BUCKETS_PER_OCTAVE)

    def of(self, rows: Column) -> Histogram:
        """All of some rows (a mask over them) as one histogram."""
        chosen = rows[self.row]
        return histogram(self.bucket[chosen], self.count[chosen])


def histogram(buckets: Column, counts: Column) -> Histogram:
    """A histogram of buckets that may come again."""
    sums = np.bincount(buckets - MIN_INDEX, weights=counts, minlength=1)
    return Histogram.from_counts(
        {int(place) + MIN_INDEX: int(sums[place]) for place in np.flatnonzero(sums)}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What one or more journals, one after the other, say. Rows are in order of time.

    Attributes:
        where: the files, for a person.
        policy: under which the last decisions were taken.
        policies: that were live, each once, the first one first.
        runs: `run` of every file's first line.
        begins: name of the mode before the first tick.
        torn: what was skipped at the end, or "".
        first: the first tick, which is 0 in `at` from here on.
        ticks: how many there are, to the last in which anything was asked.
        at: tick of every line.
        spans: ticks that every line covers: more than one where its ticker came late.
        offered, admitted, shed, fallback: by line and priority.
        waiting, mode: by line.
        cells: modes and models; `cell` of a row of `served` is an index of it.
        served_at, cell, started, finished, settled, failures: by row of `served`; settled are
            tokens and nano-dollars, in columns as `PROMPT` to `COST`; failures are by kind.
        latency, ttft: of rows of `served`.
        felt_at, begun, flying, unjudged: by row of `requests`.
        answered, failed: of rows of `requests`.
    """

    where: str
    policy: Policy
    policies: tuple[Policy, ...]
    runs: tuple[Mapping[str, Any], ...]
    begins: str
    torn: str
    first: int
    ticks: int
    at: Column
    spans: Column
    offered: Column
    admitted: Column
    shed: Column
    fallback: Column
    waiting: Column
    mode: Column
    cells: tuple[Cell, ...]
    served_at: Column
    cell: Column
    started: Column
    finished: Column
    settled: Column
    failures: Column
    latency: Durations
    ttft: Durations
    felt_at: Column
    begun: Column
    flying: Column
    unjudged: Column
    answered: Durations
    failed: Durations

    @property
    def answers(self) -> Column:
        """Calls that were answered, by row of `served`."""
        found: Column = self.finished - self.failures.sum(axis=1)
        return found

    @property
    def clean(self) -> Column:
        """A mask over the rows of `served`: those whose tokens are all of answers."""
        found: Column = self.failures[:, _BILLED].sum(axis=1) == 0
        return found

    def per_tick(self, at: Column, values: Column) -> Column:
        """Sums by tick of values that are told by row, up to the last tick."""
        kept = at < self.ticks
        return np.bincount(at[kept], weights=values[kept], minlength=self.ticks)

    def spread(self, values: Column) -> Column:
        """What is told by line, by tick: what a late line tells is spread over its ticks.

        Args:
            values: shape (lines, any).

        Returns:
            Shape (ticks, any), up to the last tick.
        """
        found = np.zeros((self.ticks, values.shape[1]))
        kept = self.at < self.ticks
        found[self.at[kept]] = values[kept]
        for line in np.flatnonzero(kept & (self.spans > 1)):
            end = self.at[line] + 1
            begin = max(0, end - self.spans[line])
            found[begin:end] = values[line] / (end - begin)
        return found

    @property
    def served_middle(self) -> Column:
        """By row of `served`, the middle of the ticks that its line covers."""
        spans = self.spans[np.searchsorted(self.at, self.served_at)]
        found: Column = self.served_at + 1.0 - spans / 2.0
        return found

    def places(self, model: str) -> list[int]:
        """Indices of a model's cells, in whatever modes."""
        return [place for place, (_, name) in enumerate(self.cells) if name == model]

    def of_model(self, model: str) -> Column:
        """A mask over the rows of `served`: those of a model."""
        return np.isin(self.cell, self.places(model))
