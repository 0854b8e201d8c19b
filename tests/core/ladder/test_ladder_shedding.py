"""Who is shed, and when: only where load is part of the trouble."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.modes import Mode
from balancer.core.policy import Baseline
from tests.core.builders import STRATEGIES, make_policy, table
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
    memory,
    rounds,
)
from tests.core.loop import Health, always, during


def test_upstream_errors_alone_shed_nobody() -> None:
    """Emergency for 503s serves everybody: refusing requests would only lower availability."""
    run = loop(during(FAULT, **EVERY_MODE_FAILING), per_tick=(3, 3, 4)).run(300)
    assert run.now.mode is EMERGENCY
    assert run.now.admit == (1.0, 1.0, 1.0)


def test_429s_are_load_and_shed() -> None:
    """An error that our own load makes is answered by less load."""
    limited = Health(failing=0.4, kind="quota_minute")
    run = loop(during(FAULT, **{mode.label: limited for mode in Mode}), per_tick=(3, 3, 4)).run(300)
    assert run.now.mode is EMERGENCY
    assert run.now.admit == (0.0, 0.5, 1.0)


def test_what_most_failures_are_is_judged_within_the_rules_window() -> None:
    """Five minutes of 503s long ago do not make today's 429s an upstream's fault."""
    high = table("error_rate", 0.5)
    strategies = (*STRATEGIES[:1], replace(STRATEGIES[1], shed=(0.5, 0.0, 0.0)), *STRATEGIES[2:])
    policy = make_policy(high, strategies=strategies)

    def world(index: int, mode: Mode) -> Health:
        if mode is NORMAL and index < 300:
            return Health(failing=0.4)
        limited = mode is NORMAL and index >= 400
        return Health(failing=1.0, kind="quota_day") if limited else Health()

    run = loop(world, policy)
    run.until(SOFT)
    assert run.now.admit == (0.5, 1.0, 1.0)


def test_load_sheds() -> None:
    """Slow answers in every mode: emergency sheds as its strategy says."""
    slow = Health(latency_s=20.0)
    run = loop(during(FAULT, **{mode.label: slow for mode in Mode}), per_tick=(3, 3, 4)).run(300)
    assert run.now.mode is EMERGENCY
    assert run.now.admit == (0.0, 0.5, 1.0)


@pytest.mark.parametrize(
    ("meant_for_per_s", "admit"), [(10.0, (1.0, 1.0, 1.0)), (7.9, (0.0, 0.5, 1.0))]
)
def test_slow_answers_are_load_only_above_the_baseline(
    meant_for_per_s: float, admit: tuple[float, float, float]
) -> None:
    """At the load the policy was meant for a slow upstream sheds nobody; 1.25 times it does."""
    slow = Health(latency_s=20.0)
    baseline = Baseline(
        workload="test",
        requests_per_s=meant_for_per_s,
        prompt_tokens=1000.0,
        output_tokens=200.0,
        thinking_tokens=1000.0,
    )
    world = during(FAULT, **{mode.label: slow for mode in Mode})
    run = loop(world, make_policy(baseline=baseline), per_tick=(3, 3, 4)).run(300)
    assert run.now.mode is EMERGENCY
    assert run.now.admit == admit


def test_shedding_begins_when_load_joins_the_errors_that_led_to_a_mode() -> None:
    """Emergency entered by 503s sheds from the tick its own latency breaks the exit bound."""

    def world(index: int, mode: Mode) -> Health:
        if index < 100 or (mode is EMERGENCY and index < 400):
            return Health()
        return Health(latency_s=20.0) if mode is EMERGENCY else FAILING

    run = loop(world, per_tick=(3, 3, 4)).run(400)
    assert (run.now.mode, run.now.admit) == (EMERGENCY, (1.0, 1.0, 1.0))
    run.run(10)
    assert (run.now.mode, run.now.admit) == (EMERGENCY, (0.0, 0.5, 1.0))


def test_shedding_that_begins_during_a_probe_round_takes_the_round_elsewhere() -> None:
    """Low priority was probed and is shed from now on: the round goes on with the others."""
    rules = (*table("error_rate", 0.05, 0.10, 0.20), *table("token_cost_per_hour", 50, 100, 200))

    def world(index: int, mode: Mode) -> Health:
        if mode is not EMERGENCY and 100 <= index < 240:
            return FAILING
        dear = mode is EMERGENCY and 260 <= index < 400
        return Health(nano_usd=8_000_000) if dear else Health()

    run = loop(world, make_policy(rules), per_tick=(3, 3, 4)).run(260)
    assert run.now.admit == (1.0, 1.0, 1.0)
    assert run.now.mixes[0][HARD] == pytest.approx(1 / 6, 0.01)
    run.run(40)
    assert (run.now.mode, run.now.admit) == (EMERGENCY, (0.0, 0.5, 1.0))
    assert run.now.mixes[1][HARD] > 0
    run.run(60)
    assert run.now.mode is HARD


def test_shedding_that_begins_in_silence_ends_a_probe_round() -> None:
    """Nobody is there to go on with: the round begins anew when somebody is."""
    strategies = (*STRATEGIES[:1], replace(STRATEGIES[1], shed=(0.5, 0.0, 0.0)), *STRATEGIES[2:])
    rules = (*table("error_rate", 0.05), *table("queue_depth", 100))
    run = loop(
        during(range(100, 110), normal=FAILING),
        make_policy(rules, strategies=strategies),
        gauges=lambda t: {"waiting": 101 if t == 400 else 0},
    )
    run.until(SOFT)
    while not rounds(run):
        run.run(1)
    run.per_tick = (0, 0, 0)
    run.run(400 - run.next_tick)
    assert run.now.mix[NORMAL] > 0
    run.run(1)
    assert (run.now.mix[NORMAL], run.now.admit) == (0.0, (0.5, 1.0, 1.0))
    assert memory(run)["probe"] is None


def test_shedding_that_load_began_goes_on_when_errors_lead_further_up() -> None:
    """Slow answers led to soft; the 503s that follow do not take the shedding back."""
    strategies = (*STRATEGIES[:2], replace(STRATEGIES[2], shed=(0.5, 0.0, 0.0)), STRATEGIES[3])
    run = loop(always(normal=SLOW, soft=FAILING), make_policy(strategies=strategies))
    run.until(HARD)
    assert [reason.rule for reason in run.now.reasons] == ["error_rate emergency"]
    assert run.now.admit == (0.5, 1.0, 1.0)


def test_a_step_down_keeps_what_the_escalation_decided_about_shedding() -> None:
    """Errors led to emergency: hard, entered from above, does not start to shed either."""
    strategies = (*STRATEGIES[:2], replace(STRATEGIES[2], shed=(0.5, 0.0, 0.0)), STRATEGIES[3])
    policy = make_policy(strategies=strategies)
    run = loop(during(range(100, 200), **EVERY_MODE_FAILING), policy, per_tick=(3, 3, 4))
    run.until(EMERGENCY)
    run.until(HARD)
    assert run.now.admit == (1.0, 1.0, 1.0)
