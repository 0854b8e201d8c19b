"""Whether a query is right for its purpose, and the one that is.

Datadog takes a query that is well formed and never says that it measures something else than
its author meant. Each check here is one such misunderstanding: it says what the query
measures, and what was probably meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ...metrics import ATTEMPTS_FAILED, ATTEMPTS_FINISHED, COST_RATE, Kind, metric_named
from .query_tree import Arithmetic, Modifier, MonitorQuery, Series, series_of
from .rules import DetectionRule

__all__ = ["Advice", "advise", "advise_rule"]

_LATENCY_QUANTILE: Final = "p95"
_AS_COUNT: Final = (Modifier("as_count"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something about a query, or about the rule around it.

    Attributes:
        problem: what is wrong for the purpose, a sentence.
        better: the query that does what was meant; None where only the author knows.
    """

    problem: str
    better: MonitorQuery | None = None


_Check = Callable[[MonitorQuery], Advice | None]


def advise_rule(rule: DetectionRule) -> tuple[Advice, ...]:
    """What is wrong with a rule for its purpose, its query first."""
    return (*advise(rule.parsed), *_around(rule))


def advise(query: MonitorQuery) -> tuple[Advice, ...]:
    """What is wrong with a query for its purpose; nothing when it measures what it seems to.

    Of several misunderstandings the first is told: its better query is free of the others.
    """
    for check in _CHECKS:
        findings = check(query)
        if findings is not None:
            return (findings,)
    return ()


def _around(rule: DetectionRule) -> Iterator[Advice]:
    if rule.mode is None:
        yield Advice(
            problem="no tag says which mode it asks for, so it changes nothing; add one such as "
            "brownout:soft"
        )
    if "@webhook-" not in rule.message:
        yield Advice(
            problem="the message names no webhook, so Datadog tells nobody; end it with "
            "@webhook-open-balancer"
        )


def _legacy_duration(query: MonitorQuery) -> Advice | None:
    series = query.expression
    if not isinstance(series, Series) or not _is_trace(series, ".duration"):
        return None
    return Advice(
        problem=f"{series.metric} is the total time of all spans, which grows with traffic, and "
        "no latency; the latency is the distribution without '.duration', taken as a percentile",
        better=_as_percentile(query, series, series.metric.removesuffix(".duration")),
    )


def _averaged_latency(query: MonitorQuery) -> Advice | None:
    series = query.expression
    if not isinstance(series, Series) or not _is_distribution(series):
        return None
    quantile = _is_quantile(series.space)
    if query.aggregation == "percentile" and quantile:
        return None
    if query.aggregation == "percentile":
        problem = f"percentile() needs a percentile to take, and {series.space} is none"
    elif quantile:
        problem = (
            f"{query.aggregation}() of a {series.space} mixes the percentiles of short pieces, "
            "which is no percentile of the window"
        )
    else:
        problem = (
            f"{series.space} of a latency hides its slow tail: one call in twenty may take a "
            "minute and the mean hardly moves"
        )
    return Advice(problem=problem, better=_as_percentile(query, series, series.metric))


def _quantile_of_the_wrong_kind(query: MonitorQuery) -> Advice | None:
    for series in series_of(query.expression):
        quantile = _is_quantile(series.space)
        if query.aggregation == "percentile" and not quantile:
            return Advice(
                problem=f"percentile() needs a percentile such as p95, and {series.space} is none"
            )
        if quantile and query.aggregation != "percentile":
            return Advice(
                problem=f"{query.aggregation}() of a {series.space} is no percentile of the "
                "window; use percentile()",
                better=replace(query, aggregation="percentile")
                if isinstance(query.expression, Series)
                else None,
            )
    return None


def _errors_that_are_no_ratio(query: MonitorQuery) -> Advice | None:
    series = query.expression
    if not isinstance(series, Series) or not _is_errors(series):
        return None
    if query.threshold >= 1 and series.has("as_count"):
        return None  # a number of errors, meant as one
    unit = "errors a second" if series.has("as_rate") else "a number of errors"
    return Advice(
        problem=f"{series.metric} alone is {unit} and no share of the calls: at ten times the "
        "traffic the same share is ten times as high; divide by the calls, both as counts",
        better=_as_ratio(query, series),
    )


