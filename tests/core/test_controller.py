"""The controller: ticks, state, and robustness against absurd input."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from balancer.core.controller import Controller
from balancer.core.errors import ClockError, MisuseError
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Observations, Override
from balancer.core.policy import LAWS, LadderSettings, Rule
from tests.core.builders import DEFAULT_RULES, make_policy, served, table, tick
from tests.core.loop import Health, Loop, during

BAD = served(overloaded=20)


# --- ticks --------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [5, 4, -1])
def test_a_tick_index_that_does_not_grow_is_an_error(second: int) -> None:
    """A clock that went back, or a tick delivered twice."""
    controller = Controller(make_policy())
    controller.step(tick(5))
    expected = f"tick {second} comes after tick 5; indices must grow"
    with pytest.raises(ClockError, match=expected):
        controller.step(tick(second))


def test_a_negative_first_tick_is_an_error() -> None:
    """Ticks count from the clock's nought."""
    with pytest.raises(ClockError, match="tick -1 is negative"):
        Controller(make_policy()).step(tick(-1))


def test_a_leap_of_more_than_a_week_is_an_error() -> None:
    """A clock that was set, and no outage."""
    controller = Controller(make_policy())
    controller.step(tick(0))
    with pytest.raises(ClockError, match="tick 604801 comes after tick 0: a leap of over a week"):
        controller.step(tick(604_801))


def test_an_error_of_the_clock_changes_nothing() -> None:
    """The next good tick goes on as if it had not been."""
    controller = Controller(make_policy())
    controller.step(tick(5))
    with pytest.raises(ClockError):
        controller.step(tick(5, BAD))
    assert controller.step(tick(6)).mode is Mode.NORMAL


def test_a_first_tick_may_be_any() -> None:
    """A process that starts late in the clock's life."""
    controller = Controller(make_policy())
    assert controller.step(tick(10**9, BAD)).mode is Mode.SOFT


def test_a_decision_names_the_tick_that_led_to_it() -> None:
    """It governs the next one."""
    controller = Controller(make_policy())
    assert [controller.step(tick(index)).tick for index in (3, 4, 9)] == [3, 4, 9]


def test_missed_ticks_are_stepped_empty() -> None:
    """An override that ended meanwhile has ended, and calm was counted."""
    controller = Controller(make_policy())
    controller.step(tick(0, overrides=(Override(0, 10, Mode.SOFT, "drill"),)))
    controller.step(tick(30))
    assert controller.state()["memory"]["order"] is None  # type: ignore[index]
    assert controller.state()["memory"]["calm_since"] == 10  # type: ignore[index]


def test_the_gates_stay_the_same_object_while_nothing_changes() -> None:
    """Who applies a decision compares one pointer."""
    controller = Controller(make_policy())
    first = controller.step(tick(0))
    second = controller.step(tick(1))
    assert second.gates is first.gates
    assert controller.step(tick(2, BAD)).gates is not first.gates


def test_the_mix_of_a_decision_is_that_of_all_priorities_alike() -> None:
    """A probe of a quarter of low is a twelfth of the mean."""
    run = Loop(
        Controller(make_policy()),
        during(range(100, 110), normal=Health(failing=0.4)),
        per_tick=(2, 4, 4),
    ).run(235)
    low, normal, high = run.now.mixes
    assert low[0] > 0
    assert run.now.mix == pytest.approx([sum(x) / 3 for x in zip(low, normal, high, strict=True)])


# --- state --------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
def test_a_controller_that_never_stepped_restores_to_one(law: str) -> None:
    """Its state is plain, and says so little."""
    policy = make_policy(law=law)
    state = json.loads(json.dumps(Controller(policy).state()))
    fresh = Controller(policy).step(tick(0))
    assert Controller.restore(policy, state).step(tick(0)) == fresh


@pytest.mark.parametrize(
    ("law", "version"), [("threshold", 1), ("ladder", 2)], ids=["other law", "other version"]
)
def test_a_state_of_another_law_or_version_is_refused(law: str, version: int) -> None:
    """What it means is not known."""
    state = Controller(make_policy()).state() | {"law": law, "version": version}
    with pytest.raises(MisuseError, match=r"state of version and law .*; expected \(1, 'ladder'\)"):
        Controller.restore(make_policy(), state)


@pytest.mark.parametrize(
    "rules",
    [
        table("latency_p95", 3.0),
        (*DEFAULT_RULES, *table("queue_depth", 100.0)),
        DEFAULT_RULES[::-1],
    ],
)
def test_a_state_under_other_rules_is_refused(rules: tuple[Rule, ...]) -> None:
    """Other thresholds, one rule more, another order: its streaks would be of other rules."""
    state = Controller(make_policy()).state()
    with pytest.raises(MisuseError, match="taken under a policy with other rules"):
        Controller.restore(make_policy(rules), state)


@pytest.mark.parametrize("signal", ["latency_p95", "ttft_p95"])
def test_a_state_under_another_exit_ratio_is_refused(signal: str) -> None:
    """Its counts are above other cuts."""
    state = Controller(make_policy(table(signal, 2.0))).state()
    other = make_policy(table(signal, 2.0), ladder=LadderSettings(exit=0.5))
    with pytest.raises(MisuseError, match="taken under a policy with another exit ratio"):
        Controller.restore(other, state)


