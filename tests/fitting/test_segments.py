"""Where a series changes its level."""

from __future__ import annotations

import numpy as np

from sim.fitting.segments import level_segments, share_segments


def test_a_constant_share_is_one_segment() -> None:
    """Noise alone makes no cut."""
    random = np.random.default_rng(1)
    calls = random.poisson(5.0, 3600)
    (segment,) = share_segments(random.binomial(calls, 0.1), calls)
    assert (segment.begin, segment.end) == (0, 3600)


def test_an_outage_is_found_to_the_tick() -> None:
    """In a day that is looked at by the minute."""
    calls = np.full(86_400, 3)
    hits = np.zeros(86_400)
    hits[40_007:40_310] = 3
    found = share_segments(hits, calls)
    assert [(each.begin, each.end, each.level) for each in found] == [
        (0, 40_007, 0.0),
        (40_007, 40_310, 1.0),
        (40_310, 86_400, 0.0),
    ]


def test_an_end_that_nothing_saw_is_told_as_a_span() -> None:
    """Nobody called between the last failure and the first answer."""
    calls = np.full(1000, 4)
    calls[500:600] = 0
    hits = np.where((np.arange(1000) >= 300) & (np.arange(1000) < 500), calls, 0)
    outage = share_segments(hits, calls)[1]
    assert (outage.begin, outage.end_low, outage.end_high) == (300, 500, 600)
    assert outage.end == 550


def test_a_hit_that_shows_a_tick_late_belongs_to_its_call() -> None:
    """A refusal takes a moment; the share is of the calls all the same."""
    calls = np.tile([2, 0], 500)
    hits = np.tile([0, 1], 500)
    (segment,) = share_segments(hits, calls)
    assert segment.level == 0.5


def test_a_level_that_moves_is_cut() -> None:
    """By its mean, whatever the spread of its samples."""
    random = np.random.default_rng(2)
    values = random.normal(0.0, 0.5, 2000) + np.where(np.arange(2000) < 1200, 0.0, 1.0)
    one, other = level_segments(values, np.ones(2000), 0.5)
    assert abs(one.end - 1200) <= 5
    assert (round(one.level, 1), round(other.level, 1)) == (0.0, 1.0)
