"""Intervals of metrics and of their differences, by kind."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sim.run.metrics import METRICS
from sim.study.estimates import difference_interval, metric_interval, metric_room, values_interval
from sim.study.metric_kinds import KINDS
from tests.sim.samples import run, runs


def test_every_metric_has_a_kind() -> None:
    """In the order of the metrics, so that a new one is not forgotten."""
    assert list(KINDS) == list(METRICS)


def test_every_whole_of_a_share_is_a_metric_and_no_share_is_more_than_all() -> None:
    """What a kind names is there."""
    for name, kind in KINDS.items():
        assert not kind.of or METRICS[kind.of] == "count"
        assert not kind.relative_to or kind.relative_to in METRICS
        assert METRICS[name] != "share" or kind.most == 1.0


@pytest.mark.parametrize(
    "name", [name for name in METRICS if name not in ("offered", "reasked", "cost_saved")]
)
def test_runs_that_agree_are_no_point(name: str) -> None:
    """A run not seen may differ in anything but the traffic, in an arm and between two."""
    alike = [replace(each, metrics={**each.metrics, name: 0.5}) for each in map(run, range(24))]
    for found in (metric_interval(name, alike), difference_interval(name, alike, alike)):
        assert found.low < found.estimate < found.high


def test_a_reach_may_be_a_share_of_the_mean() -> None:
    """A fifth of a cost."""
    assert metric_room("cost_usd", [40.0, 60.0]).reach == pytest.approx(10.0)


def test_changes_an_hour_reach_as_far_as_changes_a_run() -> None:
    """Eight in a run of four hours are two an hour."""
    long = [
        replace(each, duration_s=4 * 3600.0) for each in runs("transitions_per_hour", [0.0] * 3)
    ]
    assert metric_room("transitions_per_hour", [0.0] * 3, long).reach == pytest.approx(2.0)


@pytest.mark.parametrize(("hours", "reach"), [(1.0, 0.2), (4.0, 0.05), (0.5, 0.4), (0.1, 1.0)])
def test_an_episode_weighs_more_in_a_short_run(hours: float, reach: float) -> None:
    """Twelve minutes in another mode; of six minutes, all of them."""
    found = [replace(run(), duration_s=hours * 3600.0)] * 3
    assert metric_room("degraded_share", [0.0] * 3, found).reach == pytest.approx(reach)
    assert metric_room("latency_p95_s", [1.0] * 3, found).reach == pytest.approx(0.2)


def test_a_share_of_few_requests_reaches_one_of_them() -> None:
    """Of twenty, one is 5 %; of ten thousand, less than is taken for granted anyhow."""
    few = [replace(each, metrics={**each.metrics, "offered": 20.0}) for each in map(run, range(3))]
    assert metric_room("availability", [1.0] * 3, few).reach == pytest.approx(0.05)
    assert metric_room("availability", [1.0] * 3, [run()] * 3).reach == KINDS["availability"].reach


def test_a_percentile_holds_what_its_bucket_may_hold() -> None:
    """P95 of M/M/20/0 is 2.99573 s; a histogram says 3.00203 s in every run."""
    found = values_interval("latency_p95_s", [3.00203] * 10)
    assert found.low < 2.99573 < found.high
    assert metric_room("latency_p95_s", [3.00203]).rounding == pytest.approx(0.0163, abs=1e-4)


def test_a_difference_of_percentiles_is_rounded_twice() -> None:
    """Two runs a bucket apart may be alike."""
    room = metric_room("latency_p95_s", [3.0])
    found = difference_interval(
        "latency_p95_s", runs("latency_p95_s", [3.0] * 50), runs("latency_p95_s", [3.03] * 50)
    )
    assert found.high - found.estimate > 2 * room.rounding


def test_noise_that_both_arms_share_does_not_widen_their_difference() -> None:
    """As pairs, and with the reach of either."""
    noise = [0.0, 100.0, 50.0, 7.0] * 6
    found = difference_interval(
        "transitions",
        runs("transitions", [100 + each for each in noise]),
        runs("transitions", [110 + each for each in noise]),
    )
    assert found.estimate == -10.0
    assert found.high - found.low < 2 * 8 * 0.15


def test_an_overshoot_reaches_a_part_of_the_spend() -> None:
    """Not a part of the overshoot, of which there is none."""
    dear = runs("cost_usd", [50.0] * 24)
    assert metric_interval("budget_overshoot_usd", dear).high == pytest.approx(
        0.25 * 0.142, rel=0.05
    )


def test_the_page_argues_the_reach_of_every_metric() -> None:
    """And names none twice."""
    page = Path(__file__).parents[2] / "docs" / "explanation" / "certainty.md"
    text = page.read_text(encoding="utf-8").partition("## What is taken for granted")[2]
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    told = {name: reach for names, reach in rows for name in re.findall("`(.+?)`", names)}
    assert sum(len(re.findall("`(.+?)`", names)) for names, _ in rows) == len(told)
    assert set(told) == set(KINDS)
    assert told.pop("offered") == told.pop("reasked")
    for name, reach in told.items():
        kind = KINDS[name]
        amount = 100 * kind.reach if kind.most == 1.0 or kind.relative_to else kind.reach
        assert re.fullmatch(rf" {amount:g}\b.*", reach), name
        assert ("any run" in reach) is (not kind.episode), name
        assert ("%" in reach) == bool(kind.relative_to), name
