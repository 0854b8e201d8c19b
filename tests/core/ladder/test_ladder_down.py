"""The way down: calm, then proof by a probe round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Alert
from balancer.core.policy import LadderSettings
from tests.core.builders import STRATEGIES, make_policy, served, table, tick
from tests.core.ladder.climb import (
    ALL_SHED,
    EMERGENCY,
    FAILING,
    FAULT,
    HARD,
    NORMAL,
    SOFT,
    loop,
    rounds,
)
from tests.core.loop import Health, Loop, Step, World, always, during

# --- calm --------------------------------------------------------------------------------


def test_a_round_begins_after_a_calm_hold() -> None:
    """Soft is entered at 109, calm from 110 on, and probes after 120 s of it."""
    run = loop(during(range(100, 110), normal=FAILING)).run(300)
    assert run.steps[0] == Step(109, NORMAL, SOFT)
    assert rounds(run)[0] == (230, NORMAL)


def test_the_hold_is_a_setting() -> None:
    """hold_s moves the first round."""
    policy = make_policy(ladder=LadderSettings(hold_s=40.0))
    run = loop(during(range(100, 110), normal=FAILING), policy).run(300)
    assert rounds(run)[0] == (150, NORMAL)


def test_any_breach_of_the_exit_bounds_starts_the_calm_over() -> None:
    """Soft fails for twenty seconds in its second minute: the hold counts from its end."""

    def world(index: int, mode: Mode) -> Health:
        if mode is NORMAL and 100 <= index < 110:
            return FAILING
        # Below soft's entry of 5 %, above its exit of 4 %: 40 of 600 within a minute.
        return Health(failing=0.08) if mode is SOFT and 170 <= index < 230 else Health()

    run = loop(world).run(500)
    assert run.path == [SOFT, NORMAL]
    assert rounds(run)[0][0] > 230 + 120


def test_a_breach_ends_a_probe_round_under_way() -> None:
    """The mode that serves 95 % has trouble of its own: no step down on top of it."""

    def world(index: int, mode: Mode) -> Health:
        if mode is NORMAL and 100 <= index < 110:
            return FAILING
        return Health(latency_s=3.0) if mode is SOFT and index >= 235 else Health()

    run = loop(world).run(260)
    assert run.now.mode is SOFT
    assert run.now.mix == (0.0, 1.0, 0.0, 0.0)
    assert run.now.reasons[0].text == "soft: probe ended, latency_p95 soft again"


def test_the_modes_own_cost_is_not_asked() -> None:
    """Soft costs more than its own exit bound allows, and probes all the same."""
    world = during(range(100, 110), normal=FAILING)

    def dear(index: int, mode: Mode) -> Health:
        return Health(nano_usd=2_000_000) if mode is SOFT else world(index, mode)

    assert loop(dear).run(600).path == [SOFT, NORMAL]


def test_a_gauge_above_its_exit_bound_is_no_calm() -> None:
    """The queue keeps soft until it's below 80 % of the threshold, for a hold."""
    rules = table("queue_depth", 100)
    run = loop(
        policy=make_policy(rules),
        gauges=lambda t: {"waiting": 101 if t == 100 else 81 if t < 300 else 80},
    )
    run.run(1000)
    assert run.path == [SOFT, NORMAL]
    assert rounds(run) == [(300 + 120, NORMAL)]


# --- probe, then down --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_second", "share"),
    [(2, 0.10), (5, 0.10), (10, 0.05), (25, 0.02), (50, 0.01), (100, 0.01)],
)
def test_a_round_serves_thirty_samples_a_minute_within_one_and_ten_percent(
    per_second: int, share: float
) -> None:
    """The share is clamp(30 / (60 s x attempts/s), 1 %, 10 %), all being of one priority."""
    rules = table("error_rate", 0.05, 0.10, 0.20)
    run = loop(
        during(range(100, 110), normal=Health(failing=1.0)),
        make_policy(rules),
        per_tick=(0, per_second, 0),
    )
    run.until(SOFT)
    while not rounds(run):
        run.run(1)
    assert run.now.mixes[1] == pytest.approx((share, 1 - share, 0, 0))
    assert run.now.reasons[0].text == f"soft: probing normal with {share:.1%} of requests"


