"""Intervals hold the truth as often as they say; `make prove` asks the same of more samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from sim.study.intervals import mean_interval, share_interval
from tests.certainty.coverage import COVERED, FALSE_PASSES, Covered, covered, covered_medians
from tests.certainty.families import BEYOND, FAMILIES, Family

SAMPLES = 200
QUICK = [
    each
    for each in FAMILIES
    if each.name.startswith(("13 %", "errors", "runs of 20", "exponential", "all in one"))
]


def plausible(rows: Sequence[Covered]) -> None:
    """No row is so far from its claim that it cannot be true (95 %)."""
    for row in rows:
        held = share_interval(round(row.coverage * row.samples), row.samples)
        assert held.high >= COVERED, row
        if not math.isnan(row.false_passes):
            passed = share_interval(round(row.false_passes * row.samples), row.samples)
            assert passed.low <= FALSE_PASSES, row
        assert not row.points and not row.outside, row


@pytest.mark.slow
@pytest.mark.parametrize("family", QUICK, ids=lambda each: f"{each.name}-{each.metric}")
def test_intervals_hold_the_truth(family: Family) -> None:
    """Rare, skewed and rounded metrics, with few replications and with a scenario's."""
    plausible([covered(family, n, SAMPLES) for n in (10, 24)])


def test_intervals_of_medians_hold_the_truth() -> None:
    """Of times too, of which some never come."""
    plausible([*covered_medians(10, SAMPLES), *covered_medians(24, SAMPLES)])


def test_a_bound_that_rare_moves_break_seldom_passes() -> None:
    """13 % of runs move eight times; Student's alone let that pass in 23 % of samples of ten."""
    moves = next(
        each for each in FAMILIES if each.metric == "transitions_per_hour" and "move" in each.name
    )
    assert covered(moves, 24, SAMPLES).false_passes <= FALSE_PASSES


def test_students_interval_alone_does_not_hold_it() -> None:
    """So the measure can fail: where one run of eight is another, it holds three of four."""
    import numpy as np

    moves = next(each for each in FAMILIES if each.name.startswith("13 % of runs move"))
    random = np.random.default_rng(1)
    drawn = [mean_interval(moves.draw(random, 10).tolist()) for _ in range(SAMPLES)]
    assert sum(each.low <= moves.truth <= each.high for each in drawn) < 0.85 * SAMPLES


def test_what_is_farther_off_than_granted_needs_more_runs() -> None:
    """Ten that saw none of them say too much; the number that is claimed does."""
    family, enough = next(each for each in BEYOND if each[0].name.startswith("5 %"))
    assert covered(family, 10, SAMPLES).coverage < 0.6
    plausible([covered(family, enough, SAMPLES)])
