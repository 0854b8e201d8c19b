"""What a tuned policy must keep, in every scenario.

    availability >= 99.5%       the mean over the replications
    availability >= today       no worse than today's policy
    availability >= static      no worse than without a controller

Against today or static the differences are paired: it is kept as long as the interval of the mean
difference reaches to where there is none, and the mean itself is off by no more than the margin
that `open-balancer gate` allows, if it has one for the metric. Unless something is demanded of
availability, both of these are: first do no harm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from balancer.core.errors import InputError
from balancer.units import parse_quantity, parse_seconds, parse_share, parse_usd

from ..run.metrics import METRICS
from ..run.result import STATIC
from ..study.intervals import mean_interval
from ..study.margins import BETTER, DEFAULT_MARGINS, metric_named, parse_margins
from ..study.metric_kinds import KINDS
from .objectives import Readings, Sample
from .results import TODAY

__all__ = ["HARMLESS", "Constraint", "parse_constraints"]

HARMLESS = ("availability >= today", "availability >= static")
"""What is demanded unless something is demanded of availability."""

WORST = 1.0
"""By how much a metric that is undefined misses any bound."""

_FORM = re.compile(r"\s*(\w+)\s*(>=|<=)\s*(\S.*?)\s*")
_MARGINS = {margin.metric: margin for margin in parse_margins(DEFAULT_MARGINS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """What every scenario must keep.

    Attributes:
        text: as it was asked for.
        metric: a key of `sim.run.metrics.METRICS`.
        at_least: or at most.
        bound: in the metric's unit; None: another arm's.
        against: `results.TODAY` or `sim.run.result.STATIC`; "": a bound.
    """

    text: str
    metric: str
    at_least: bool
    bound: float | None = None
    against: str = ""

    def misses(self, sample: Sample, arms: Mapping[str, Sample]) -> dict[str, float]:
        """By how much it is missed in each scenario, relative to its bound; at most 0: kept."""
        return {
            name: self._miss(ours, {arm: arms[arm][name] for arm in arms})
            for name, ours in sample.items()
        }

    def is_broken(self, sample: Sample, arms: Mapping[str, Sample]) -> bool:
        """Whether it surely is missed somewhere: more runs would not mend it."""
        for name, ours in sample.items():
            ahead = mean_interval(self._ahead(ours, {arm: arms[arm][name] for arm in arms}))
            if math.isnan(ahead.estimate) or ahead.high < 0.0:
                return True
        return False

    def _ahead(self, ours: Readings, arms: Mapping[str, Readings]) -> list[float]:
        """How far on the right side each replication is."""
        sign = 1.0 if self.at_least else -1.0
        values = ours[self.metric]
        if self.bound is not None:
            return [sign * (value - self.bound) for value in values]
        theirs = arms[self.against][self.metric]
        return [sign * (a - b) for a, b in zip(values, theirs, strict=True)]

    def _miss(self, ours: Readings, arms: Mapping[str, Readings]) -> float:
        ahead = mean_interval(self._ahead(ours, arms))
        if math.isnan(ahead.estimate):
            return WORST
        if self.bound is not None:
            return -ahead.estimate / (abs(self.bound) or 1.0)
        level = abs(fmean(arms[self.against][self.metric])) or 1.0
        margin = _MARGINS.get(self.metric)
        allowed = math.inf
        if margin is not None:
            allowed = margin.amount * (level if margin.relative else 1.0)
        # One replication has no interval: what is then off at all is off.
        beyond = -ahead.estimate if math.isnan(ahead.high) else -ahead.high
        return max(beyond, -ahead.estimate - allowed) / level


def parse_constraints(texts: Sequence[str]) -> tuple[Constraint, ...]:
    """Constraints, with those of `HARMLESS` where nothing is said of availability.

    Raises:
        InputError: one that is none, that nothing can keep, or two that contradict each other.
    """
    found = [_constraint(text) for text in texts]
    if not any(each.metric == "availability" for each in found):
        found = [*map(_constraint, HARMLESS), *found]
    floors = [each for each in found if each.at_least and each.bound is not None]
    for ceiling in found:
        for floor in floors:
            if ceiling.at_least or ceiling.bound is None or ceiling.metric != floor.metric:
                continue
            assert floor.bound is not None
            if floor.bound > ceiling.bound:
                raise InputError(
                    f"{floor.text!r} and {ceiling.text!r} contradict each other: nothing keeps "
                    "both",
                    where="--constraint",
                )
    return tuple(found)


def _constraint(text: str) -> Constraint:
    where = f"--constraint {text!r}"
    match = _FORM.fullmatch(text)
    if match is None:
        raise InputError(
            "expected METRIC >= VALUE or METRIC <= VALUE, such as 'availability >= 99.5%' or "
            "'latency_p95 <= today'",
            where=where,
        )
    name, side, value = match.groups()
    metric, at_least = metric_named(name, where), side == ">="
    shown = f"{name} {side} {value}"
    if value in (TODAY, STATIC):
        if at_least != (BETTER[metric] == "higher"):
            other = "<=" if at_least else ">="
            raise InputError(
                f"{name} is better {'lower' if at_least else 'higher'}, so this asks for no better "
                f"than {value}; expected {name} {other} {value}",
                where=where,
            )
        return Constraint(text=shown, metric=metric, at_least=at_least, against=value)
    try:
        bound = _amount(value, METRICS[metric])
    except ValueError as error:
        raise InputError(f"{error}, or today, or static", where=where) from None
    kind = KINDS[metric]
    if (at_least and bound > kind.most) or (not at_least and bound < kind.least):
        end = f"at most {kind.most:g}" if at_least else f"at least {kind.least:g}"
        raise InputError(f"nothing keeps this: {name} is {end}", where=where)
    return Constraint(text=shown, metric=metric, at_least=at_least, bound=bound)


def _amount(value: str, unit: str) -> float:
    if unit == "share":
        return parse_share(value)
    if unit == "seconds":
        return parse_seconds(value)
    if unit == "usd":
        return parse_usd(value)
    return parse_quantity(value)
