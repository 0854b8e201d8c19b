"""The ladder law: every rule of its specification, as a small closed-loop script with numbers.

Ten requests a second unless said otherwise. A fault starts at tick 100; a decision of tick k
governs what starts in tick k + 1.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Observations, Override
from balancer.core.policy import Baseline, LadderSettings, Policy, Rule, Strategy
from tests.core.builders import STRATEGIES, make_policy, served, table, tick
from tests.core.loop import WELL, Health, Loop, Step, World, always, during

NORMAL, SOFT, HARD, EMERGENCY = Mode
FAILING = Health(failing=0.4)
SLOW = Health(latency_s=6.0)
FAULT = range(100, 700)
EVERY_MODE_FAILING = {mode.label: FAILING for mode in Mode}
ALL_SHED = Strategy(model="small", thinking=0, output_cap_tokens=256, shed=(1.0, 1.0, 1.0))


def loop(world: World = WELL, policy: Policy | None = None, **more: object) -> Loop:
    """A loop under the default rules of the tests' policy."""
    return Loop(Controller(policy or make_policy()), world, **more)  # type: ignore[arg-type]


def memory(run: Loop) -> dict[str, object]:
    """What the law remembers, as plain values."""
    found = run.controller.state()["memory"]
    assert isinstance(found, dict)
    return found


def rounds(run: Loop) -> list[tuple[int, Mode]]:
    """Tick and target of every probe round begun."""
    found: list[tuple[int, Mode]] = []
    before: object = None
    for decision in run.decisions:
        if decision.reasons is not before and [r.kind for r in decision.reasons] == ["probe"]:
            target = next(m for m in Mode if m is not decision.mode and decision.mix[m] > 0)
            found.append((decision.tick, target))
        before = decision.reasons
    return found


# --- own evidence -------------------------------------------------------------------------


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


# --- up -----------------------------------------------------------------------------------


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


# --- shedding -----------------------------------------------------------------------------


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


# --- calm ---------------------------------------------------------------------------------


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


# --- probe, then down ---------------------------------------------------------------------


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


# --- starved modes ------------------------------------------------------------------------


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


# --- relapse ------------------------------------------------------------------------------


def flapping(run: Loop) -> World:
    """Normal is sick whenever it serves everybody, and well while it is only probed."""

    def world(index: int, mode: Mode) -> Health:
        sick = mode is NORMAL and index >= 100 and run.now.mode is NORMAL
        return Health(failing=1.0) if sick else Health()

    return world


def test_each_relapse_doubles_the_hold_up_to_eight_times() -> None:
    """Escalating within 300 s of a step down: 120, 240, 480, 960, 960 s of calm before a round."""
    run = loop(per_tick=(0, 10, 0))
    run.world = flapping(run)
    run.run(5000)
    up = [step.tick for step in run.steps if step.after is SOFT]
    begun = [at for at, _ in rounds(run)]
    waited = [at - entered - 1 for entered, at in zip(up, begun, strict=False)]
    assert waited[:5] == [120, 240, 480, 960, 960]


def test_an_escalation_after_the_probation_is_no_relapse() -> None:
    """301 s after stepping down the hold is what it was."""
    first = during(range(100, 110), normal=FAILING)
    run = loop(first)
    run.until(SOFT)
    down = run.until(NORMAL)
    run.world = during(range(down + 302, down + 400), normal=Health(failing=1.0))
    run.until(SOFT)
    assert memory(run)["multiplier"] == 1


def test_a_relapse_doubles_the_hold_once_however_far_it_climbs() -> None:
    """Back in normal everything fails at once: three rungs up, one doubling."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    run.until(NORMAL)
    again = run.now.tick + 10
    run.world = during(range(again, again + 200), **EVERY_MODE_FAILING)
    run.until(EMERGENCY)
    assert memory(run)["multiplier"] == 2


def test_the_multiplier_is_forgiven_after_twice_the_hold_in_normal() -> None:
    """Back to 1 after 2 x 120 s x 2 in normal, and not a tick earlier."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    down = run.until(NORMAL)
    run.world = during(range(down + 1, down + 10), normal=Health(failing=1.0))
    run.until(SOFT)
    assert memory(run)["multiplier"] == 2
    back = run.until(NORMAL)
    run.run(479)
    assert (run.now.tick, memory(run)["multiplier"]) == (back + 479, 2)
    run.run(1)
    assert memory(run)["multiplier"] == 1


# --- silence ------------------------------------------------------------------------------


def test_silence_moves_nothing() -> None:
    """Soft, then nobody calls for an hour: still soft, and no round."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    run.per_tick = (0, 0, 0)
    run.run(3600)
    assert run.now.mode is SOFT
    assert rounds(run) == []


def test_calls_that_finish_after_the_last_request_do_not_begin_a_round() -> None:
    """Traffic stops while thirty calls are in flight: their answers are calm, but no traffic."""
    controller = Controller(make_policy())
    controller.step(tick(0, served(overloaded=20)))
    controller.step(tick(1, served(SOFT, started=30), offered=30))
    late = served(SOFT, started=0, latencies=[1.0] * 30)
    controller.step(tick(2))
    for index in range(3, 400):
        decision = controller.step(tick(index, *([late] if index == 5 else [])))
        assert decision.mix == (0.0, 1.0, 0.0, 0.0)


def test_no_round_begins_while_nobody_called_for_a_minute() -> None:
    """Calm was seen, then the traffic stops before the hold is over: nothing to probe with."""
    run = loop(during(range(100, 110), normal=FAILING))
    run.until(SOFT)
    run.run(30)
    run.per_tick = (0, 0, 0)
    run.run(600)
    assert rounds(run) == []
    run.per_tick = (0, 10, 0)
    run.run(2)
    assert len(rounds(run)) == 1


def test_an_alert_expires_in_silence() -> None:
    """It asks for hard for 60 ticks and nobody calls: the mode stays, the floor is gone."""
    run = loop(per_tick=(0, 0, 0), alerts={0: (Alert("a", 0, HARD, lifetime_ticks=60),)}).run(300)
    assert run.now.mode is HARD
    run.per_tick = (0, 10, 0)
    run.run(10)
    assert rounds(run)[0][1] is SOFT


def test_an_override_expires_in_silence() -> None:
    """From its end on the law decides again, which in silence is to stay."""
    controller = Controller(make_policy())
    controller.step(tick(0, overrides=(Override(0, 60, EMERGENCY, "drill"),)))
    controller.step(tick(59))
    assert controller.state()["memory"]["order"] is not None  # type: ignore[index]
    controller.step(tick(60))
    assert controller.state()["memory"]["order"] is None  # type: ignore[index]


# --- orders -------------------------------------------------------------------------------


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


# --- reasons and limits -------------------------------------------------------------------


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


# --- whole faults -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "health"),
    [
        ("latency", Health(latency_s=6.0)),
        ("errors", Health(failing=0.4)),
        ("hang", Health(hangs=True)),
        ("cost", Health(nano_usd=4_000_000)),
    ],
)
def test_a_fault_of_one_model_costs_two_transitions(name: str, health: Health) -> None:
    """Up within ten seconds, no flapping, and back in normal within 200 s of its end."""
    run = loop(during(FAULT, normal=health)).run(1500)
    assert run.path == [SOFT, NORMAL], name
    assert run.steps[0].tick - 100 < 10
    assert 0 < run.steps[1].tick - 700 < 200
