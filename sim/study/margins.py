"""Margins: how much worse a candidate policy may be, metric by metric.

Written as people write them: "availability=0.1pp,cost=2%,latency_p95=200ms". A percentage is
relative to the baseline's mean; points and amounts with a unit are absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from balancer.core.errors import InputError, nearest
from balancer.records.gate import AcceptedMargin
from balancer.units import parse_quantity, parse_seconds, parse_usd

from ..run.metrics import METRICS

__all__ = ["BETTER", "DEFAULT_MARGINS", "metric_named", "parse_margins"]

Better = Literal["higher", "lower"]

BETTER: Mapping[str, Better] = {
    "availability": "higher",
    "answered": "higher",
    "quality": "higher",
    "quality_weighted_answers": "higher",
    "good_answers": "higher",
    "waiting_s": "lower",
    "utility_usd": "higher",
    "latency_p50_s": "lower",
    "latency_p95_s": "lower",
    "latency_p99_s": "lower",
    "latency_mean_s": "lower",
    "error_rate": "lower",
    "cost_usd": "lower",
    "cost_per_answer_usd": "lower",
    "shed_share": "lower",
    "refused_share": "lower",
    "fallback_share": "lower",
    "degraded_share": "lower",
    "truncated_share": "lower",
    "retry_amplification": "lower",
    "transitions": "lower",
    "transitions_per_hour": "lower",
    "budget_overshoot_usd": "lower",
}
"""Which way a metric is better; those that are neither cannot have a margin."""

SIGNED = ("utility_usd",)
"""Metrics that may be nothing or less, and so are no unit for a margin."""

SUFFIXES = ("_s", "_usd", "_share")
"""Units that a metric's name may be given without."""

DEFAULT_MARGINS = "availability=0.1pp,cost_per_answer=2%,latency_p95=5%,quality=1pp"
"""What a gate asks unless it is told otherwise."""


def parse_margins(text: str) -> tuple[AcceptedMargin, ...]:
    """Margins from "METRIC=AMOUNT,METRIC=AMOUNT", in that order.

    Raises:
        InputError: a metric that is unknown, has no better side or comes twice; an amount
            that is not positive or does not fit the metric's unit.
    """
    margins = tuple(_margin(part.strip()) for part in text.split(","))
    seen: set[str] = set()
    for margin in margins:
        if margin.metric in seen:
            raise InputError(f"{margin.metric} is given twice", where="--margin")
        seen.add(margin.metric)
    return margins


def _margin(text: str) -> AcceptedMargin:
    name, equals, amount = (part.strip() for part in text.partition("="))
    if not equals or not name or not amount:
        raise InputError(
            f"found {text!r}, expected METRIC=AMOUNT such as availability=0.1pp",
            where="--margin",
        )
    metric = metric_named(name, "--margin")
    relative = amount.endswith("%")
    if relative and metric in SIGNED:
        raise InputError(
            f"found {amount!r}: {name} may be nothing, or less, so there is no share of it; "
            "expected an amount such as $5",
            where=f"--margin {name}",
        )
    try:
        value = parse_quantity(amount) if relative else _absolute(amount, METRICS[metric])
    except ValueError as error:
        raise InputError(str(error), where=f"--margin {name}") from None
    if not value > 0.0:
        raise InputError(
            f"found {amount!r}, expected more than 0: that two policies differ by nothing at "
            "all cannot be shown",
            where=f"--margin {name}",
        )
    return AcceptedMargin(
        metric=metric,
        amount=value,
        relative=relative,
        text=amount,
        better=BETTER[metric],
        unit=METRICS[metric],
    )


def metric_named(name: str, where: str) -> str:
    """The metric of a name that may lack its unit: "cost", "latency_p95".

    Args:
        name: as it was given.
        where: what errors call the place.

    Raises:
        InputError: it is unknown, or has no better side.
    """
    for suffix in ("", *SUFFIXES):
        if name + suffix in BETTER:
            return name + suffix
    if name in METRICS:
        raise InputError(f"{name} is no better for being higher or lower", where=where)
    raise InputError(
        f"unknown metric {name!r}{nearest(name, BETTER)}; known: {', '.join(BETTER)}",
        where=where,
    )


def _absolute(amount: str, unit: str) -> float:
    if unit == "seconds":
        return parse_seconds(amount)
    if unit == "usd":
        return parse_usd(amount)
    if amount.endswith("pp"):
        if unit in ("share", "score"):
            return parse_quantity(amount)
    else:
        try:
            return float(parse_quantity(float(amount)))
        except ValueError:
            pass
    points = "0.1pp" if unit in ("share", "score") else "0.5"
    raise ValueError(f"found {amount!r}, expected {points}, or 2% of the baseline's mean")
