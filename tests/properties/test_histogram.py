"""Laws of the histogram that hold for all samples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.histogram import (
    MAX_INDEX,
    MIN_INDEX,
    Histogram,
    bucket_index,
    edge_s,
    merge,
    snap,
)

# Inside the range of the buckets, where the error is stated.
durations = st.floats(0.001, 16_000.0)
samples = st.lists(durations, max_size=60)
cuts = st.lists(st.integers(MIN_INDEX, MAX_INDEX), max_size=8).map(lambda found: sorted(set(found)))


@given(st.lists(samples, max_size=5))
def test_merging_is_adding_samples(parts: list[list[float]]) -> None:
    """Of any parts, empty ones included."""
    together = Histogram.of([sample for part in parts for sample in part])
    assert merge(Histogram.of(part) for part in parts) == together


@given(samples, samples, samples)
def test_adding_is_associative_and_commutative(
    first: list[float], second: list[float], third: list[float]
) -> None:
    """To the byte."""
    a, b, c = map(Histogram.of, (first, second, third))
    assert (a + b) + c == a + (b + c) == (c + b) + a


@given(samples, cuts)
def test_counts_above_cuts_are_those_of_the_buckets(found: list[float], edges: list[int]) -> None:
    """Against counting bucket by bucket."""
    histogram = Histogram.of(found)
    brute = tuple(sum(bucket_index(sample) >= edge for sample in found) for edge in edges)
    assert histogram.counted(edges) == (len(found), brute)
    assert histogram.above(edges) == brute
    assert histogram.total == len(found)


@given(samples.filter(bool), st.floats(0.0, 1.0))
def test_a_quantile_is_within_its_stated_error(found: list[float], q: float) -> None:
    """0.56 % of the sample of rank ceil(q n)."""
    exact = sorted(found)[max(1, math.ceil(q * len(found))) - 1]
    assert Histogram.of(found).quantile(q) == pytest.approx(exact, rel=0.0056)


@given(durations)
def test_a_sample_lies_in_its_bucket(duration_s: float) -> None:
    """Above the lower edge, at most at the upper one, but for the last bit of a logarithm."""
    index = bucket_index(duration_s)
    assert edge_s(index) <= duration_s * (1 + 1e-12)
    assert duration_s <= edge_s(index + 1) * (1 + 1e-12)


@given(durations)
def test_the_nearest_edge_is_within_half_a_bucket(duration_s: float) -> None:
    """0.55 %, which `policy show` prints."""
    assert edge_s(snap(duration_s)) == pytest.approx(duration_s, rel=0.0055)


@given(samples)
def test_counts_build_the_same_histogram_again(found: list[float]) -> None:
    """What a journal writes is what it reads."""
    histogram = Histogram.of(found)
    assert Histogram.from_counts(histogram.counts()) == histogram
