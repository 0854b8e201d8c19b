"""The way up: evidence of a mode itself, and one rung at a time."""

from __future__ import annotations

from dataclasses import replace

from balancer.core.controller import Controller
from balancer.core.observations import Observations, Override
from balancer.core.policy import LadderSettings, Rule
from tests.core.builders import make_policy, served, table, tick
from tests.core.ladder.climb import (
    EMERGENCY,
    EVERY_MODE_FAILING,
    FAILING,
    FAULT,
    HARD,
    NORMAL,
    SLOW,
    SOFT,
    loop,
)
from tests.core.loop import Health, Step, always, during

# --- own evidence ------------------------------------------------------------------------


def test_steady_healthy_traffic_never_leaves_normal() -> None:
    """Nothing happens where nothing is wrong."""
    assert loop().run(2000).steps == []


def test_evidence_starts_at_entry_so_samples_of_the_old_mode_do_not_drive_the_new_one_up() -> None:
    """The window still holds a hundred failures of normal, but soft answers for itself."""
    run = loop(during(FAULT, normal=Health(failing=1.0))).run(300)
    assert run.path == [SOFT]


def test_an_escalation_needs_twenty_samples() -> None:
    """Nineteen failures out of nineteen are no verdict; the twentieth is one."""
    controller = Controller(make_policy())
    assert controller.step(tick(0, served(overloaded=19))).mode is NORMAL
    assert controller.step(tick(1, served(overloaded=1))).mode is SOFT


def test_the_number_of_samples_needed_is_a_setting() -> None:
    """min_samples moves the floor."""
    controller = Controller(make_policy(ladder=LadderSettings(min_samples=5)))
    assert controller.step(tick(0, served(overloaded=4))).mode is NORMAL
    assert controller.step(tick(1, served(overloaded=1))).mode is SOFT


def test_evidence_older_than_the_window_is_forgotten() -> None:
    """Nineteen failures, a minute of silence, one more: still no verdict."""
    controller = Controller(make_policy())
    controller.step(tick(0, served(overloaded=19)))
    assert controller.step(tick(61, served(overloaded=1))).mode is NORMAL


def test_a_hang_is_seen_within_seconds_of_passing_the_cut() -> None:
    """Nothing finishes any more, but calls older than 2 s count as slow: 5 s after the start."""
    run = loop(during(FAULT, normal=Health(hangs=True)))
    assert run.until(SOFT) == 105
    assert "latency_p95" in run.now.reasons[0].text


def test_a_hang_of_the_old_mode_does_not_count_against_the_new_one() -> None:
    """Calls in flight from before the entry are left out by their age."""
    run = loop(during(FAULT, normal=Health(hangs=True)))
    assert run.run(400).path == [SOFT]


def test_stragglers_of_an_earlier_episode_do_not_count_by_their_age() -> None:
    """Soft was left with calls hanging in it; entered again, they're older than the episode."""
    controller = Controller(make_policy())
    hold = Override(0, 50, SOFT, "drill")
    controller.step(tick(0, overrides=(hold,)))
    controller.step(tick(1, overrides=(Override(1, 30, NORMAL, "drill"),)))
    controller.step(tick(2, overrides=(Override(2, 4, SOFT, "drill"),)))
    for index in range(3, 40):
        old = served(SOFT, ages=[index + 10.0] * 100)
        assert controller.step(tick(index, old)).mode is SOFT


def test_fast_failures_do_not_lower_the_latency() -> None:
    """A storm of quick 503s is judged as errors; the slow answers beside it stay in breach."""
    rules = table("latency_p95", 2.0)
    run = loop(always(normal=Health(latency_s=6.0, failing=0.9)), make_policy(rules))
    assert run.until(SOFT) == 19  # twenty answers take twenty seconds


# --- up ----------------------------------------------------------------------------------


def test_the_first_step_leaves_normal_at_once() -> None:
    """Settling is asked of every mode but normal: entered at the first tick with a verdict."""
    controller = Controller(make_policy())
    assert controller.step(tick(0, served(overloaded=20))).mode is SOFT


def test_escalation_goes_one_rung_at_a_time_ten_seconds_apart() -> None:
    """Everything broken, far beyond the emergency threshold: three steps, settled between."""
    run = loop(during(FAULT, **EVERY_MODE_FAILING)).run(200)
    assert run.steps == [
        Step(109, NORMAL, SOFT),
        Step(119, SOFT, HARD),
        Step(129, HARD, EMERGENCY),
    ]


def test_settling_is_a_setting() -> None:
    """settle_s moves the distance between two escalations."""
    policy = make_policy(ladder=LadderSettings(settle_s=30.0))
    run = loop(during(FAULT, **EVERY_MODE_FAILING), policy).run(200)
    assert [step.tick for step in run.steps] == [109, 139, 169]