def test_a_round_is_sized_by_what_is_served_and_not_by_what_is_shed() -> None:
    """Nine tenths are shed: the round takes its samples from the tenth that is served."""
    strategies = (*STRATEGIES[:1], replace(STRATEGIES[1], shed=(1.0, 0.0, 0.0)), *STRATEGIES[2:])
    run = loop(
        during(range(100, 110), normal=Health(latency_s=6.0)),
        make_policy(strategies=strategies),
        per_tick=(45, 5, 0),
    )
    run.until(SOFT)
    while not rounds(run):
        run.run(1)
    assert run.now.mixes[1][NORMAL] == pytest.approx(0.1)


def test_probes_are_taken_from_low_priority_first() -> None:
    """5 % of all is half of the low tenth; nobody else is tried on."""
    run = loop(during(range(100, 110), normal=FAILING), per_tick=(1, 4, 5))
    run.until(SOFT)
    while not rounds(run):
        run.run(1)
    assert run.now.mixes[0] == pytest.approx((0.5, 0.5, 0, 0), abs=0.01)
    assert run.now.mixes[1:] == ((0.0, 1.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0))


def test_a_round_passes_at_thirty_samples() -> None:
    """Half a probe a second: thirty of them after sixty seconds, then the step down."""
    run = loop(during(range(100, 110), normal=FAILING)).run(400)
    assert run.steps[1] == Step(290, SOFT, NORMAL)
    assert run.now.reasons[0].kind == "passed"
    assert run.now.reasons[0].text.startswith("normal: probe passed; latency_p95: 0 of 30 above ")


def test_a_round_is_rejected_early_at_five_samples_of_which_four_are_bad() -> None:
    """A dead mode is told within ten seconds, not after thirty samples."""
    run = loop(during(FAULT, normal=Health(failing=1.0))).run(300)
    begun = rounds(run)[0][0]
    failed = next(d.tick for d in run.decisions if d.reasons and d.reasons[0].kind == "failed")
    assert failed - begun == 10


def test_a_round_is_not_rejected_early_on_three_bad_samples() -> None:
    """Three bad out of five, then none: judged at thirty, where 3 is within the margin."""
    controller = Controller(make_policy(table("error_rate", 0.1)))
    controller.step(tick(0, served(overloaded=20)))
    for index in range(1, 122):
        controller.step(tick(index, served(SOFT, latencies=[1.0] * 10)))
    probing = controller.step(tick(122, served(overloaded=3, latencies=[1.0] * 2)))
    assert probing.mix[NORMAL] > 0
    assert controller.step(tick(123, served(latencies=[1.0] * 25))).mode is NORMAL


def test_the_verdict_of_a_round_needs_no_floor_of_twenty() -> None:
    """With probe_samples 10, ten samples decide, though min_samples is 20."""
    policy = make_policy(ladder=LadderSettings(probe_samples=10))
    run = loop(during(range(100, 110), normal=FAILING), policy).run(400)
    begun = rounds(run)[0][0]
    assert run.steps[1].tick - begun == 60  # a sixth of a probe a second


def test_a_round_fails_on_the_projected_cost() -> None:
    """Normal is fast and sound, but all traffic there would cost $144/h, above $40."""
    run = loop(during(FAULT, normal=Health(nano_usd=4_000_000))).run(400)
    assert run.path == [SOFT]
    assert "soft: probe of normal failed: token_cost_per_hour $144/h > $40.00/h" in run.texts


def test_a_round_that_finishes_nothing_has_no_projected_cost_and_fails() -> None:
    """Thirty probes hang, not yet too slow for soft: samples by their age, but without a price."""
    rules = (*table("latency_p95", 2.0, 1000.0), *table("token_cost_per_hour", 50, 100))
    run = loop(
        always(soft=Health(hangs=True)),
        make_policy(rules),
        alerts={0: (Alert("a", 0, HARD, lifetime_ticks=10),)},
    ).run(300)
    assert "hard: probe of soft failed: token_cost_per_hour nothing seen > $80.00/h" in run.texts


def test_a_hanging_target_is_rejected_by_the_ages_of_its_calls() -> None:
    """Probes that never end count as slow once they are older than the exit cut."""
    run = loop(during(FAULT, normal=Health(hangs=True))).run(300)
    begun = rounds(run)[0][0]
    failed = next(d.tick for d in run.decisions if d.reasons and d.reasons[0].kind == "failed")
    assert failed - begun <= 12
    assert run.path == [SOFT]


def test_a_gauge_does_not_judge_a_round() -> None:
    """A queue belongs to the application and not to the mode that is being tried."""
    rules = (*table("queue_depth", 100), *table("error_rate", 0.05))
    run = loop(during(range(100, 110), normal=FAILING), make_policy(rules)).run(400)
    assert run.path == [SOFT, NORMAL]
    assert "queue_depth" not in run.now.reasons[0].text


