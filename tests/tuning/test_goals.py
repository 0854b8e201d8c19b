"""Objectives and constraints: what they say of runs, and what cannot be asked."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from balancer.core.errors import InputError
from sim.run.result import Run
from sim.study.estimates import difference_interval, metric_interval
from sim.study.intervals import mean_interval
from sim.tuning.constraints import HARMLESS, parse_constraints
from sim.tuning.goals import Goals
from sim.tuning.objectives import parse_objectives
from sim.tuning.results import TODAY
from tests.tuning.asking import slow


def runs(duration_s: float = 3600.0, /, **metrics: list[float]) -> tuple[Run, ...]:
    """Runs with these values in each replication."""
    count = len(next(iter(metrics.values())))
    values = {"offered": [1000.0] * count, "reasked": [0.0] * count, **metrics}
    return tuple(
        Run(
            arm="any",
            replication=k,
            duration_s=duration_s,
            metrics={name: each[k] for name, each in values.items()},
            transitions=(),
            servings=(),
        )
        for k in range(count)
    )


def goals(folder: Path, objectives: str, *constraints: str) -> Goals:
    """Of two scenarios, `a` and `b`."""
    return Goals(
        objectives=parse_objectives(objectives),
        constraints=parse_constraints(constraints or ("availability >= 0%",)),
        scenarios={name: slow(folder, name) for name in ("a", "b")},
    )


def test_amounts_are_ratios_and_no_scenario_outweighs_another(tmp_path: Path) -> None:
    """Half of a dollar and all of a thousand is three quarters."""
    found = goals(tmp_path, "cost")
    today = {"a": runs(cost_usd=[1.0, 3.0]), "b": runs(cost_usd=[1000.0, 3000.0])}
    ours = {"a": runs(cost_usd=[0.5, 1.5]), "b": runs(cost_usd=[1000.0, 3000.0])}
    for each in (today, ours):
        for name in each:
            each[name] = runs(
                cost_usd=[run.metrics["cost_usd"] for run in each[name]], availability=[1.0, 1.0]
            )
    values = found.objectives[0].values(found.sample(ours), found.sample(today))
    assert mean_interval(values).estimate == pytest.approx(0.75)
    assert values == pytest.approx([0.75, 0.75])  # in pairs it is the same ratio in each


def test_a_ratio_is_of_means_whatever_its_spread(tmp_path: Path) -> None:
    """Its values have the ratio of the means as their mean."""
    found = goals(tmp_path, "cost")
    today = {"a": runs(cost_usd=[1.0, 3.0, 5.0], availability=[1.0] * 3)}
    ours = {"a": runs(cost_usd=[2.0, 2.0, 2.0], availability=[1.0] * 3)}
    values = found.objectives[0].values(found.sample(ours), found.sample(today))
    assert mean_interval(values).estimate == pytest.approx(2.0 / 3.0)
    assert len(set(values)) == 3


def test_shares_are_means_and_utility_is_of_what_could_be(tmp_path: Path) -> None:
    """A thousand perfect answers are worth 30 dollars."""
    found = goals(tmp_path, "availability,utility")
    ours = {
        "a": runs(availability=[0.9, 1.0], utility_usd=[15.0, 15.0]),
        "b": runs(availability=[0.8, 0.9], utility_usd=[-3.0, 3.0]),
    }
    sample = found.sample(ours)
    assert found.objectives[0].values(sample, sample) == pytest.approx([0.85, 0.95])
    assert found.objectives[1].values(sample, sample) == pytest.approx([0.2, 0.3])


POORER = [0.85, 0.87, 0.86] * 4
BETTER = [0.97, 0.98, 0.97] * 4


def test_of_one_scenario_a_change_is_as_sure_as_in_a_verdict(tmp_path: Path) -> None:
    """Whatever the runs' length: in three minutes, what was not seen may be most of a run."""
    found = goals(tmp_path, "quality,utility,cost").objectives
    whole = {"availability": [1.0] * 12, "cost_usd": [30.0] * 12}
    today = runs(180.0, quality=POORER, utility_usd=[10.0, 11.0] * 6, **whole)
    ours = runs(180.0, quality=BETTER, utility_usd=[12.0, 13.0] * 6, **whole)
    samples = [
        goals(tmp_path, "quality,utility,cost").sample({"a": each}) for each in (ours, today)
    ]
    quality, utility, cost = (each.change({"a": ours}, {"a": today}, *samples) for each in found)
    assert quality == difference_interval("quality", ours, today)
    assert quality.low < 0.0 < quality.high
    # A thousand perfect answers are worth 30 dollars.
    usd = difference_interval("utility_usd", ours, today)
    assert [utility.estimate, utility.low, utility.high] == pytest.approx(
        [usd.estimate / 30.0, usd.low / 30.0, usd.high / 30.0]
    )
    usd = difference_interval("cost_usd", ours, today)
    assert [cost.low, cost.high] == pytest.approx([usd.low / 30.0, usd.high / 30.0])