def test_a_restored_controller_keeps_reasons_limits_and_a_probe_under_way() -> None:
    """The decision is the same before anything new is seen."""
    policy = make_policy()
    run = Loop(Controller(policy), during(range(100, 110), normal=Health(failing=0.4))).run(240)
    again = Controller.restore(policy, json.loads(json.dumps(run.controller.state())))
    assert again.step(tick(240)) == run.controller.step(tick(240))
    assert again.state() == run.controller.state()


def test_the_order_that_holds_can_be_seen() -> None:
    """Until it ends."""
    controller = Controller(make_policy())
    order = Override(0, 2, Mode.SOFT, "drill")
    controller.step(tick(0, overrides=(order,)))
    assert controller.override() == order
    controller.step(tick(2))
    assert controller.override() is None


def test_a_restored_controller_still_obeys_its_override() -> None:
    """And knows it is the same order, not a new one."""
    policy = make_policy()
    controller = Controller(policy)
    controller.step(tick(0, overrides=(Override(0, 50, Mode.HARD, "drill"),)))
    again = Controller.restore(policy, json.loads(json.dumps(controller.state())))
    for index in range(1, 60):
        assert again.step(tick(index)) == controller.step(tick(index))


# --- absurd input -------------------------------------------------------------------------

POLICIES: dict[str, tuple[Rule, ...]] = {
    "default": DEFAULT_RULES,
    "no rules": (),
    "one rule": table("latency_p99", 2.0),
    "errors only": table("error_rate", 0.05, 0.10),
    "gauges only": (*table("queue_depth", 100), *table("memory", 0.85)),
    "both forms": (*DEFAULT_RULES, *table("latency_p95", 2.0, sustained_s=300.0)),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rules", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize(
    "observations",
    [
        tick(0),
        tick(0, served(started=10**12), offered=(10**12, 10**12, 10**12)),
        tick(0, served(overloaded=10**15), waiting=10**15, memory_ppm=10**9),
        tick(0, served(latencies=[1e9], nano_usd=10**24)),
        tick(0, served(started=0, ages=[1e6] * 1000)),
        tick(0, offered=(10**6, 0, 0), admitted=(0, 0, 0), shed=(10**6, 0, 0)),
        tick(0, served(Mode.EMERGENCY, latencies=[0.0] * 50), reserved_nano_usd=10**18),
    ],
    ids=["nothing", "starts", "failures", "dear", "ages", "shed", "elsewhere"],
)
def test_absurd_ticks_give_a_decision_that_can_be_served(
    law: str, rules: tuple[Rule, ...], observations: Observations
) -> None:
    """Whatever is seen for several holds: shares are shares, and every priority has its mix."""
    settings = LadderSettings(hold_s=10.0, settle_s=3.0)
    controller = Controller(make_policy(rules, law=law, ladder=settings))
    for index in range(60):
        decision = controller.step(observations._replace(tick=index))
        assert sum(decision.mix) == pytest.approx(1.0)
        assert all(0.0 <= share <= 1.0 for mix in decision.mixes for share in mix)
        assert all(0.0 <= chance <= 1.0 for chance in decision.admit)
    json.dumps(controller.state(), allow_nan=False)


def test_a_hundred_thousand_alerts_in_a_tick_leave_a_bounded_state() -> None:
    """A flood from a broken monitor is survived, and its worst alert obeyed."""
    flood = tuple(Alert(f"k{number}", 0, Mode.SOFT) for number in range(100_000))
    controller = Controller(make_policy())
    decision = controller.step(Observations(0, alerts=(*flood, Alert("worst", 0, Mode.HARD))))
    assert decision.mode is Mode.HARD
    assert len(controller.state()["orders"]["alerts"]) == 10_000  # type: ignore[index]


def test_both_forms_of_a_rule_together_let_the_worst_win() -> None:
    """The table's hard threshold and an alert sentence's soft one are both broken."""
    lasting = replace(table("latency_p95", 2.0)[0], name="lasting", window_s=30.0, sustained_s=1.0)
    policy = make_policy((lasting, *table("latency_p95", 2.0, 5.0)), law="threshold")
    controller = Controller(policy)
    assert controller.step(tick(0, served(latencies=[6.0]))).mode is Mode.HARD


def test_ticks_shorter_than_a_second_keep_their_holds_in_seconds() -> None:
    """With ticks of half a second twice as many of them make a hold."""
    settings = LadderSettings(hold_s=30.0, settle_s=5.0)
    whole = Loop(
        Controller(make_policy(ladder=settings)),
        during(range(100, 110), normal=Health(failing=0.5)),
    ).run(400)
    halves = Loop(
        Controller(make_policy(ladder=settings, tick_s=0.5)),
        during(range(200, 220), normal=Health(failing=0.5)),
        per_tick=(0, 5, 0),
    ).run(800)
    assert halves.path == whole.path == [Mode.SOFT, Mode.NORMAL]
    for coarse, fine in zip(whole.steps, halves.steps, strict=True):
        assert abs(coarse.tick - fine.tick / 2) <= 2
