"""What rounded percentiles may hide of a difference between two policies."""

from __future__ import annotations

import math
from random import Random

import pytest

from balancer.core.histogram import Histogram
from sim.run.result import Run
from sim.study.gate import look_at
from sim.study.margins import parse_margins
from sim.study.rounding import rounding_of_difference
from sim.study.sequential import Looks

from .samples import run

LOOKS = Looks.up_to(160, comparisons=1)
STEP = 2.0 ** (1 / 64) - 1.0


def rounded(*exact_s: float) -> list[Run]:
    """Runs whose P95 is known as a run's is, by its histogram; its mean is exact."""
    return [
        run(k, latency_mean_s=each, latency_p95_s=Histogram.of([each]).quantile(0.95))
        for k, each in enumerate(exact_s)
    ]


def verdict(before: list[Run], after: list[Run], margin: str) -> str:
    """Of a gate's last look."""
    (found,) = look_at(before, after, margins=parse_margins(margin), looks=LOOKS)
    return found.verdict


def test_a_change_within_a_bucket_passes_no_narrow_margin() -> None:
    """Nor does one over an edge, however small, fail it."""
    low, high = 1.0001, 1.0105
    assert Histogram.of([low]) == Histogram.of([high])
    assert verdict(rounded(*[low] * 160), rounded(*[high] * 160), "latency_p95=0.5%") == (
        "inconclusive"
    )
    just, over = 2.0 ** (1 / 64) - 1e-6, 2.0 ** (1 / 64) + 1e-6
    assert verdict(rounded(*[just] * 160), rounded(*[over] * 160), "latency_p95=0.5%") == (
        "inconclusive"
    )
    # A wide margin is kept all the same.
    assert verdict(rounded(*[low] * 160), rounded(*[high] * 160), "latency_p95=5%") == "pass"


def test_runs_that_are_alike_hide_nothing() -> None:
    """The same policy twice is no worse than itself, to whatever margin."""
    same = rounded(*[1.0001] * 160)
    assert rounding_of_difference("latency_p95_s", same, same) == 0.0
    assert verdict(same, same, "latency_p95=0.5%") == "pass"
    assert rounding_of_difference("availability", same, rounded(*[1.2] * 160)) == 0.0


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3, 1.0, 3.0])
def test_it_is_never_more_than_is_said(spread: float) -> None:
    """Wherever in a bucket the values lie, and over however many they spread."""
    draw = Random(1)
    for place in range(40):
        base, other = 1.0 + place / 40 * STEP, 1.3 + draw.random() * STEP
        exact = [
            [middle * math.exp(spread * STEP * draw.gauss(0.0, 1.0)) for _ in range(200)]
            for middle in (base, other)
        ]
        before, after = (rounded(*each) for each in exact)
        true = (sum(exact[1]) - sum(exact[0])) / 200
        told = (
            sum(
                b.metrics["latency_p95_s"] - a.metrics["latency_p95_s"]
                for a, b in zip(before, after, strict=True)
            )
            / 200
        )
        assert abs(told - true) <= rounding_of_difference("latency_p95_s", before, after) + 1e-9