def test_no_objective_is_told_to_lie_where_its_metric_cannot(tmp_path: Path) -> None:
    """A quality of 1 is at most 1."""
    (quality,) = goals(tmp_path, "quality").objectives
    perfect = {"a": runs(180.0, quality=[1.0] * 12, availability=[1.0] * 12)}
    sample = goals(tmp_path, "quality").sample(perfect)
    found = quality.interval(perfect, perfect, sample, sample)
    assert found == metric_interval("quality", perfect["a"])
    assert (found.estimate, found.high) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("costs", "unknown metric 'costs' (did you mean"),
        ("cost,cost_usd", "cost_usd is given twice"),
        ("offered", "offered is no better for being higher or lower"),
        ("cost,,quality", "expected metrics as cost,availability"),
        ("cost,quality,latency_p95,error_rate,transitions", "expected at most 4"),
    ],
)
def test_objectives_that_cannot_be_are_one_message(text: str, words: str) -> None:
    """With the nearest name."""
    with pytest.raises(InputError) as error:
        parse_objectives(text)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["availability > 99%"], "expected METRIC >= VALUE or METRIC <= VALUE"),
        (["availability >= 101%"], "it must be between 0 and 100%"),
        (["availability >= 5s"], "expected a share"),
        (["quality >= 1.2"], "nothing keeps this: quality is at most 1"),
        (["availability <= today"], "expected availability >= today"),
        (["availability >= 99%", "availability <= 98%"], "contradict each other"),
        (["latency >= 1s"], "unknown metric 'latency'"),
    ],
)
def test_constraints_that_cannot_be_are_one_message(texts: list[str], words: str) -> None:
    """Bounds outside of a metric's range, on its wrong side, or against each other."""
    with pytest.raises(InputError) as error:
        parse_constraints(texts)
    assert words in str(error.value)


def test_no_harm_is_demanded_unless_availability_is_spoken_of() -> None:
    """First do no harm; whoever sets a bound means that."""
    assert [each.text for each in parse_constraints(["cost <= today"])] == [
        *HARMLESS,
        "cost <= today",
    ]
    assert [each.text for each in parse_constraints(["availability >= 99.5%"])] == [
        "availability >= 99.5%"
    ]


def test_a_bound_holds_in_every_scenario(tmp_path: Path) -> None:
    """One that misses it is enough, and is named."""
    found = goals(tmp_path, "quality", "availability >= 99%")
    ours = {
        "a": runs(availability=[1.0, 1.0], quality=[1.0, 1.0]),
        "b": runs(availability=[0.97, 0.98], quality=[1.0, 1.0]),
    }
    sample = found.sample(ours)
    score = found.score(sample, {TODAY: sample})
    assert not score.feasible
    assert score.misses == pytest.approx([0.015 / 0.99])
    every = {name: {"x": each, "today": each, "static": each} for name, each in ours.items()}
    assert found.broken(every, "x") == ("availability >= 99% in b",)


@pytest.mark.parametrize(
    ("theirs", "feasible"),
    [
        ([0.990, 0.992], True),
        ([0.9895, 0.9925], True),  # worse on average, and no more than noise
        ([0.9880, 0.9900], False),  # surely worse
        ([0.9850, 0.9940], False),  # not surely, and by more than the gate's tenth of a point
    ],
)
def test_no_worse_than_today_is_judged_pair_by_pair(
    tmp_path: Path, theirs: list[float], feasible: bool
) -> None:
    """Beyond noise, and beyond the gate's margin."""
    found = goals(tmp_path, "quality", "availability >= today")
    today = found.sample({"a": runs(availability=[0.990, 0.992], quality=[1.0, 1.0])})
    ours = found.sample({"a": runs(availability=theirs, quality=[1.0, 1.0])})
    assert found.score(ours, {TODAY: today}).feasible is feasible


def test_what_is_undefined_or_nothing_under_today_s_policy_is_no_objective(tmp_path: Path) -> None:
    """No candidate could be held against it."""
    found = goals(tmp_path, "latency_p95,cost")
    for metrics, words in (
        ({"latency_p95_s": [math.nan], "cost_usd": [1.0]}, "latency_p95 is nothing"),
        ({"latency_p95_s": [1.0], "cost_usd": [0.0]}, "cost is nothing under today's policy in a"),
    ):
        sample = found.sample({"a": runs(availability=[1.0], **metrics)})
        with pytest.raises(InputError, match=words):
            found.check_reachable(sample)