def test_a_failed_round_waits_half_a_hold() -> None:
    """The next round begins 60 s after the one before was rejected."""
    run = loop(during(FAULT, normal=Health(failing=1.0))).run(400)
    failed = next(d.tick for d in run.decisions if d.reasons and d.reasons[0].kind == "failed")
    assert rounds(run)[1][0] == failed + 60


def test_after_a_failed_round_the_next_mode_further_down_is_tried() -> None:
    """Hard is up, soft is broken, normal is well again: a broken rung does not block the way."""
    world = during(range(100, 115), normal=FAILING)

    def broken_rung(index: int, mode: Mode) -> Health:
        return FAILING if mode is SOFT and index >= 100 else world(index, mode)

    run = loop(broken_rung).run(600)
    assert run.path == [SOFT, HARD, NORMAL]
    assert [target for _, target in rounds(run)] == [SOFT, NORMAL]


def test_a_mode_further_down_is_held_to_its_own_exit_bounds() -> None:
    """Hard tries normal, which fails 20 %: within hard's exit of 24 %, beyond soft's of 4 %."""
    rules = table("error_rate", 0.05, 0.3)
    run = loop(
        always(soft=FAILING, normal=Health(failing=0.2)),
        make_policy(rules),
        alerts={0: (Alert("a", 0, HARD, lifetime_ticks=10),)},
    ).run(800)
    assert [target for _, target in rounds(run)][:3] == [SOFT, NORMAL, SOFT]
    assert run.path == [HARD]


def test_the_search_further_down_wraps_to_the_next_mode() -> None:
    """Soft, normal, then soft again, as long as both are broken."""
    world = during(range(100, 2000), normal=FAILING, soft=FAILING)
    run = loop(world).run(800)
    assert run.path == [SOFT, HARD]
    assert [target for _, target in rounds(run)][:4] == [SOFT, NORMAL, SOFT, NORMAL]


def test_a_round_stays_open_while_nothing_arrives() -> None:
    """Silence is no verdict: neither a pass nor a failure."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    while not rounds(run):
        run.run(1)
    run.per_tick = (0, 0, 0)
    run.run(600)
    assert run.now.mode is SOFT
    assert run.now.reasons[0].kind == "probe"


def test_a_round_follows_the_traffic_when_those_who_were_probed_leave() -> None:
    """Batch traffic was all that was probed, and ends: after a hold others are tried on."""
    run = loop(during(range(100, 110), normal=FAILING), per_tick=(2, 4, 4))
    run.until(SOFT)
    while not rounds(run):
        run.run(1)
    assert run.now.mixes[1] == (0.0, 1.0, 0.0, 0.0)
    run.per_tick = (0, 4, 4)
    run.run(121)
    assert run.now.mixes[1][NORMAL] == pytest.approx(2 * 30 / (60 * 8))
    run.run(120)
    assert run.path == [SOFT, NORMAL]


# --- starved modes -----------------------------------------------------------------------


def starved(world: World) -> Loop:
    """A policy whose emergency sheds everything, driven there by load."""
    policy = make_policy(strategies=(*STRATEGIES[:3], ALL_SHED))
    return loop(world, policy, per_tick=(3, 3, 4))


def test_a_mode_that_sheds_everything_still_probes() -> None:
    """Nothing is served there, so only a round can see recovery: it admits its share alone."""
    slow = Health(latency_s=20.0)
    run = starved(during(range(100, 200), **{mode.label: slow for mode in Mode}))
    run.until(EMERGENCY)
    assert run.now.admit == (0.0, 0.0, 0.0)
    while not rounds(run):
        run.run(1)
    assert run.now.admit == pytest.approx((0.05, 0.05, 0.05))
    assert run.now.mixes == ((0.0, 0.0, 1.0, 0.0),) * 3
    run.until(NORMAL)
    assert run.path == [SOFT, HARD, EMERGENCY, HARD, SOFT, NORMAL]


def test_a_mode_that_sheds_everything_probes_again_after_a_failed_round() -> None:
    """The requests of the first round were admitted; that doesn't end the starvation."""
    slow = Health(latency_s=20.0)
    run = starved(during(range(100, 400), **{mode.label: slow for mode in Mode}))
    run.until(EMERGENCY)
    run.run(600)
    begun = [at for at, _ in rounds(run)]
    assert len(begun) >= 3
    assert begun[1] - begun[0] < 120
