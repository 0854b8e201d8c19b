"""One difference against one margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import pytest

from sim.study.intervals import mean_interval
from sim.study.margins import parse_margins
from sim.study.non_inferiority import UNSEEN, Difference, judge_difference
from sim.study.sequential import Looks

LOOKS = Looks.up_to(320, comparisons=4)


def spread(n: int, mean: float, deviation: float) -> list[float]:
    """Quantiles of a normal distribution, which have its mean and nearly its spread."""
    normal = NormalDist()
    return [mean + deviation * normal.inv_cdf((k + 0.5) / n) for k in range(n)]


def judged(margin: str, baseline: Sequence[float], candidate: Sequence[float]) -> Difference:
    """At a look of a gate of four comparisons."""
    (asked,) = parse_margins(margin)
    return judge_difference(asked, baseline, candidate, LOOKS)


def shifted(by: Sequence[float], base: float = 0.9) -> tuple[list[float], list[float]]:
    """A baseline of one value, and a candidate that differs by so much each time."""
    return [base] * len(by), [base + each for each in by]


@pytest.mark.parametrize(
    ("margin", "change", "verdict"),
    [
        ("availability=1pp", -0.002, "pass"),
        ("availability=1pp", +0.05, "pass"),
        ("availability=1pp", -0.02, "fail"),
        ("availability=1pp", -0.01, "inconclusive"),
        ("latency_p95=10%", +0.02, "pass"),
        ("latency_p95=10%", -0.5, "pass"),
        ("latency_p95=10%", +0.2, "fail"),
        ("latency_p95=10%", +0.09, "inconclusive"),
        ("latency_p95=10ms", +0.02, "fail"),
    ],
)
def test_the_whole_interval_must_lie_on_one_side(margin: str, change: float, verdict: str) -> None:
    """Less availability is worse, and so is more latency; better is never a fail."""
    assert judged(margin, *shifted(spread(160, change, 0.002))).verdict == verdict


def test_worse_is_positive_whichever_side_is_better() -> None:
    """And relative margins have relative differences."""
    less = judged("availability=1pp", *shifted(spread(20, -0.02, 0.001)))
    assert less.worsening.estimate == pytest.approx(0.02)
    slower = judged("latency_p95=5%", *shifted(spread(20, 0.09, 0.001)))
    assert slower.worsening.estimate == pytest.approx(0.1)
    assert slower.candidate.estimate == pytest.approx(0.99)


@pytest.mark.parametrize("margin", ["availability=0.001pp", "latency_p95=0.001%"])
def test_few_equal_values_may_be_chance(margin: str) -> None:
    """Ten that agree decide nothing; of twenty the note says what they leave open."""
    ten, twenty = (judged(margin, same, same) for same in (spread(10, 3, 0.1), spread(20, 3, 0.1)))
    assert (ten.verdict, ten.settled, ten.note) == ("inconclusive", False, "")
    assert ten.replications_needed is not None
    assert 10 < ten.replications_needed <= 20
    assert (twenty.verdict, twenty.worsening.estimate) == ("pass", 0.0)
    assert twenty.worsening.low < 0.0 < twenty.worsening.high
    assert "up to 14% of all" in twenty.note


@pytest.mark.parametrize(
    ("loss", "verdict"),
    [(-0.25, "pass"), (0.05, "inconclusive"), (0.24, "inconclusive"), (0.6, "inconclusive")],
)
def test_ten_differences_that_are_alike_do_not_decide_what_is_near(
    loss: float, verdict: str
) -> None:
    """They may all lack what happens in one run of twenty."""
    baseline, candidate = shifted([-loss] * 10, base=0.75)
    assert judged("availability=25pp", baseline, candidate).verdict == verdict


@pytest.mark.parametrize("change", [0.035, 0.045, 0.055, 0.065])
def test_a_relative_margin_is_judged_by_the_paired_difference_to_its_multiple(
    change: float,
) -> None:
    """Fieller's interval and Student's t for candidate - 1.05 baseline say the same."""
    baseline = spread(40, 10.0, 2.0)
    candidate = [
        a * (1 + change) + e for a, e in zip(baseline, reversed(spread(40, 0, 0.1)), strict=True)
    ]
    beyond = mean_interval(
        [b - 1.05 * a for a, b in zip(baseline, candidate, strict=True)],
        below=LOOKS.fail_level,
        above=LOOKS.pass_level,
        unseen=UNSEEN * 0.05 * 10.0,
    )
    expected = "pass" if beyond.high <= 0 else "fail" if beyond.low > 0 else "inconclusive"
    assert judged("latency_p95=5%", baseline, candidate).verdict == expected


def test_what_is_inconclusive_says_how_many_replications_would_do() -> None:
    """With so many of the same spread, it is decided; with fewer, it is not."""
    early = judged("availability=1pp", *shifted(spread(20, -0.002, 0.01)))
    assert early.verdict == "inconclusive"
    assert early.replications_needed is not None
    for share, verdict in ((1.1, "pass"), (0.8, "inconclusive")):
        n = math.ceil(share * early.replications_needed)
        assert judged("availability=1pp", *shifted(spread(n, -0.002, 0.01))).verdict == verdict


def test_what_is_too_close_to_the_margin_asks_for_no_more() -> None:
    """As soon as twice the margin would have been told from it, and not before."""
    few, many = (judged("availability=1pp", *shifted(spread(n, -0.0101, 0.01))) for n in (20, 320))
    assert (few.verdict, few.settled) == ("inconclusive", False)
    assert (many.verdict, many.settled) == ("inconclusive", True)
    assert many.note == "too close to the margin to tell"


def test_a_candidate_without_any_value_fails() -> None:
    """It answered nobody, so it has no latency, while the baseline had one."""
    found = judged("latency_p95=5%", [9.0] * 10, [math.nan] * 10)
    assert found.verdict == "fail"
    assert found.note == "undefined in 0 of 10 runs of the baseline, 10 of the candidate"


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [
        ([math.nan] * 10, [9.0] * 10),
        ([math.nan] * 10, [math.nan] * 10),
        ([9.0] * 9 + [math.nan],) * 2,
    ],
)
def test_what_is_undefined_is_never_a_pass(baseline: list[float], candidate: list[float]) -> None:
    """Leaving it out would flatter one of them."""
    assert judged("latency_p95=5%", baseline, candidate).verdict == "inconclusive"


def test_a_share_of_nothing_is_no_margin() -> None:
    """What the baseline has none of can only have an absolute margin."""
    found = judged("shed=5%", [0.0] * 10, spread(10, 0.5, 0.1))
    assert found.verdict == "inconclusive"
    assert "give an absolute margin" in found.note
    assert judged("shed=5pp", [0.0] * 10, spread(10, 0.9, 0.1)).verdict == "fail"
    assert judged("shed=5%", [0.0] * 10, [0.0] * 10).verdict == "pass"
