"""Margins as people write them."""

from __future__ import annotations

import pytest

from balancer.core.errors import InputError
from sim.run.metrics import METRICS
from sim.study.margins import BETTER, DEFAULT_MARGINS, parse_margins


@pytest.mark.parametrize(
    ("text", "metric", "amount", "relative"),
    [
        ("availability=0.1pp", "availability", 0.001, False),
        ("availability=0.002", "availability", 0.002, False),
        ("error_rate=10%", "error_rate", 0.1, True),
        ("cost=2%", "cost_usd", 0.02, True),
        ("cost_usd=$5", "cost_usd", 5.0, False),
        ("latency_p95 = 200ms", "latency_p95_s", 0.2, False),
        ("shed=1pp", "shed_share", 0.01, False),
        ("transitions=2", "transitions", 2.0, False),
    ],
)
def test_an_amount_is_relative_in_percent_and_absolute_otherwise(
    text: str, metric: str, amount: float, relative: bool
) -> None:
    """Metrics are known with and without their unit."""
    (margin,) = parse_margins(text)
    assert (margin.metric, margin.relative) == (metric, relative)
    assert margin.amount == pytest.approx(amount)


def test_the_defaults_are_margins() -> None:
    """Those that the documentation gives."""
    found = parse_margins(DEFAULT_MARGINS)
    assert {margin.metric: margin.amount for margin in found} == {
        "availability": 0.001,
        "cost_per_answer_usd": 0.02,
        "latency_p95_s": 0.05,
        "quality": 0.01,
    }


def test_every_metric_with_a_better_side_exists() -> None:
    """And a run has it: what was saved against no controller is of no one run."""
    assert set(BETTER) <= set(METRICS) - {"cost_saved"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "found '', expected METRIC=AMOUNT"),
        ("availability", "expected METRIC=AMOUNT"),
        ("availability=", "expected METRIC=AMOUNT"),
        ("availabilty=1pp", "did you mean 'availability'?"),
        ("offered=1", "offered is no better for being higher or lower"),
        ("cost=2%,cost_usd=1%", "cost_usd is given twice"),
        ("availability=0pp", "expected more than 0"),
        ("availability=-1pp", "expected more than 0"),
        ("latency_p95=-5ms", "must not be negative"),
        ("latency_p95=0.1pp", "unknown unit 'pp'"),
        ("availability=2s", "expected 0.1pp, or 2% of the baseline's mean"),
        ("transitions=1pp", "expected 0.5, or 2% of the baseline's mean"),
        ("cost=nan%", "found 'nan%'"),
        ("utility=2%", "there is no share of it; expected an amount such as $5"),
        ("availability=nan", "found 'nan'"),
        ("availability=infpp", "found 'infpp'"),
    ],
)
def test_a_margin_nobody_can_mean_is_one_message(text: str, problem: str) -> None:
    """It names the option."""
    with pytest.raises(InputError) as caught:
        parse_margins(text)
    assert problem in str(caught.value)
    assert caught.value.where.startswith("--margin")
