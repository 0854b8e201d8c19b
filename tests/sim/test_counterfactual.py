"""Paired comparison of the two arms."""

from __future__ import annotations

import math

import pytest

from balancer.core.errors import MisuseError
from sim.counterfactual import compare
from sim.intervals import Interval, mean_interval
from tests.sim.samples import run, runs


def test_each_side_has_its_own_mean() -> None:
    """With the interval of its own spread."""
    found = compare(
        runs("cost_usd", [1.0, 2.0, 3.0]), runs("cost_usd", [2.0, 4.0, 6.0], arm="none")
    )
    assert found.policy["cost_usd"] == mean_interval([1.0, 2.0, 3.0])
    assert found.counterfactual["cost_usd"] == mean_interval([2.0, 4.0, 6.0])


def test_the_difference_is_taken_pair_by_pair() -> None:
    """Noise that both arms share does not widen its interval."""
    noise = [0.0, 100.0, -50.0, 7.0]
    found = compare(
        runs("cost_usd", [100 + each for each in noise]),
        runs("cost_usd", [110 + each for each in noise], arm="none"),
    )
    assert found.difference["cost_usd"] == Interval(estimate=-10.0, low=-10.0, high=-10.0)


def test_cost_saved_is_a_share_of_the_counterfactuals_cost() -> None:
    """Half in one, a quarter in the other; and nothing in the counterfactual itself."""
    found = compare(runs("cost_usd", [1.0, 3.0]), runs("cost_usd", [2.0, 4.0], arm="none"))
    assert found.policy["cost_saved"] == mean_interval([0.5, 0.25])
    assert found.difference["cost_saved"] == mean_interval([0.5, 0.25])
    assert found.counterfactual["cost_saved"].estimate == 0.0


def test_nothing_is_saved_of_nothing() -> None:
    """A counterfactual without cost leaves the share undefined."""
    found = compare(runs("cost_usd", [0.0, 0.0]), runs("cost_usd", [0.0, 0.0], arm="none"))
    assert math.isnan(found.policy["cost_saved"].estimate)


def test_arms_that_saw_other_requests_are_refused() -> None:
    """Their difference would be luck."""
    with pytest.raises(MisuseError, match="saw other requests"):
        compare(runs("offered", [10.0]), runs("offered", [11.0], arm="none"))


def test_runs_that_are_no_pairs_are_refused() -> None:
    """Replication 0 belongs to replication 0."""
    with pytest.raises(MisuseError, match="paired with replication 1"):
        compare([run(0)], [run(1, arm="none")])


def test_an_empty_comparison_is_refused() -> None:
    """There is nothing to estimate."""
    with pytest.raises(MisuseError, match="no runs"):
        compare([], [])
