"""Plain thresholds: the worst rule that is true now, and nothing else."""

from __future__ import annotations

import json

from balancer.core.constants import Constants, ThresholdConstants
from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Override
from balancer.core.policy import Policy, Rule
from tests.core.builders import DEFAULT_RULES, make_policy, served, table, tick
from tests.core.loop import WELL, Health, Loop, Step, World, during

NORMAL, SOFT, HARD, EMERGENCY = Mode


def policy(rules: tuple[Rule, ...] = DEFAULT_RULES) -> Policy:
    """The same policy under plain thresholds."""
    return make_policy(rules, law="threshold")


def loop(world: World = WELL, **more: object) -> Loop:
    """A loop under plain thresholds."""
    return Loop(Controller(policy()), world, **more)  # type: ignore[arg-type]


def test_the_mode_is_the_worst_whose_rule_is_true() -> None:
    """At once, on a single sample, three rungs in one step."""
    decision = Controller(policy()).step(tick(0, served(overloaded=1)))
    assert decision.mode is EMERGENCY
    assert decision.reasons[0].text == "emergency: error_rate 100.0% > 20.0% over 1m"


def test_of_equal_rules_the_first_is_the_reason() -> None:
    """In the policy's order."""
    decision = Controller(policy()).step(tick(0, served(overloaded=3, latencies=[30.0] * 3)))
    assert [reason.rule for reason in decision.reasons] == ["latency_p95 emergency"]


def test_the_mode_is_left_as_soon_as_no_rule_is_true() -> None:
    """No hold: the window alone keeps it, here for a minute after the last failure."""
    run = loop(during(range(100, 110), normal=Health(failing=1.0))).run(300)
    assert run.steps[-1].after is NORMAL
    assert run.now.reasons[0].text == "normal: no rule is true any more"
    assert run.steps[-1].tick <= 110 + 60


def test_a_hold_keeps_a_mode_after_its_rule_was_last_true() -> None:
    """Five ticks from the last true one, to the bit after a restart; worse is entered at once."""
    constants = Constants(threshold=ThresholdConstants(hold_s=5.0))
    held = make_policy(table("queue_depth", 100, 1000), law="threshold", constants=constants)
    controller, modes = Controller(held), []
    for index, count in enumerate((200, 200, 200, 0, 0, 0, 0, 0, 200, 2000, 200, 0)):
        modes.append(controller.step(tick(index, waiting=count)).mode)
        controller = Controller.restore(held, json.loads(json.dumps(controller.state())))
    assert modes == [SOFT] * 7 + [NORMAL, SOFT] + [HARD] * 3


def test_it_flaps_where_a_brownout_lowers_the_signal_that_started_it() -> None:
    """The fault goes on, soft cures it, normal is entered again: what the ladder is for."""
    world = during(range(100, 1000), normal=Health(latency_s=3.0))
    run = loop(world).run(1000)
    ladder = Loop(Controller(make_policy()), world).run(1000)
    assert len(run.steps) > 20
    assert len(ladder.steps) == 1


def test_evidence_is_pooled_over_all_modes() -> None:
    """Failures of soft count though normal serves."""
    controller = Controller(policy())
    assert controller.step(tick(0, served(SOFT, overloaded=5))).mode is EMERGENCY


def test_a_sustained_rule_must_be_true_on_every_tick() -> None:
    """Five in a row; a good tick starts over."""
    rules = table("queue_depth", 100, sustained_s=5.0)
    controller = Controller(policy(rules))
    waiting = [200, 200, 200, 0, 200, 200, 200, 200, 200]
    modes = [controller.step(tick(i, waiting=count)).mode for i, count in enumerate(waiting)]
    assert modes == [NORMAL] * 8 + [SOFT]


def test_an_alert_is_a_floor() -> None:
    """It raises the mode while it holds, and says so."""
    run = loop(alerts={10: (Alert("a", 10, HARD, lifetime_ticks=5),)}).run(20)
    assert run.steps == [Step(10, NORMAL, HARD), Step(15, HARD, NORMAL)]
    assert run.decisions[10].reasons[0].kind == "alert"


def test_an_alert_below_the_mode_changes_nothing() -> None:
    """The rule is worse, and stays the reason."""
    controller = Controller(policy())
    decision = controller.step(tick(0, served(overloaded=1), alerts=(Alert("a", 0, SOFT),)))
    assert (decision.mode, decision.reasons[0].kind) == (EMERGENCY, "rule")


def test_an_override_holds_against_rules_and_alerts() -> None:
    """Normal by order; the law decides again from its end on."""
    order = Override(0, 2, NORMAL, "drill")
    controller = Controller(policy())
    bad = served(overloaded=5)
    first = controller.step(tick(0, bad, overrides=(order,), alerts=(Alert("a", 0, HARD),)))
    assert first.mode is NORMAL
    assert controller.step(tick(1, bad)).mode is NORMAL
    assert controller.step(tick(2, bad)).mode is EMERGENCY


def test_an_override_is_the_reason_of_the_mode_it_brings() -> None:
    """Down as well as up."""
    run = loop(overrides={5: (Override(5, 9, SOFT, "drill"),)}).run(12)
    assert run.steps == [Step(5, NORMAL, SOFT), Step(9, SOFT, NORMAL)]
    assert run.decisions[5].reasons[0].text == "soft: override until tick 9: drill"


def test_silence_is_no_breach() -> None:
    """Nothing seen, nothing true."""
    assert loop(per_tick=(0, 0, 0)).run(100).steps == []


def test_state_is_plain_and_restores_its_streaks() -> None:
    """Three of five ticks before the restart, two after it."""
    sustained = policy(table("queue_depth", 100, sustained_s=5.0))
    controller = Controller(sustained)
    for index in range(3):
        controller.step(tick(index, waiting=200))
    again = Controller.restore(sustained, json.loads(json.dumps(controller.state())))
    modes = [again.step(tick(index, waiting=200)).mode for index in (3, 4)]
    assert modes == [NORMAL, SOFT]
