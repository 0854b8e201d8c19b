"""The search for holes: what it finds, how mild that is, and what it writes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from balancer.core.errors import InputError
from balancer.core.policy import LadderSettings, Policy
from balancer.strategies import FaultBounds, TimedFault, mildness
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.study.search import Search, bounds_for, search
from sim.study.search_goal import broken_by
from tests.sim.small_world import PROFILES, SLOW, world, world_policy

QUIET = {"arrivals": {"rate": 0.03}, "classes": world().workload.model_dump()["classes"]}
LEAVES = broken_by("transitions > 0")


def quiet() -> Scenario:
    """Five minutes of a night in which nothing happens: a call every half minute."""
    return world(duration=300, workload=QUIET, seed=2)


def hasty(min_samples: int) -> Policy:
    """A ladder that judges by so few calls."""
    return world_policy(ladder=LadderSettings(min_samples=min_samples))


def look(scenario: Scenario, policy: Policy, goal: str, **more: Any) -> Search:
    """A small search for errors."""
    bounds = bounds_for(scenario, most=2, kinds=("error",))
    bounds = replace(bounds, durations_s=(30.0, 120.0, 240.0))
    options = {"examples": 12, "replications": 2, **more}
    return search(scenario, policy, broken_by(goal), bounds, **options)


@pytest.fixture(scope="module")
def hole() -> Search:
    """What a search finds in a policy without a minimum sample count."""
    return look(quiet(), hasty(1), "transitions > 0")


def test_it_finds_and_shrinks_a_missing_minimum_sample_count(hole: Search) -> None:
    """At night one failed call is all calls: one mild fault suffices."""
    assert hole.timeline is not None and hole.judgement is not None
    assert len(hole.timeline) == 1
    assert hole.judgement.verdict == "fail"
    assert hole.complete


def test_the_same_policy_with_a_minimum_has_no_such_hole() -> None:
    """Within the same bounds nothing is found, and it says how much was tried."""
    found = look(quiet(), hasty(20), "transitions > 0")
    assert found.timeline is None
    assert 10 <= found.tried <= 36


def test_what_fails_without_any_fault_is_found_at_once() -> None:
    """Nothing is milder than nothing."""
    found = look(quiet(), hasty(20), "availability > 10%")
    assert (found.timeline, found.tried) == ((), 1)


def test_one_bad_run_of_several_is_found() -> None:
    """A first run that is well says nothing of a never."""
    restless = world(duration=300, workload=QUIET, seed=1)
    moved = [
        simulate(restless, hasty(1), replication=each, arm="policy").metrics["transitions"]
        for each in range(2)
    ]
    assert moved == [0.0, 1.0]
    found = look(restless, hasty(1), "transitions > 0")
    assert (found.timeline, found.tried) == ((), 1)


def test_harm_is_found_by_the_runs_of_static() -> None:
    """A sibling with less room than the traffic: static answers what the ladder sends into 429s."""
    small = {**PROFILES["small"], "quota": {"rpm": 20}}
    full = world(faults=[SLOW], upstream={"models": {**PROFILES, "small": small}})
    found = look(full, world_policy(), "harm")
    assert (found.timeline, found.tried) == ((), 1)
    assert found.judgement is not None
    assert found.judgement.value.high < -0.001


def test_the_same_seed_finds_the_same(hole: Search) -> None:
    """Another search in the same process changes nothing."""
    assert look(quiet(), hasty(1), "transitions > 0") == hole


def test_an_interrupt_leaves_the_mildest_so_far(
    monkeypatch: pytest.MonkeyPatch, hole: Search
) -> None:
    """Ctrl-C before anything was simulated, and at the very last run."""
    calls, last = itertools.count(1), 0

    def interrupted(*args: Any, **options: Any) -> Any:
        if next(calls) == last:
            raise KeyboardInterrupt
        return simulate(*args, **options)

    monkeypatch.setattr("sim.study.search.simulate", interrupted)
    assert look(quiet(), hasty(1), "transitions > 0") == hole
    calls, last = itertools.count(1), next(calls) - 1
    nearly = look(quiet(), hasty(1), "transitions > 0")
    assert nearly.timeline is not None and hole.timeline is not None
    assert mildness(nearly.timeline) >= mildness(hole.timeline)
    assert not nearly.complete
    calls, last = itertools.count(1), 1
    nothing = look(quiet(), hasty(1), "transitions > 0")
    assert (nothing.timeline, nothing.complete) == (None, False)


def test_a_search_that_may_draw_little_tries_little() -> None:
    """Shrinking is bounded too."""
    found = look(quiet(), hasty(1), "transitions > 0", examples=2)
    assert found.tried <= 6


def test_timelines_are_milder_with_fewer_faults_then_lower_levels() -> None:
    """The order that a search shrinks by."""
    mild = TimedFault(level=1, duration_s=300.0, kind="error", at_s=60.0)
    bad = TimedFault(level=2, duration_s=10.0, kind="error", at_s=0.0)
    drawn = [(mild, bad), (bad,), (), (mild, mild), (mild,)]
    assert sorted(drawn, key=mildness) == [(), (mild,), (bad,), (mild, mild), (mild, bad)]


def test_bounds_leave_out_what_cannot_matter_or_fit() -> None:
    """No quota, no fault of the quota; and no fault longer than the scenario."""
    bounds = bounds_for(world(), most=1)
    assert "quota" not in bounds.kinds
    assert max(bounds.durations_s) <= 280
    with pytest.raises(InputError, match="unknown kind of fault 'flood'"):
        bounds_for(world(), most=1, kinds=("flood",))
    with pytest.raises(InputError, match="too short for a fault"):
        bounds_for(world(warm_up=295), most=1)
    assert isinstance(bounds, FaultBounds)


@pytest.mark.parametrize(
    ("goal", "item"),
    [
        ("availability < 99%", {"availability": {"at_least": "99%"}}),
        ("latency_p95>12s", {"latency_p95": {"at_most": "12s"}}),
        ("cost_usd > $5", {"metric": "cost_usd", "at_most": "$5"}),
        ("mode > soft", {"never_above": "soft"}),
        ("budget exceeded", {"budget_never_exceeded": True}),
        ("harm", {"no_harm": True}),
    ],
)
def test_a_goal_is_the_expectation_that_it_breaks(goal: str, item: dict[str, Any]) -> None:
    """As it would stand in a scenario file."""
    assert broken_by(goal) == item


@pytest.mark.parametrize(
    ("goal", "problem"),
    [
        ("availability", "expected METRIC < VALUE"),
        ("availability <= 99%", "expected METRIC < VALUE"),
        ("availibility < 99%", "did you mean 'availability'"),
        ("availability < soon", "found 'soon'"),
        ("mode > purple", "found 'purple'"),
        ("mode < hard", "expected mode > MODE"),
    ],
)
def test_a_goal_that_cannot_be_is_one_message(goal: str, problem: str) -> None:
    """Naming the goal, what was found and what was expected."""
    with pytest.raises(InputError, match=problem) as raised:
        broken_by(goal)
    assert goal in raised.value.where