def test_a_mode_stays_where_its_own_rules_are_not_broken() -> None:
    """Soft breaks only soft's own threshold: that holds it there, and never drives it up."""
    world = during(range(100, 2000), normal=SLOW, soft=Health(latency_s=3.0))
    run = loop(world).run(1500)
    assert run.path == [SOFT]


def test_a_rule_that_jumps_enters_its_level_at_once() -> None:
    """jump: true leaves rungs out."""
    leap = Rule(name="leap", signal="error_rate", level=HARD, threshold=0.3, jump=True)
    run = loop(during(FAULT, normal=FAILING), make_policy((leap,))).run(150)
    assert run.path == [HARD]
    assert run.texts[0].startswith("hard: error_rate ")


def test_a_jump_holds_though_a_worse_rule_without_one_is_broken_too() -> None:
    """The worse the breach, the more a jump is due: emergency's rule must not swallow hard's."""
    rules = (
        Rule(name="leap", signal="error_rate", level=HARD, threshold=0.1, jump=True),
        Rule(name="walk", signal="error_rate", level=EMERGENCY, threshold=0.2),
    )
    controller = Controller(make_policy(rules))
    decision = controller.step(tick(0, served(overloaded=20)))
    assert decision.mode is HARD
    assert [reason.rule for reason in decision.reasons] == ["walk", "leap"]


def test_a_sustained_rule_waits_until_it_was_true_on_every_tick_for_so_long() -> None:
    """Thirty ticks in a row, counted from the first one that is in breach."""
    rules = (Rule(name="errors", signal="error_rate", level=SOFT, threshold=0.05, sustained_s=30),)
    plain = loop(during(FAULT, normal=FAILING), make_policy(table("error_rate", 0.05)))
    lasting = loop(during(FAULT, normal=FAILING), make_policy(rules))
    assert lasting.until(SOFT) == plain.until(SOFT) + 29


def test_one_good_tick_starts_a_sustained_rule_over() -> None:
    """A gauge that dips for one tick counts from there."""
    rules = (Rule(name="q", signal="queue_depth", level=SOFT, threshold=100, sustained_s=10),)
    controller = Controller(make_policy(rules))
    modes = [
        controller.step(Observations(index, waiting=0 if index == 8 else 200)).mode
        for index in range(19)
    ]
    assert modes == [NORMAL] * 18 + [SOFT]


def test_an_override_starts_a_sustained_rule_over() -> None:
    """What was true before an order is no longer true on every tick, even in the same mode."""
    rules = (Rule(name="q", signal="queue_depth", level=SOFT, threshold=100, sustained_s=10),)
    controller = Controller(make_policy(rules))
    hold = Override(8, 20, NORMAL, "drill")
    modes = [
        controller.step(
            Observations(index, waiting=200, overrides=(hold,) if index == 8 else ())
        ).mode
        for index in range(30)
    ]
    assert modes.index(SOFT) == 29


def test_each_rule_has_its_own_window() -> None:
    """The same failures are a verdict over five minutes and none over five seconds."""
    short = Rule(name="e", signal="error_rate", level=SOFT, threshold=0.05, window_s=5)
    sparse = {"per_tick": (0.0, 2.0, 0.0)}
    world = always(normal=FAILING)
    assert loop(world, make_policy((short,)), **sparse).run(200).steps == []
    long = replace(short, window_s=300.0)
    assert loop(world, make_policy((long,)), **sparse).until(SOFT) == 9


def test_queue_depth_is_judged_as_the_gauge_it_is() -> None:
    """One reading above the threshold is enough, one rung at a time."""
    rules = table("queue_depth", 50, 100)
    run = loop(policy=make_policy(rules), gauges=lambda t: {"waiting": 101 if t >= 100 else 0})
    assert run.run(130).steps == [Step(100, NORMAL, SOFT), Step(110, SOFT, HARD)]


def test_memory_is_judged_as_a_share() -> None:
    """85 % is 850,000 millionths; the threshold itself is not above it."""
    rules = table("memory", 0.85)
    controller = Controller(make_policy(rules))
    assert controller.step(Observations(0, memory_ppm=850_000)).mode is NORMAL
    assert controller.step(Observations(1, memory_ppm=850_001)).mode is SOFT


def test_cost_is_seen_by_the_rate_of_starts() -> None:
    """$0.004 a call at 10/s is $144/h; the first minute of it passes $50 within seconds."""
    run = loop(during(FAULT, normal=Health(nano_usd=4_000_000)))
    assert run.until(SOFT) == 107
    assert run.now.reasons[0].rule == "token_cost_per_hour soft"