def _ratio_of_rates(query: MonitorQuery) -> Advice | None:
    ratio = query.expression
    if not isinstance(ratio, Arithmetic) or ratio.sign != "/":
        return None
    above, below = ratio.left, ratio.right
    if not isinstance(above, Series) or not isinstance(below, Series) or not _is_errors(above):
        return None
    counted = above.has("as_count") and below.has("as_count")
    summed = above.space == below.space == "sum"
    if counted and summed and query.aggregation == "sum":
        return None
    reason = (
        "averages the shares of short pieces, so that a quiet minute with one error weighs as "
        "much as a busy one"
        if counted
        else "divides rates and not counts"
    )
    return Advice(
        problem=f"the ratio {reason}; sum both counts over the window and then divide",
        better=replace(
            query,
            aggregation="sum",
            expression=Arithmetic(_counted(above), "/", _counted(below)),
        ),
    )


def _rate_of_cost(query: MonitorQuery) -> Advice | None:
    series = query.expression
    if not isinstance(series, Series) or metric_named(series.metric) is not COST_RATE:
        return None
    problems = []
    if series.space != "sum":
        problems.append(
            f"each replica reports its own dollars an hour, and {series.space} shows the "
            "cost of one where the sum is meant"
        )
    if query.window_minutes >= 60:
        problems.append(
            "the value is per hour already, so that a mean over an hour sees a spike when it is "
            "an hour old; the hour is not needed twice"
        )
    if not problems:
        return None
    return Advice(
        problem="; ".join(problems),
        better=replace(
            query,
            window="last_5m" if query.window_minutes >= 60 else query.window,
            expression=replace(series, space="sum"),
        ),
    )


def _gauge_as_count(query: MonitorQuery) -> Advice | None:
    for series in series_of(query.expression):
        metric = metric_named(series.metric)
        counted = series.has("as_count") or series.has("as_rate")
        if metric is not None and metric.kind is Kind.GAUGE and counted:
            return Advice(
                problem=f"{series.metric} is a gauge: as a count or a rate it means nothing",
            )
    return None


_CHECKS: Final[tuple[_Check, ...]] = (
    _legacy_duration,
    _averaged_latency,
    _quantile_of_the_wrong_kind,
    _errors_that_are_no_ratio,
    _ratio_of_rates,
    _rate_of_cost,
    _gauge_as_count,
)


def _is_trace(series: Series, ending: str) -> bool:
    return series.metric.startswith("trace.") and series.metric.endswith(ending)


def _is_distribution(series: Series) -> bool:
    metric = metric_named(series.metric)
    return metric is not None and metric.kind is Kind.HISTOGRAM and metric.unit == "s"


def _is_errors(series: Series) -> bool:
    return _is_trace(series, ".errors") or metric_named(series.metric) is ATTEMPTS_FAILED


def _is_quantile(space: str) -> bool:
    return space.startswith("p") and space[1:2].isdigit()


def _as_percentile(query: MonitorQuery, series: Series, metric: str) -> MonitorQuery:
    space = series.space if _is_quantile(series.space) else _LATENCY_QUANTILE
    return replace(
        query,
        aggregation="percentile",
        change=None,
        shift=None,
        expression=replace(series, metric=metric, space=space, modifiers=()),
    )


def _as_ratio(query: MonitorQuery, series: Series) -> MonitorQuery | None:
    if not 0 < query.threshold < 1:
        return None
    if series.metric.startswith("trace."):
        calls = series.metric.removesuffix(".errors") + ".hits"
    elif series.metric == ATTEMPTS_FAILED.name:
        calls = ATTEMPTS_FINISHED.name
    else:
        calls = ATTEMPTS_FINISHED.datadog_alias or ATTEMPTS_FINISHED.name
    return replace(
        query,
        aggregation="sum",
        expression=Arithmetic(_counted(series), "/", replace(_counted(series), metric=calls)),
    )


def _counted(series: Series) -> Series:
    return replace(series, space="sum", modifiers=_AS_COUNT)
