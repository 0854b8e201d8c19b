"""Runs of controllers that decide alike are simulated once, and nothing shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balancer.core.policy import BudgetLimit, Policy
from scenarios.schema import Scenario
from sim.plant.plant import Plant
from sim.run import trajectories as module
from sim.run.engine import simulate
from sim.run.result import CHEAPEST, NONE, POLICY, STATIC, Run
from sim.run.trajectories import Trajectories
from tests.sim.small_world import SLOW, world, world_policy

pytestmark = pytest.mark.slow

MILD = world_policy(law="mildest")
DELAY = {"kind": "delay", "by": 40, "at": 120, "for": 100}
LOSS = {"kind": "loss", "at": 90, "for": 30, "share": 0.5}
LEAK = {"kind": "memory", "level": "90%", "at": 100, "for": 50}
HELD = {"kind": "override", "mode": "hard", "at": 150, "for": 60, "reason": "a drill"}


def scaled(policy: Policy, factor: float) -> Policy:
    """With other thresholds of latency."""
    rules = tuple(
        replace(rule, threshold=rule.threshold * factor) if rule.signal == "latency_p95" else rule
        for rule in policy.rules
    )
    return replace(policy, rules=rules, name=f"times {factor}")


def arms(policy: Policy) -> dict[str, Policy]:
    """Some that decide as the first one does, some that do for a while, some that never do."""
    found = dict.fromkeys((POLICY, STATIC, CHEAPEST, NONE), policy)
    found |= {f"times {factor}": scaled(policy, factor) for factor in (1.0, 1.01, 1.3, 2.5, 1.3)}
    others = ("ladder", "mildest", "threshold", "dimmer", "breaker", "always_soft")
    return found | {law: replace(policy, law=law) for law in others} | {"again": policy}


def shown(run: Run) -> object:
    """All of a run, NaN equal to NaN."""
    numbers = {name: None if math.isnan(value) else value for name, value in run.metrics.items()}
    return numbers, run.transitions, run.servings, run.misfits, run.arm


def both(
    scenario: Scenario, policies: Mapping[str, Policy], **options: Any
) -> list[tuple[object, object]]:
    """Each arm beside those before it, and alone."""
    trajectories = Trajectories(len(policies))
    return [
        (
            shown(
                simulate(
                    scenario, policy, replication=0, arm=arm, trajectories=trajectories, **options
                )
            ),
            shown(simulate(scenario, policy, replication=0, arm=arm, **options)),
        )
        for arm, policy in policies.items()
    ]


@pytest.fixture
def plants(monkeypatch: pytest.MonkeyPatch) -> list[Policy]:
    """Policies that a plant was set up for."""
    found: list[Policy] = []
    begin = Plant.__init__

    def noted(self: Plant, scenario: Scenario, policy: Policy, *rest: Any, **more: Any) -> None:
        found.append(policy)
        begin(self, scenario, policy, *rest, **more)

    monkeypatch.setattr(Plant, "__init__", noted)
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"faults": [SLOW]},
        {"faults": [SLOW], "decision_lag": 2.5},
        {"faults": [SLOW, DELAY]},
        {"faults": [SLOW, LOSS]},
        {"faults": [SLOW, LEAK, HELD]},
        {"faults": [SLOW], "replicas": 2},
        {"faults": [SLOW], "duration": 215},
    ],
    ids=["quiet", "fault", "lag", "late", "lost", "held", "two replicas", "cut short"],
)
@pytest.mark.parametrize("law", ["ladder", "mildest"])
def test_a_run_is_the_same_beside_others(changes: dict[str, Any], law: str) -> None:
    """Whatever they decide."""
    scenario = world(**changes)
    for beside, alone in both(scenario, arms(replace(MILD, law=law))):
        assert beside == alone


def test_so_it_is_under_a_budget() -> None:
    """Which refuses some, and is reserved for calls in flight."""
    policy = replace(MILD, budgets=(BudgetLimit(usd=0.05, window_s=60.0),))
    found = both(world(faults=[SLOW]), arms(policy))
    assert all(beside == alone for beside, alone in found)


def test_a_journal_is_the_same_beside_others(tmp_path: Path) -> None:
    """Line by line, for one that decides as another did and for one that does for a while."""
    trajectories = Trajectories()
    for name, policy in {POLICY: MILD, "again": MILD, "later": scaled(MILD, 2.5)}.items():
        one, other = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.alone.jsonl"
        given: dict[str, Any] = {"replication": 0, "arm": name}
        simulate(world(faults=[SLOW]), policy, journal=one, trajectories=trajectories, **given)
        simulate(world(faults=[SLOW]), policy, journal=other, **given)
        assert one.read_text() == other.read_text()


def test_who_decides_alike_is_not_simulated_again(plants: list[Policy]) -> None:
    """One that stays in normal has the run of none, and of thresholds that nothing reaches."""
    trajectories = Trajectories(4)
    for arm, policy in {POLICY: MILD, STATIC: MILD, "high": scaled(MILD, 2.0), "b": MILD}.items():
        simulate(world(), policy, replication=0, arm=arm, trajectories=trajectories)
    assert plants == [MILD]


def test_who_decides_alike_for_a_while_reads_nothing_of_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to where it decides otherwise its plant is brought unread."""
    read: list[int] = []
    observe = Plant.observe

    def noted(self: Plant, tick: int, replica: int = 0) -> Any:
        read.append(tick)
        return observe(self, tick, replica)

    scenario, trajectories = world(faults=[SLOW]), Trajectories(2)
    left = (
        simulate(scenario, MILD, replication=0, arm=POLICY, trajectories=trajectories)
        .transitions[0]
        .at_s
    )
    monkeypatch.setattr(Plant, "observe", noted)
    simulate(scenario, scaled(MILD, 2.5), replication=0, arm="later", trajectories=trajectories)
    assert read[0] == round(left)


