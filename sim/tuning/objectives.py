"""What a tuning is to better, and what it must keep: over several scenarios, from paired runs.

How scenarios are put together, so that none of them outweighs the others:

- shares, scores and plain numbers (availability, quality, transitions an hour): their mean;
- amounts (dollars, seconds, counts): the mean of their ratios to today's policy, each in its own
  scenario and on the same requests: 0.8 is a fifth less than today;
- `utility`: the mean of its share of what perfect answers to everybody would be worth, because a
  utility may be nothing, or less, and is no unit.

Every objective has a value for each replication, so two policies are compared pair by pair. Of a
ratio it is that of the linearised ratio (Cochran, "Sampling Techniques", 1977, chapter 6), whose
mean is the ratio and whose spread is the ratio's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from balancer.core.errors import InputError
from scenarios.schema import Scenario

from ..run.metrics import METRICS, asked
from ..run.result import Run
from ..study.estimates import difference_room, metric_room
from ..study.intervals import Interval
from ..study.margins import BETTER, metric_named
from ..study.unseen import Room, honest_interval
from .results import Seen

__all__ = ["Objective", "Readings", "Sample", "parse_objectives", "readings"]

UTILITY = "utility_usd"
PERFECT = "perfect_usd"
"""Beside the metrics: what perfect answers to all who asked would be worth."""
_AMOUNTS = ("usd", "seconds", "count")
MOST = 4
"""Objectives: with more, nearly every policy is on the front."""

Readings = Mapping[str, Sequence[float]]
"""Of each metric that matters, a value for each replication."""

Sample = Mapping[str, Readings]
"""Readings of a policy in each scenario, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is to be better.

    Attributes:
        name: as it was asked for.
        metric: a key of `sim.run.metrics.METRICS`.
        form: how scenarios are put together: "mean", "ratio" to today's, or "worth".
    """

    name: str
    metric: str
    form: Literal["mean", "ratio", "worth"]

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which way."""
        return BETTER[self.metric]

    @property
    def unit(self) -> str:
        """Of its values; a ratio is a share of today's."""
        return "share" if self.form != "mean" else METRICS[self.metric]

    @property
    def sign(self) -> float:
        """Times this, less is better."""
        return 1.0 if self.better == "lower" else -1.0

    def values(self, sample: Sample, today: Sample) -> list[float]:
        """A value for each replication, whose mean is the objective; NaN where it is undefined."""
        each = [self._of(sample[name], today[name]) for name in sample]
        return [fmean(values) for values in zip(*each, strict=True)]

    def interval(self, ours: Seen, todays: Seen, sample: Sample, today: Sample) -> Interval:
        """The objective with an interval that leaves room for runs of a kind not seen.

        Args:
            ours, todays: runs of a policy and of today's, on the same requests.
            sample, today: what matters of them.
        """
        if self.form == "ratio":
            # Today's runs may be of another kind as well; there are no ratios below nothing.
            room = replace(self._room(self._between(ours, todays), today), least=0.0)
        else:
            rooms = {
                name: metric_room(self.metric, sample[name][self.metric], ours[name])
                for name in ours
            }
            room = self._room(rooms, today)
        return honest_interval(self.values(sample, today), room)

    def change(self, ours: Seen, todays: Seen, sample: Sample, today: Sample) -> Interval:
        """A policy's less today's, pair by pair, with room as `interval`; of a ratio, less 1."""
        if self.form == "ratio":
            ratio = self.interval(ours, todays, sample, today)
            return Interval(
                estimate=ratio.estimate - 1.0, low=ratio.low - 1.0, high=ratio.high - 1.0
            )
        pairs = zip(self.values(sample, today), self.values(today, today), strict=True)
        room = self._room(self._between(ours, todays), today)
        return honest_interval([a - b for a, b in pairs], room)

    def _between(self, ours: Seen, todays: Seen) -> dict[str, Room]:
        return {name: difference_room(self.metric, ours[name], todays[name]) for name in ours}

    def _room(self, rooms: Mapping[str, Room], today: Sample) -> Room:
        """That of a mean over scenarios, of what the metric has in each."""
        scales = {name: self._scale(today[name]) for name in rooms}

        def mean(values: Callable[[Room], float]) -> float:
            return fmean(values(room) / scales[name] for name, room in rooms.items())

        return Room(
            reach=mean(lambda room: room.reach),
            least=mean(lambda room: room.least),
            most=mean(lambda room: room.most),
            rounding=mean(lambda room: room.rounding),
        )

    def _of(self, ours: Readings, theirs: Readings) -> list[float]:
        values = ours[self.metric]
        if self.form == "worth":
            return [_share(usd, whole) for usd, whole in zip(values, ours[PERFECT], strict=True)]
        if self.form == "mean":
            return list(values)
        base = theirs[self.metric]
        whole = fmean(base)
        if not whole > 0.0:
            return [math.nan for _ in values]
        ratio = fmean(values) / whole
        return [ratio + (a - ratio * b) / whole for a, b in zip(values, base, strict=True)]

    def _scale(self, theirs: Readings) -> float:
        """What one of its units is in the metric's."""
        if self.form == "mean":
            return 1.0
        return fmean(theirs[PERFECT if self.form == "worth" else self.metric]) or math.nan


def parse_objectives(text: str) -> tuple[Objective, ...]:
    """Objectives from "cost,availability", in that order.

    Raises:
        InputError: one that is unknown, has no better side, comes twice, or cannot differ.
    """
    where = "--objective"
    found: list[Objective] = []
    for name in (part.strip() for part in text.split(",")):
        if not name:
            raise InputError(f"found {text!r}, expected metrics as cost,availability", where=where)
        metric = metric_named(name, where)
        if any(each.metric == metric for each in found):
            raise InputError(f"{name} is given twice", where=where)
        form: Literal["mean", "ratio", "worth"] = "mean"
        if metric == UTILITY:
            form = "worth"
        elif METRICS[metric] in _AMOUNTS:
            form = "ratio"
        found.append(Objective(name=name, metric=metric, form=form))
    if len(found) > MOST:
        raise InputError(
            f"found {len(found)} objectives, expected at most {MOST}: with more, nearly every "
            "policy is on the front; make constraints of some",
            where=where,
        )
    return tuple(found)


def readings(runs: Sequence[Run], scenario: Scenario, metrics: Sequence[str]) -> Readings:
    """What matters of some runs of a scenario: metrics, and what perfect answers are worth."""
    found = {metric: [run.metrics[metric] for run in runs] for metric in metrics}
    found[PERFECT] = [scenario.worth.answer * asked(run.metrics) for run in runs]
    return found


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else math.nan
