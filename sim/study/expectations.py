"""What a scenario expects, as one list of plain questions that can be judged one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from balancer.core.errors import ScenarioError, nearest
from balancer.core.modes import Mode
from balancer.units import show_seconds, show_share, show_usd
from scenarios.schema import Bound, Expectation, Fault, Recovers, SavingBound, Scenario

from ..run.fault_windows import fault_name, windows
from ..run.metrics import METRICS
from ..run.result import STATIC

__all__ = [
    "Expected",
    "MetricBound",
    "NeverAbove",
    "NeverOverBudget",
    "NoHarm",
    "TimeBound",
    "expected",
    "held_against",
]

SHORT = {
    "transitions_per_hour": "transitions_per_hour",
    "cost_saved": "cost_saved",
    "availability": "availability",
    "latency_p95": "latency_p95_s",
    "quality": "quality",
    "retry_amplification": "retry_amplification",
}
"""Fields of an expectation that bound a metric, and the metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricBound:
    """The mean of a metric over the replications is at least, or at most, a bound.

    Attributes:
        name: for a person.
        metric: a key of `sim.run.metrics.METRICS`.
        bound: in the metric's unit.
        at_least: or at most.
        against: the arm of whose cost a share is saved; None for every other metric.
    """

    name: str
    metric: str
    bound: float
    at_least: bool
    against: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBound:
    """Something has happened within `within_s` of `from_s`.

    Attributes:
        name: for a person.
        mode: the mode to be reached, or normal: to be served in it again, for good.
        from_s: start or end of a fault, or when other trouble is over.
        until_s: where the watch ends: at the next fault, or the horizon.
        within_s: the bound.
        left_from_s: of a recovery: since when a run must have left normal to have anything to
            recover from.
        if_left: of a recovery: a run that never left is in time too.
    """

    name: str
    mode: Mode
    from_s: float
    until_s: float
    within_s: float
    left_from_s: float = 0.0
    if_left: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverAbove:
    """No run ever serves a request in a worse mode than this."""

    name: str
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverOverBudget:
    """No run ever spends more than a hard budget in its window."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHarm:
    """Availability is no more than `tolerance` (a share) below that of the arm "static"."""

    name: str
    tolerance: float


Expected = MetricBound | TimeBound | NeverAbove | NeverOverBudget | NoHarm


def held_against(question: Expected) -> str | None:
    """The arm whose runs a question is judged with beside the policy's own, if any."""
    if isinstance(question, NoHarm):
        return STATIC
    return question.against if isinstance(question, MetricBound) else None


def expected(scenario: Scenario) -> tuple[Expected, ...]:
    """The scenario's expectations, two for a metric bounded on both sides.

    Raises:
        ScenarioError: an expectation about a fault or a metric that does not exist, or one
            that leaves no time to recover in.
    """
    return tuple(
        question
        for place, expectation in enumerate(scenario.expectations)
        for question in _questions(expectation, scenario, f"expectations.{place}")
    )


def _questions(expectation: Expectation, scenario: Scenario, where: str) -> Iterator[Expected]:
    if expectation.reaches is not None:
        reaches = expectation.reaches
        fault, name = _fault(scenario, reaches.of, where, last=False)
        yield TimeBound(
            name=f"reaches {reaches.mode} within {show_seconds(reaches.within)} of {name}",
            mode=Mode[reaches.mode.upper()],
            from_s=fault.at,
            until_s=scenario.duration,
            within_s=reaches.within,
        )
    elif expectation.recovers is not None:
        yield _recovery(scenario, expectation.recovers, where)
    elif expectation.never_above is not None:
        mode = Mode[expectation.never_above.upper()]
        yield NeverAbove(name=f"never above {mode.label}", mode=mode)
    elif expectation.budget_never_exceeded:
        yield NeverOverBudget(name="budget never exceeded")
    elif expectation.no_harm is not None:
        yield NoHarm(
            name=f"no harm: availability at most {_points(expectation.no_harm)} below static",
            tolerance=expectation.no_harm,
        )
    elif expectation.metric is not None:
        if expectation.metric not in METRICS:
            raise ScenarioError(
                f"unknown metric {expectation.metric!r}{nearest(expectation.metric, METRICS)}; "
                f"known: {', '.join(METRICS)}",
                where=f"{where}.metric",
            )
        bound = Bound(at_least=expectation.at_least, at_most=expectation.at_most)
        yield from _bounds(expectation.metric, bound)
    else:
        for field, metric in SHORT.items():
            bound = getattr(expectation, field)
            if bound is not None:
                yield from _bounds(metric, bound)


def _bounds(metric: str, bound: Bound) -> Iterator[MetricBound]:
    for value, at_least in ((bound.at_least, True), (bound.at_most, False)):
        if value is not None:
            side = "at least" if at_least else "at most"
            label = metric.removesuffix("_usd").removesuffix("_s").replace("_", " ")
            against = None
            if metric == "cost_saved":
                against = bound.against if isinstance(bound, SavingBound) else STATIC
                label += f" against {against}"
            yield MetricBound(
                name=f"{label} {side} {_shown(value, METRICS[metric])}",
                metric=metric,
                bound=value,
                at_least=at_least,
                against=against,
            )


def _points(share: float) -> str:
    return f"{100.0 * share:g} points"


def _shown(value: float, unit: str) -> str:
    if value < 0.0:
        return f"{value:g}"
    if unit == "share":
        return show_share(value)
    if unit == "seconds":
        return show_seconds(value)
    return show_usd(value) if unit == "usd" else f"{value:g}"


def _fault(scenario: Scenario, name: str | None, where: str, *, last: bool) -> tuple[Fault, str]:
    names = {fault_name(fault, place): fault for place, fault in enumerate(scenario.faults)}
    if not names:
        raise ScenarioError("the scenario has no fault to start the clock", where=where)
    if name is not None:
        if name not in names:
            raise ScenarioError(
                f"there is no fault {name!r}{nearest(name, names)}; known: {', '.join(names)}",
                where=where,
            )
        return names[name], name
    if last:
        name = max(names, key=lambda each: _end_s(names[each], scenario))
    else:
        name = min(names, key=lambda each: names[each].at)
    return names[name], name


def _end_s(fault: Fault, scenario: Scenario) -> float:
    return windows(fault, scenario.duration)[-1].to_s


def _recovery(scenario: Scenario, recovers: Recovers, where: str) -> TimeBound:
    within_s = recovers.within
    if recovers.after is not None:
        end_s, what = recovers.after, "what it recovers from"
        since, left_from_s = f"after {show_seconds(end_s)}", 0.0
    else:
        fault, what = _fault(scenario, recovers.of, where, last=True)
        end_s, since, left_from_s = _end_s(fault, scenario), f"of {what}", fault.at
    starts = [
        window.from_s
        for other in scenario.faults
        for window in windows(other, scenario.duration)
        if window.from_s >= end_s
    ]
    until_s = min([scenario.duration, *starts])
    if end_s + within_s > until_s:
        raise ScenarioError(
            f"{what} ends at {show_seconds(end_s)}, and what follows at {show_seconds(until_s)} "
            f"leaves no {show_seconds(within_s)} to recover in; end it earlier or let the scenario "
            "last longer",
            where=where,
        )
    return TimeBound(
        name=f"recovers within {show_seconds(within_s)} {since}"
        + (" if it left normal" if recovers.if_left else ""),
        mode=Mode.NORMAL,
        from_s=end_s,
        until_s=until_s,
        within_s=within_s,
        left_from_s=left_from_s,
        if_left=recovers.if_left,
    )
