"""The mean of a metric over replications, and of its difference between two arms.

How sure each is depends on the kind of metric (`sim.study.metric_kinds`); how it is told from the
values is in `sim.study.unseen`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..run.result import Run
from .intervals import Interval, mean_interval
from .metric_kinds import KINDS
from .unseen import Room, honest_interval

__all__ = [
    "difference_interval",
    "difference_room",
    "metric_interval",
    "metric_room",
    "values_difference_interval",
    "values_interval",
]

SECONDS_PER_HOUR = 3600.0


def metric_interval(name: str, runs: Sequence[Run]) -> Interval:
    """Mean of a metric over the runs of one arm; not of `cost_saved`, which takes two arms."""
    return values_interval(name, [run.metrics[name] for run in runs], runs)


def difference_interval(name: str, runs: Sequence[Run], others: Sequence[Run]) -> Interval:
    """Mean of the paired differences, runs minus others; run k of both saw the same requests."""
    ones, twos = ([run.metrics[name] for run in arm] for arm in (runs, others))
    return values_difference_interval(name, ones, twos, runs, others)


def values_interval(name: str, values: Sequence[float], runs: Sequence[Run] = ()) -> Interval:
    """Mean of a metric that has these values.

    Args:
        name: a key of `sim.run.metrics.METRICS`.
        values: one for each replication.
        runs: that they are of; without, a run is taken to last an hour and to have so many
            requests that one of them is nothing.
    """
    return honest_interval(values, metric_room(name, values, runs))


def values_difference_interval(
    name: str,
    values: Sequence[float],
    others: Sequence[float],
    runs: Sequence[Run] = (),
    other_runs: Sequence[Run] = (),
) -> Interval:
    """Mean of the paired differences, values minus others; runs as of `values_interval`."""
    room = _between(metric_room(name, values, runs), metric_room(name, others, other_runs))
    return honest_interval([a - b for a, b in zip(values, others, strict=True)], room)


def difference_room(name: str, runs: Sequence[Run], others: Sequence[Run]) -> Room:
    """Where the interval of a mean difference may reach."""
    one, other = (
        metric_room(name, [run.metrics[name] for run in arm], arm) for arm in (runs, others)
    )
    return _between(one, other)


def _between(one: Room, other: Room) -> Room:
    widest = one.most - one.least
    return Room(
        reach=max(one.reach, other.reach),
        least=-widest,
        most=widest,
        rounding=one.rounding + other.rounding,
    )


def metric_room(name: str, values: Sequence[float], runs: Sequence[Run] = ()) -> Room:
    """Where the interval of a metric's mean may reach; arguments as of `values_interval`."""
    kind = KINDS[name]
    level = abs(mean_interval(values).estimate)
    reach = kind.reach
    if kind.episode and runs:
        reach *= SECONDS_PER_HOUR * len(runs) / math.fsum(run.duration_s for run in runs)
        # A part of a run is at most all of it; changes are counted, and are no part.
        reach = min(reach, 1.0) if kind.reach < 1.0 else reach
    if kind.relative_to:
        reach *= _mean(runs, kind.relative_to) if kind.relative_to != name else level
    if kind.of and runs:
        # One request of a run, at least.
        whole = _mean(runs, kind.of)
        reach = max(reach, 1.0 / whole) if whole > 0.0 else reach
    return Room(reach=reach, least=kind.least, most=kind.most, rounding=kind.rounding * level)


def _mean(runs: Sequence[Run], name: str) -> float:
    return math.fsum(run.metrics[name] for run in runs) / len(runs) if runs else 0.0
