"""Alerts and overrides, and the reasons that a decision gives."""

from __future__ import annotations

from dataclasses import replace

from balancer.core.controller import Controller
from balancer.core.observations import Alert, Override
from tests.core.builders import STRATEGIES, make_policy, served, tick
from tests.core.ladder.climb import (
    EMERGENCY,
    EVERY_MODE_FAILING,
    FAILING,
    FAULT,
    HARD,
    NORMAL,
    SOFT,
    loop,
    memory,
    rounds,
)
from tests.core.loop import Step, during

# --- orders ------------------------------------------------------------------------------


def test_an_alert_leaps() -> None:
    """It enters the mode it asks for at once, from normal, and says so."""
    run = loop(alerts={100: (Alert("pager", 98, EMERGENCY),)}).run(101)
    assert run.steps == [Step(100, NORMAL, EMERGENCY)]
    assert run.now.reasons[0].text == "emergency: alert pager raised at tick 98"


def test_an_alert_for_less_than_there_is_changes_nothing() -> None:
    """Hard stays hard when a monitor asks for soft."""
    alerts = {100: (Alert("a", 100, HARD),), 105: (Alert("b", 105, SOFT),)}
    assert loop(alerts=alerts).run(110).path == [HARD]


def test_an_alert_that_holds_is_a_floor_to_probing() -> None:
    """No round goes below what it asks for, however calm it is."""
    alerts = {100: (Alert("a", 100, SOFT, lifetime_ticks=1000),)}
    run = loop(alerts=alerts).run(1000)
    assert (run.path, rounds(run)) == ([SOFT], [])
    assert run.run(400).path == [SOFT, NORMAL]


def test_an_alert_bounds_how_far_down_a_round_may_try() -> None:
    """Hard with an alert for soft: only soft is tried, and again after it failed."""
    world = during(range(100, 2000), soft=FAILING)
    alerts = {100: (Alert("a", 100, HARD, lifetime_ticks=10), Alert("b", 100, SOFT, True, 1500))}
    run = loop(world, alerts=alerts).run(900)
    assert [target for _, target in rounds(run)][:3] == [SOFT, SOFT, SOFT]


def test_an_alert_that_arrives_during_a_round_below_it_ends_the_round() -> None:
    """Soft is being tried when a monitor asks for hard: nobody steps down against it."""
    run = loop(alerts={100: (Alert("a", 100, HARD, lifetime_ticks=10),)})
    run.until(HARD)
    while not rounds(run):
        run.run(1)
    run.alerts = {run.next_tick: (Alert("b", run.next_tick, HARD, lifetime_ticks=2000),)}
    run.run(500)
    assert run.path == [HARD]
    assert run.now.mix == (0.0, 0.0, 1.0, 0.0)
    assert run.now.reasons[0].text == "hard: probe ended, alert b asks for more"


def test_a_recovery_lets_the_law_step_down_by_proof() -> None:
    """It ends the floor, not the mode: the way down is the same calm and round."""
    alerts = {100: (Alert("a", 100, SOFT),), 150: (Alert("a", 150, SOFT, raised=False),)}
    run = loop(alerts=alerts).run(600)
    assert run.path == [SOFT, NORMAL]
    assert run.steps[1].tick >= 100 + 120 + 60


def test_an_override_holds_its_mode_against_everything() -> None:
    """Normal by order, while all fails and an alert asks for emergency."""
    run = loop(
        during(FAULT, **EVERY_MODE_FAILING),
        overrides={100: (Override(100, 400, NORMAL, "drill"),)},
        alerts={150: (Alert("a", 150, EMERGENCY),)},
    ).run(400)
    assert run.steps == []
    run.run(1)
    assert run.path == [EMERGENCY]


def test_an_override_leaps_and_says_why() -> None:
    """The order's reason is the decision's."""
    run = loop(overrides={100: (Override(100, 200, EMERGENCY, "maintenance"),)}).run(101)
    assert run.steps == [Step(100, NORMAL, EMERGENCY)]
    assert run.now.reasons[0].text == "emergency: override until tick 200: maintenance"


def test_an_override_sheds_as_the_strategy_says() -> None:
    """An operator who orders emergency means all of it."""
    run = loop(overrides={0: (Override(0, 200, EMERGENCY, "drill"),)}).run(2)
    assert run.now.admit == (0.0, 0.5, 1.0)


def test_a_newer_override_replaces_the_one_that_holds() -> None:
    """And the newest one given back returns to the law, not to the older order."""
    run = loop(
        overrides={
            10: (Override(10, 1000, EMERGENCY, "a"),),
            20: (Override(20, 1000, HARD, "b"),),
            30: (Override(30, 30, HARD, "release"),),
        }
    ).run(31)
    assert run.path == [EMERGENCY, HARD]
    assert memory(run)["order"] is None


def test_calm_counts_from_the_end_of_an_override() -> None:
    """Emergency by order until 200; the first round begins a hold after that."""
    run = loop(overrides={100: (Override(100, 200, SOFT, "drill"),)}).run(600)
    assert rounds(run)[0] == (320, NORMAL)


# --- reasons and limits ------------------------------------------------------------------


def test_reasons_name_rule_signal_value_threshold_and_counts() -> None:
    """What a person reads in an incident, and what a program compares."""
    controller = Controller(make_policy())
    reason = controller.step(tick(0, served(overloaded=10, latencies=[1.0] * 90))).reasons[0]
    assert reason.text == "soft: error_rate 10.0% > 5.0% over 1m"
    assert (reason.kind, reason.rule) == ("rule", "error_rate soft")
    assert (reason.value, reason.threshold, reason.k, reason.n) == (0.1, 0.05, 10, 100)


def test_every_broken_signal_is_a_reason_with_its_worst_rule() -> None:
    """One entry a signal: the text names the mode entered, the rule may be a worse one's."""
    controller = Controller(make_policy())
    entry = served(overloaded=10, latencies=[6.0] * 20)
    reasons = controller.step(tick(0, entry)).reasons
    assert [reason.rule for reason in reasons] == ["latency_p95 hard", "error_rate emergency"]
    assert all(reason.text.startswith("soft: ") for reason in reasons)


def test_reasons_stay_until_something_changes() -> None:
    """The very same values: who logs changes compares nothing."""
    run = loop(during(FAULT, normal=FAILING))
    run.until(SOFT)
    given = run.now.reasons
    run.run(50)
    assert run.now.reasons is given


def test_a_modes_limits_come_from_its_strategy() -> None:
    """Calls in flight as written; starts a second as starts a tick, at least one."""
    limited = replace(STRATEGIES[1], max_in_flight=7, max_starts_per_s=0.2)
    strategies = (STRATEGIES[0], limited, *STRATEGIES[2:])
    controller = Controller(make_policy(strategies=strategies))
    decision = controller.step(tick(0, served(overloaded=20)))
    assert (decision.limits.max_in_flight, decision.limits.max_starts) == (7, 1)
