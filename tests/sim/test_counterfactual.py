"""Paired comparison of the arms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from balancer.core.errors import MisuseError
from sim.study.counterfactual import Comparison, compare
from sim.study.estimates import difference_interval, metric_interval, values_interval
from sim.study.intervals import Interval
from tests.sim.samples import run, runs


def compared(metric: str, **values: Sequence[float]) -> Comparison:
    """The comparison of arms in which a metric had these values."""
    return compare({arm: runs(metric, each, arm=arm) for arm, each in values.items()})


def test_each_arm_has_its_own_mean() -> None:
    """With the interval of its own spread."""
    arms = {
        "policy": runs("cost_usd", [1.0, 2.0, 3.0]),
        "static": runs("cost_usd", [2.0, 4.0, 6.0], arm="static"),
        "none": runs("cost_usd", [5.0] * 3, arm="none"),
    }
    found = compare(arms)
    for arm, each in arms.items():
        assert found.arms[arm]["cost_usd"] == metric_interval("cost_usd", each)
    for arm in ("static", "none"):
        between = difference_interval("cost_usd", arms["policy"], arms[arm])
        assert found.differences[arm]["cost_usd"] == between


def test_the_difference_is_taken_pair_by_pair() -> None:
    """Noise that the arms share does not widen its interval; there is one to each other arm."""
    noise = [0.0, 100.0, -50.0, 7.0]
    found = compared(
        "transitions",
        policy=[100 + each for each in noise],
        static=[110 + each for each in noise],
        none=[120 + each for each in noise],
    )
    assert list(found.differences) == ["static", "none"]
    difference = found.differences["static"]["transitions"]
    assert difference.estimate == -10.0
    # Only the reach of a run not seen, eight changes, is left.
    assert -18.0 < difference.low < -10.0 < difference.high < -2.0
    assert found.differences["none"]["transitions"].estimate == -20.0


def test_cost_saved_of_an_arm_is_a_share_of_statics_cost() -> None:
    """Half in one, a quarter in the other; nothing in static, and a loss where more is spent."""
    found = compared("cost_usd", policy=[1.0, 3.0], static=[2.0, 4.0], none=[4.0, 8.0])
    assert found.arms["policy"]["cost_saved"] == values_interval("cost_saved", [0.5, 0.25])
    nothing = Interval(estimate=0.0, low=0.0, high=0.0)
    assert found.arms["static"]["cost_saved"] == nothing
    assert found.arms["none"]["cost_saved"].estimate == -1.0


def test_cost_saved_among_the_differences_is_a_share_of_that_arms_cost() -> None:
    """What the policy saves of it."""
    found = compared("cost_usd", policy=[1.0, 3.0], static=[2.0, 4.0], none=[4.0, 4.0])
    assert found.differences["static"]["cost_saved"] == values_interval("cost_saved", [0.5, 0.25])
    assert found.differences["none"]["cost_saved"] == values_interval("cost_saved", [0.75, 0.25])


def test_nothing_is_saved_of_nothing() -> None:
    """Where static costs nothing, the share is undefined."""
    found = compared("cost_usd", policy=[0.0, 0.0], static=[0.0, 0.0])
    assert math.isnan(found.arms["policy"]["cost_saved"].estimate)


@pytest.mark.parametrize(
    ("policy", "harms"),
    [([0.5, 0.51, 0.49], True), ([0.99, 0.9, 1.0], False), ([1.0, 1.0, 1.0], False)],
)
def test_harm_is_less_availability_than_static_beyond_doubt(
    policy: list[float], harms: bool
) -> None:
    """The whole interval of the difference below zero."""
    found = compared("availability", policy=policy, static=[1.0, 0.98, 1.0])
    assert found.harms is harms
    assert found.harm == found.differences["static"]["availability"]


def test_one_pair_shows_no_harm() -> None:
    """Whatever it lost: it has no spread."""
    assert not compared("availability", policy=[0.5], static=[1.0]).harms


def test_arms_that_saw_other_requests_are_refused() -> None:
    """Their difference would be luck."""
    with pytest.raises(MisuseError, match="saw other requests"):
        compared("offered", policy=[10.0], static=[10.0], none=[11.0])


def test_runs_that_are_no_pairs_are_refused() -> None:
    """Replication 0 belongs to replication 0."""
    with pytest.raises(MisuseError, match="paired with replication 1"):
        compare({"policy": [run(0)], "static": [run(1, arm="static")]})


def test_an_empty_comparison_is_refused() -> None:
    """There is nothing to estimate."""
    with pytest.raises(MisuseError, match="no runs"):
        compare({"policy": [], "static": []})
