"""The histogram: bucket edges, exact counts above cuts, quantiles, immutability."""

from __future__ import annotations

import copy
import math
import pickle

import pytest

from balancer.core.histogram import (
    EMPTY,
    MAX_INDEX,
    MIN_INDEX,
    Histogram,
    bucket_index,
    edge_s,
    merge,
    snap,
)


def test_a_bucket_holds_its_upper_edge_and_not_its_lower_one() -> None:
    """(2**(i/64), 2**((i+1)/64)]: 1 s is the top of bucket -1, as in OTLP at scale 6."""
    assert bucket_index(1.0) == -1
    assert bucket_index(math.nextafter(1.0, 2)) == 0
    assert bucket_index(2.0) == 63


@pytest.mark.parametrize("duration_s", [0.0, -1.0, 1e-9, 2.0**-10])
def test_what_is_below_a_millisecond_counts_in_the_lowest_bucket(duration_s: float) -> None:
    """The range ends where no answer of a model is."""
    assert bucket_index(duration_s) == MIN_INDEX


def test_the_least_duration_above_a_millisecond_is_in_the_range_too() -> None:
    """Its logarithm rounds to the lowest bucket's own lower edge."""
    assert bucket_index(math.nextafter(2.0**-10, 1.0)) == MIN_INDEX


@pytest.mark.parametrize("duration_s", [2.0**14, 1e6])
def test_what_is_above_four_and_a_half_hours_counts_in_the_highest_bucket(
    duration_s: float,
) -> None:
    """A clock that leapt must not grow the table."""
    assert bucket_index(duration_s) == MAX_INDEX


def test_an_edge_is_the_power_of_two_of_its_index() -> None:
    """Edges of an exponential histogram of scale 6."""
    assert (edge_s(0), edge_s(64), edge_s(-64)) == (1.0, 2.0, 0.5)


@pytest.mark.parametrize(("duration_s", "index"), [(2.0, 64), (5.0, 149), (10.0, 213)])
def test_a_threshold_is_snapped_to_the_nearest_edge(duration_s: float, index: int) -> None:
    """At most 0.55 % off: 5 s is judged at 5.02 s."""
    assert snap(duration_s) == index
    assert edge_s(index) == pytest.approx(duration_s, rel=0.0055)


def test_a_threshold_outside_the_range_is_snapped_to_its_end() -> None:
    """Both ends are edges too."""
    assert (snap(1e-9), snap(1e9)) == (MIN_INDEX, MAX_INDEX)


def test_counts_above_cuts_are_exact() -> None:
    """Of 1, 2, 3 and 4 s, three are above 1.4 s and one is above 3.5 s."""
    found = Histogram.of([1.0, 2.0, 3.0, 4.0]).counted((snap(1.4), snap(3.5)))
    assert found == (4, (3, 1))


def test_a_sample_at_a_cut_is_not_above_it() -> None:
    """Above means above: 2 s is not slower than 2 s."""
    assert Histogram.of([2.0]).above((snap(2.0),)) == (0,)


def test_all_samples_below_the_cuts_count_above_none() -> None:
    """The common case on a quiet tick."""
    assert Histogram.of([0.1, 0.2]).counted((0, 64)) == (2, (0, 0))


def test_counting_without_cuts_gives_the_total() -> None:
    """A policy without latency rules has none."""
    histogram = Histogram.of([1.0, 2.0])
    assert histogram.counted(()) == (2, ())
    assert histogram.total == 2


def test_an_empty_histogram_counts_nothing() -> None:
    """It is falsy, and its counts are zeros of the right shape."""
    assert not EMPTY
    assert EMPTY.counted((1, 2, 3)) == (0, (0, 0, 0))
    assert EMPTY.counts() == {}


def test_the_quantile_of_an_empty_histogram_is_not_a_number() -> None:
    """There is no honest figure for it."""
    assert math.isnan(EMPTY.quantile(0.95))


def test_a_quantile_is_the_sample_of_its_rank_within_its_bucket() -> None:
    """P95 of 1..100 s is 95 s, P0 the least and P100 the most."""
    histogram = Histogram.of([float(second) for second in range(1, 101)])
    assert histogram.quantile(0.95) == pytest.approx(95.0, rel=0.0056)
    assert histogram.quantile(0.0) == pytest.approx(1.0, rel=0.0056)
    assert histogram.quantile(1.0) == pytest.approx(100.0, rel=0.0056)


def test_sums_do_not_depend_on_the_order() -> None:
    """Equal to the byte, and by hash, whichever came first."""
    left, right = Histogram.of([1.0, 5.0]), Histogram.of([1.0, 0.1])
    assert left + right == right + left == Histogram.of([0.1, 1.0, 1.0, 5.0])
    assert hash(left + right) == hash(right + left)


def test_merging_nothing_gives_the_empty_histogram() -> None:
    """And merging one with nothing gives that one back, not a copy."""
    one = Histogram.of([1.0])
    assert merge([]) is EMPTY
    assert merge([EMPTY, one, EMPTY]) is one


def test_a_histogram_is_not_equal_to_its_counts() -> None:
    """Only to another histogram."""
    assert Histogram.from_counts({1: 2}) != {1: 2}


def test_zero_counts_are_dropped() -> None:
    """Equality is of samples, not of how they were written."""
    assert Histogram.from_counts({1: 0, 2: 3}) == Histogram.from_counts({2: 3})
    assert Histogram.from_counts({1: 0}) is EMPTY


@pytest.mark.parametrize("count", [-1, 2**31])
def test_an_impossible_count_is_refused(count: int) -> None:
    """Counts are kept in 32 bits."""
    with pytest.raises(ValueError, match=r"a histogram count is outside 0\.\.2147483647"):
        Histogram.from_counts({1: count})


@pytest.mark.parametrize("index", [MIN_INDEX - 1, MAX_INDEX + 1])
def test_an_index_outside_the_range_is_refused(index: int) -> None:
    """A journal of another layout must not be misread."""
    with pytest.raises(ValueError, match=r"a histogram index is outside -640\.\.895"):
        Histogram.from_counts({index: 1})


def test_a_histogram_cannot_be_changed() -> None:
    """It is shared between ticks and replicas."""
    histogram = Histogram.of([1.0])
    with pytest.raises(AttributeError, match="packed"):
        histogram.packed = b""  # type: ignore[misc]
    with pytest.raises(AttributeError, match="packed"):
        del histogram.packed


def test_a_histogram_survives_a_process_boundary() -> None:
    """Replications run in other processes and send theirs home."""
    histogram = Histogram.of([1.0, 2.0])
    sent = pickle.dumps(histogram)
    assert pickle.loads(sent) == histogram  # noqa: S301 - our own bytes
    assert copy.deepcopy(histogram) == histogram


def test_a_histogram_shows_how_to_build_it() -> None:
    """For a failing test's output."""
    histogram = Histogram.from_counts({-3: 2, 7: 1})
    assert repr(histogram) == "Histogram.from_counts({-3: 2, 7: 1})"


def test_the_mean_is_within_half_a_bucket() -> None:
    """Of samples spread over four octaves; of nothing it is no number."""
    durations = [0.5 + i / 100 for i in range(800)]
    exact = sum(durations) / len(durations)
    assert Histogram.of(durations).mean() == pytest.approx(exact, rel=0.0055)
    assert math.isnan(Histogram().mean())


def test_the_highest_bucket_holds_the_longest_sample() -> None:
    """And of nothing it is the lowest bucket there is."""
    assert Histogram.of([0.2, 7.0, 1.0]).highest == bucket_index(7.0)
    assert Histogram().highest == MIN_INDEX
