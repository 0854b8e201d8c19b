"""A scenario's expectations as plain questions."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.errors import ScenarioError
from balancer.core.modes import Mode
from scenarios.schema import Scenario
from sim.study.expectations import (
    Expected,
    MetricBound,
    NeverAbove,
    NeverOverBudget,
    NoHarm,
    TimeBound,
    expected,
    held_against,
)

STORM = {"name": "storm", "kind": "hang", "at": 400, "for": 100}
FLOOD = {"name": "flood", "kind": "error", "at": 300, "for": 50}


def questions(
    *expectations: dict[str, Any], faults: tuple[dict[str, Any], ...] = (STORM, FLOOD)
) -> tuple[Expected, ...]:
    """The questions of some expectations, in a scenario of 1,000 s."""
    return expected(
        Scenario.model_validate(
            {
                "scenario": "t",
                "title": "t",
                "duration": 1000,
                "warm_up": 0,
                "faults": list(faults),
                "expectations": list(expectations),
            }
        )
    )


def test_a_bound_on_both_sides_is_two_questions() -> None:
    """So that each has a verdict of its own."""
    assert questions({"availability": {"at_least": "99.5%", "at_most": 1}}) == (
        MetricBound(
            name="availability at least 99.5%", metric="availability", bound=0.995, at_least=True
        ),
        MetricBound(
            name="availability at most 100%", metric="availability", bound=1.0, at_least=False
        ),
    )


@pytest.mark.parametrize(
    ("expectation", "metric", "name"),
    [
        ({"latency_p95": {"at_most": "2s"}}, "latency_p95_s", "latency p95 at most 2s"),
        (
            {"cost_saved": {"at_least": "20%"}},
            "cost_saved",
            "cost saved against static at least 20%",
        ),
        (
            {"metric": "cost_saved", "at_least": -0.5},
            "cost_saved",
            "cost saved against static at least -0.5",
        ),
        (
            {"transitions_per_hour": {"at_most": 4}},
            "transitions_per_hour",
            "transitions per hour at most 4",
        ),
        ({"metric": "cost_usd", "at_most": "$50"}, "cost_usd", "cost at most $50"),
        ({"metric": "shed_share", "at_most": "1%"}, "shed_share", "shed share at most 1%"),
    ],
)
def test_a_bound_names_its_metric_and_itself(
    expectation: dict[str, Any], metric: str, name: str
) -> None:
    """With its unit."""
    (found,) = questions(expectation)
    assert isinstance(found, MetricBound)
    assert (found.metric, found.name) == (metric, name)


@pytest.mark.parametrize("against", ["static", "none", "cheapest"])
def test_what_is_saved_is_saved_of_the_arm_that_is_named(against: str) -> None:
    """Another than static says so in the name, too."""
    (found,) = questions({"cost_saved": {"at_most": "20%", "against": against}})
    assert isinstance(found, MetricBound)
    assert (held_against(found), found.name) == (
        against,
        f"cost saved against {against} at most 20%",
    )


def test_other_metrics_are_held_against_no_arm() -> None:
    """They are the policy's own, and so are times."""
    asked = questions({"availability": {"at_least": "99%"}}, {"recovers": {"within": "5m"}})
    assert [held_against(question) for question in asked] == [None, None]


@pytest.mark.parametrize(
    ("said", "tolerance", "points"),
    [(True, 0.001, "0.1"), ("0.5pp", 0.005, "0.5"), ("0pp", 0.0, "0")],
)
def test_no_harm_is_held_against_static(said: object, tolerance: float, points: str) -> None:
    """A tenth of a point is tolerated unless something else is said."""
    (found,) = questions({"no_harm": said})
    assert found == NoHarm(
        name=f"no harm: availability at most {points} points below static", tolerance=tolerance
    )
    assert held_against(found) == "static"


def test_reaching_counts_from_the_first_fault_unless_told_otherwise() -> None:
    """First by time, not by place in the file."""
    (found,) = questions({"reaches": {"mode": "soft", "within": "30s"}})
    assert found == TimeBound(
        name="reaches soft within 30s of flood",
        mode=Mode.SOFT,
        from_s=300.0,
        until_s=1000.0,
        within_s=30.0,
    )


def test_reaching_counts_from_the_fault_that_is_named() -> None:
    """From its start."""
    (found,) = questions({"reaches": {"mode": "hard", "within": "30s", "of": "storm"}})
    assert isinstance(found, TimeBound)
    assert (found.from_s, found.mode) == (400.0, Mode.HARD)


def test_recovering_counts_from_the_end_of_the_last_fault() -> None:
    """Until the horizon."""
    (found,) = questions({"recovers": {"within": "5m"}})
    assert found == TimeBound(
        name="recovers within 5m of storm",
        mode=Mode.NORMAL,
        from_s=500.0,
        until_s=1000.0,
        within_s=300.0,
        left_from_s=400.0,
    )


def test_recovering_is_watched_until_the_next_fault() -> None:
    """What that one does is not held against the recovery from the first."""
    (found,) = questions({"recovers": {"within": "40s", "of": "flood"}})
    assert isinstance(found, TimeBound)
    assert (found.from_s, found.until_s) == (350.0, 400.0)


def test_recovering_may_count_from_a_second() -> None:
    """Where traffic was the trouble; faults that follow still end the watch."""
    (found,) = questions({"recovers": {"within": "40s", "after": "320s"}})
    assert isinstance(found, TimeBound)
    assert (found.name, found.from_s, found.until_s) == (
        "recovers within 40s after 320s",
        320.0,
        400.0,
    )
    (alone,) = questions({"recovers": {"within": "40s", "after": "320s"}}, faults=())
    assert isinstance(alone, TimeBound)
    assert alone.until_s == 1000.0


def test_a_repeating_fault_is_recovered_from_after_its_last_window() -> None:
    """It is not over before."""
    again = {**FLOOD, "repeat_every": 200}
    (found,) = questions({"recovers": {"within": "40s"}}, faults=(again,))
    assert isinstance(found, TimeBound)
    assert found.from_s == 950.0


def test_nevers_are_questions_about_every_run() -> None:
    """A mode, and the hard budget."""
    assert questions({"never_above": "soft"}, {"budget_never_exceeded": True}) == (
        NeverAbove(name="never above soft", mode=Mode.SOFT),
        NeverOverBudget(name="budget never exceeded"),
    )


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        ({"reaches": {"mode": "soft", "within": 1, "of": "strom"}}, "did you mean 'storm'"),
        ({"metric": "availabilty", "at_least": 1}, "did you mean 'availability'"),
        ({"recovers": {"within": 501}}, "leaves no 501s to recover in"),
        ({"recovers": {"within": 60, "of": "flood"}}, "what follows at 400s"),
        ({"recovers": {"within": 60, "after": 950}}, "it recovers from ends at 950s"),
    ],
)
def test_a_question_without_an_answer_is_refused(expectation: dict[str, Any], problem: str) -> None:
    """With its place in the scenario."""
    with pytest.raises(ScenarioError, match=problem) as caught:
        questions({"never_above": "hard"}, expectation)
    assert caught.value.where.startswith("expectations.1")


def test_a_time_needs_a_fault_to_count_from() -> None:
    """Steady traffic starts no clock."""
    with pytest.raises(ScenarioError, match="no fault"):
        questions({"reaches": {"mode": "soft", "within": 1}}, faults=())