def test_others_that_went_the_same_way_are_followed_from_there(plants: list[Policy]) -> None:
    """The second of two that leave the first one at the same place has the run of the other."""
    scenario, trajectories = world(faults=[SLOW]), Trajectories(3)
    for name in ("first", "other", "same"):
        policy = MILD if name == "first" else scaled(MILD, 2.5)
        simulate(scenario, policy, replication=0, arm=name, trajectories=trajectories)
    assert len(plants) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"strategies": (replace(MILD.strategies[0], timeout_s=20.0), *MILD.strategies[1:])},
        {"budgets": (BudgetLimit(usd=1000.0, window_s=60.0),)},
        {"tick_s": 0.5},
    ],
    ids=["strategies", "budgets", "ticks"],
)
def test_a_policy_that_serves_otherwise_has_a_run_of_its_own(
    changes: dict[str, Any], plants: list[Policy]
) -> None:
    """It may decide the same, and something else comes of it."""
    trajectories = Trajectories(2)
    simulate(world(), MILD, replication=0, arm=POLICY, trajectories=trajectories)
    simulate(
        world(), replace(MILD, **changes), replication=0, arm="other", trajectories=trajectories
    )
    assert len(plants) == 2


def test_of_long_runs_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, plants: list[Policy]
) -> None:
    """They would take gigabytes."""
    monkeypatch.setattr(module, "MOST_TICKS", 299)
    trajectories = Trajectories(2)
    for arm in (POLICY, "again"):
        simulate(world(), MILD, replication=0, arm=arm, trajectories=trajectories)
    assert len(plants) == 2


def test_of_many_kept_the_newest_are_kept(
    monkeypatch: pytest.MonkeyPatch, plants: list[Policy]
) -> None:
    """Where there is room for four, a fifth takes the place of the first."""
    monkeypatch.setattr(module, "MOST_TICKS", 4 * 330)
    trajectories = Trajectories()
    timeouts = (21.0, 22.0, 23.0, 24.0, 25.0, 21.0, 25.0)
    for timeout_s in timeouts:
        first = replace(MILD.strategies[0], timeout_s=timeout_s)
        policy = replace(MILD, strategies=(first, *MILD.strategies[1:]))
        simulate(world(), policy, replication=0, arm=POLICY, trajectories=trajectories)
    # The first of those whose time-out is 21 s was forgotten, that of 25 s was not.
    assert len(plants) == len(timeouts) - 1
