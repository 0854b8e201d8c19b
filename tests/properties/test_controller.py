"""Laws of the controller that hold for every run."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.controller import Controller
from balancer.core.errors import ClockError
from balancer.core.modes import Mode
from balancer.core.observations import Observations, merge_replicas
from balancer.core.policy import Policy
from tests.core.builders import make_policy
from tests.properties.retellings import split, without_ticks
from tests.properties.traffic import SETTINGS, decisions_of, few, policies, runs, shifted

pytestmark = pytest.mark.slow


@few
@given(policies(), runs(), st.integers(2, 5), st.integers(0, 2**32))
def test_replicas_merged_decide_as_one(
    policy: Policy, run: list[Observations], replicas: int, seed: int
) -> None:
    """However a tick was split, and in whatever order it is merged again."""
    chance = random.Random(seed)
    merged = []
    for whole in run:
        parts = split(whole, replicas, chance)
        chance.shuffle(parts)
        merged.append(merge_replicas(parts))
    assert decisions_of(policy, merged) == decisions_of(policy, run)


@few
@given(policies(), runs(gaps=True), st.data())
def test_a_restored_controller_goes_on_identically(
    policy: Policy, run: list[Observations], data: st.DataObject
) -> None:
    """From the state at any tick, through JSON, to the end of the run and its last state."""
    stop = data.draw(st.integers(0, len(run)))
    controller = Controller(policy)
    for observed in run[:stop]:
        controller.step(observed)
    again = Controller.restore(policy, json.loads(json.dumps(controller.state())))
    for observed in run[stop:]:
        assert again.step(observed) == controller.step(observed)
    assert json.dumps(again.state()) == json.dumps(controller.state())


@few
@given(policies(), runs(gaps=True), st.sampled_from([1, 59, 1000, 10**9]))
def test_a_run_at_another_time_gives_the_same_decisions(
    policy: Policy, run: list[Observations], by: int
) -> None:
    """Only tick indices differ, also those inside the texts of reasons."""
    earlier = decisions_of(policy, run)
    later = decisions_of(policy, shifted(run, by))
    assert [without_ticks(d, by) for d in later] == [without_ticks(d, 0) for d in earlier]


@few
@given(policies("ladder"), runs(ticks=80))
def test_the_ladder_climbs_one_rung_at_a_time_and_settles(
    policy: Policy, run: list[Observations]
) -> None:
    """Without orders and jumps: up by one, and above normal at least `settle` apart."""
    policy = make_policy(
        tuple(rule for rule in policy.rules if not rule.jump), ladder=policy.ladder
    )
    before, entered = Mode.NORMAL, run[0].tick - 1
    for decision in decisions_of(
        policy, [observed._replace(alerts=(), overrides=()) for observed in run]
    ):
        if decision.mode > before:
            assert decision.mode == before + 1
            assert before is Mode.NORMAL or decision.tick - entered >= SETTINGS.settle_s
        if decision.mode is not before:
            before, entered = decision.mode, decision.tick


@few
@given(policies("ladder"), runs(ticks=80))
def test_the_ladder_steps_down_only_after_a_hold_and_by_a_passed_round(
    policy: Policy, run: list[Observations]
) -> None:
    """Without orders: at least a hold after the last step, and the reason is a passed probe."""
    before, entered = Mode.NORMAL, run[0].tick - 1
    for decision in decisions_of(
        policy, [observed._replace(alerts=(), overrides=()) for observed in run]
    ):
        if decision.mode < before:
            assert decision.tick - entered > SETTINGS.hold_s
            assert [reason.kind for reason in decision.reasons] == ["passed"]
        if decision.mode is not before:
            before, entered = decision.mode, decision.tick


@few
@given(policies(), runs(gaps=True))
def test_shares_are_shares(policy: Policy, run: list[Observations]) -> None:
    """Every mix adds up to one; nothing is below nought or above one."""
    for decision in decisions_of(policy, run):
        for mix in (decision.mix, *decision.mixes):
            assert sum(mix) == pytest.approx(1.0)
            assert all(0.0 <= share <= 1.0 for share in mix)
        assert all(0.0 <= chance <= 1.0 for chance in decision.admit)


@few
@given(policies(), runs(gaps=True))
def test_missed_ticks_equal_empty_ones(policy: Policy, run: list[Observations]) -> None:
    """A ticker that was late decides as one that had nothing to say."""
    known = {observed.tick: observed for observed in run}
    ticks = range(run[0].tick, run[-1].tick + 1)
    explicit = decisions_of(policy, [known.get(at, Observations(at)) for at in ticks])
    assert decisions_of(policy, run) == [d for d in explicit if d.tick in known]


@few
@given(policies(), runs(), st.integers(0, 2**32))
def test_the_order_of_messages_within_a_tick_does_not_matter(
    policy: Policy, run: list[Observations], seed: int
) -> None:
    """Alerts and overrides shuffled give the same decisions."""
    chance = random.Random(seed)
    mixed = [
        observed._replace(
            alerts=tuple(chance.sample(observed.alerts, len(observed.alerts))),
            overrides=tuple(chance.sample(observed.overrides, len(observed.overrides))),
        )
        for observed in run
    ]
    assert decisions_of(policy, mixed) == decisions_of(policy, run)


@few
@given(policies(), runs(ticks=5), st.integers(0, 10))
def test_a_tick_that_does_not_grow_is_refused_and_changes_nothing(
    policy: Policy, run: list[Observations], back: int
) -> None:
    """Whatever it says."""
    controller = Controller(policy)
    for observed in run:
        controller.step(observed)
    before = controller.state()
    with pytest.raises(ClockError):
        controller.step(run[0]._replace(tick=run[-1].tick - back))
    assert controller.state() == before
