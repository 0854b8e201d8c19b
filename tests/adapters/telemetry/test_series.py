"""Running totals of metrics."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer import metrics
from balancer.adapters.telemetry.rolling import Rolling
from balancer.adapters.telemetry.series import MOST_SERIES, OTHER, Distribution, Series
from balancer.core.histogram import Histogram

AMOUNTS = st.lists(st.floats(1e-6, 1e7), max_size=40)


@given(AMOUNTS)
def test_every_sample_lies_in_its_bucket(samples: list[float]) -> None:
    """Between 2**(i/64) and 2**((i+1)/64), whatever its size: tokens go high, dollars low."""
    for sample in samples:
        found = Distribution()
        found.add(sample)
        (index,) = found.counts
        assert index / 64 - 1e-9 <= math.log2(sample) <= (index + 1) / 64 + 1e-9


@given(AMOUNTS, AMOUNTS)
def test_what_came_since_is_the_difference(first: list[float], second: list[float]) -> None:
    """Counts exactly, sums up to rounding."""
    found = Distribution()
    for sample in first:
        found.add(sample)
    earlier = found.copy()
    for sample in second:
        found.add(sample)
    since = found.since(earlier)
    assert since.count == len(second)
    assert since.total == pytest.approx(sum(second), abs=1e-6 * (1 + sum(first) + sum(second)))


@given(st.lists(st.floats(0.002, 10_000), min_size=1, max_size=40))
def test_a_histogram_of_the_core_keeps_its_buckets(samples: list[float]) -> None:
    """Same indices, and a sum within half a bucket."""
    found, counted = Distribution(), Distribution()
    for sample in samples:
        found.add(sample)
    counted.add_counts(Histogram.of(samples).counts())
    assert counted.counts == found.counts
    assert counted.total == pytest.approx(sum(samples), rel=0.0055)


def test_nothing_is_a_sample_of_its_own() -> None:
    """A logarithm has no bucket for it."""
    found = Distribution()
    found.add(0.0)
    assert (found.zeros, found.counts, found.count) == (1, {}, 1)


def test_a_gauge_that_is_not_known_is_not_reported() -> None:
    """Never as 0."""
    series = Series()
    series.set(metrics.ERROR_RATE, 0.5)
    series.set(metrics.ERROR_RATE, None)
    assert list(series) == []


def test_a_metric_is_used_as_its_kind_only() -> None:
    """The table says what it is."""
    with pytest.raises(ValueError, match="is a gauge, not a counter"):
        Series().count(metrics.ERROR_RATE, 1)


def test_attributes_without_end_are_counted_together() -> None:
    """So that a label from outside cannot fill the memory."""
    series = Series()
    for number in range(MOST_SERIES + 10):
        series.count(metrics.COST, 1, (("key", str(number)),))
    ((_, values),) = list(series)
    assert values[OTHER] == 10
    assert len(values) == MOST_SERIES + 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.integers(1, 50))
def test_a_rolling_sum_is_that_of_its_window(rows: list[int], window: int) -> None:
    """With a slice for each tick, exactly."""
    found = Rolling(window, window)
    for tick, row in enumerate(rows):
        found.add(tick, (row,))
    assert found.total == (sum(rows[-window:]),)
