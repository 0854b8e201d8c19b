"""The law in a closed loop: what it leaves, what it comes back to, and what it takes back."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.core.policy import Rule
from tests.core.builders import STRATEGIES, served, table, tick
from tests.core.loop import Health, Step, always, during
from tests.core.mildest.rungs import (
    EMERGENCY,
    FAILING,
    FAULT,
    HARD,
    NORMAL,
    SLOW,
    SOFT,
    loop,
    memory,
    mildest,
    probes,
)

BROKEN = Health(failing=1.0)
ALL_SLOW = {mode.label: SLOW for mode in Mode}
ALL_FAILING = {mode.label: FAILING for mode in Mode}
NO_SHEDDING = (*STRATEGIES[:3], replace(STRATEGIES[3], shed=(0.0, 0.0, 0.0)))
ALL_SHED = (*STRATEGIES[:3], replace(STRATEGIES[3], shed=(1.0, 1.0, 1.0)))
QUEUE = table("queue_depth", 50, 100, 200)

# --- leaving ------------------------------------------------------------------------------


def test_steady_healthy_traffic_never_leaves_normal() -> None:
    """Nor do four bad in a hundred where five are allowed."""
    assert loop(always(normal=Health(failing=0.04, slow=0.04))).run(3000).steps == []


def test_a_hang_is_seen_when_six_calls_have_passed_the_cut() -> None:
    """Ten a second, above two seconds: 2.5 s after the start."""
    run = loop(during(FAULT, normal=Health(hangs=True)))
    assert run.until(SOFT) == 102
    reason = run.now.reasons[0]
    assert reason.text == "soft: latency_p95: 10 of 10 above 2 s, 5.0% allowed"
    assert (reason.rule, reason.k, reason.n) == ("latency_p95 soft", 10, 10)
    assert reason.threshold == pytest.approx(2.0, rel=0.006)


def test_failures_are_counted_since_they_began_to_be_more() -> None:
    """12 of the first 30 after tick 100."""
    run = loop(during(FAULT, normal=FAILING))
    assert run.until(SOFT) == 102
    assert run.now.reasons[0].text == "soft: error_rate: 12 of 30 found no answer, 5.0% allowed"
    assert run.now.reasons[0].value == 0.4


def test_what_a_fallback_answers_does_not_drive_the_mode() -> None:
    """40 % of the attempts fail, and every one of them is followed by another model."""
    normal = replace(STRATEGIES[0], fallback_models=("small",))
    controller = Controller(mildest(strategies=(normal, *STRATEGIES[1:])))
    rescued = served(latencies=[1.0] * 4)._replace(model="small")
    for index in range(600):
        first = served(latencies=[1.0] * 6, overloaded=4)
        assert controller.step(tick(index, first, rescued, offered=10)).mode is NORMAL


def test_the_first_seconds_of_a_mode_are_no_evidence() -> None:
    """What fails fast finishes first: nothing is judged before the mode has settled."""
    controller = Controller(mildest())
    modes = [controller.step(tick(i, served(overloaded=20))).mode for i in range(11)]
    assert modes == [NORMAL] * 10 + [SOFT]


def test_a_mode_of_the_same_models_is_no_answer_to_their_errors() -> None:
    """Soft, hard and emergency all call the sibling: what fails in soft would fail there."""
    world = during(FAULT, normal=BROKEN, soft=FAILING, hard=FAILING, emergency=FAILING)
    assert loop(world).run(500).path == [SOFT]


def test_slow_answers_of_one_mode_may_be_quick_in_the_next() -> None:
    """Soft is as slow as normal; hard is not."""
    run = loop(during(FAULT, normal=SLOW, soft=SLOW)).run(400)
    assert run.steps == [Step(100, NORMAL, SOFT), Step(111, SOFT, HARD)]


def test_refusals_by_quota_shed_nobody() -> None:
    """So many are answered as the quota allows, whoever else is sent away."""
    full = Health(failing=0.9, kind="quota_minute")
    world = during(FAULT, **{mode.label: full for mode in (NORMAL, SOFT, HARD)})
    run = loop(world).run(300)
    assert run.path == [SOFT, NORMAL]
    assert run.now.admit == (1.0, 1.0, 1.0)


def test_slow_answers_at_the_usual_load_do_not_shed() -> None:
    """The upstream is slow by itself; refusing users would not make it quicker."""
    slower = during(FAULT, normal=SLOW, soft=SLOW, hard=Health(latency_s=11.0))
    run = loop(slower)
    run.until(EMERGENCY)
    assert run.now.admit == (1.0, 1.0, 1.0)


def test_slow_answers_under_more_load_than_the_policy_is_meant_for_shed() -> None:
    """Twice the baseline's requests. Losing half of the users must still be the lesser evil."""
    failing = Health(latency_s=11.0, failing=0.4)
    world = during(FAULT, normal=failing, soft=failing, hard=failing)
    run = loop(world, per_tick=(0, 20, 0))
    run.until(EMERGENCY)
    assert run.now.admit == (0.0, 0.5, 1.0)


def test_slow_answers_for_a_while_at_the_usual_load_do_not_shed() -> None:
    """Rules that mean a span of time ask no less than others whether there is load."""
    rules = table("latency_p95", 2.0, 5.0, 10.0, sustained_s=5.0)
    slow = Health(latency_s=11.0)
    run = loop(during(FAULT, normal=slow, soft=slow, hard=slow), mildest(rules))
    run.until(EMERGENCY)
    assert run.now.admit == (1.0, 1.0, 1.0)


def test_without_a_baseline_slow_answers_count_as_load() -> None:
    """Nothing says what load is usual."""
    failing = Health(latency_s=11.0, failing=0.4)
    world = during(FAULT, normal=failing, soft=failing, hard=failing)
    run = loop(world, mildest(baseline=None))
    run.until(EMERGENCY)
    assert run.now.admit == (0.0, 0.5, 1.0)


def test_late_first_tokens_are_a_rule_of_their_own() -> None:
    """Above 1 s in more than 5 %."""
    run = loop(during(FAULT, normal=Health(latency_s=3.0)), mildest(table("ttft_p95", 1.0)))
    assert run.until(SOFT) == 100
    assert run.now.reasons[0].text == "soft: ttft_p95: 10 of 10 above 1 s, 5.0% allowed"


def test_cost_is_judged_by_what_was_settled_in_a_minute_or_more() -> None:
    """$0.004 a call at 10/s is $144/h; a minute of which a third was so is above $50/h."""
    run = loop(during(range(100, 2000), normal=Health(nano_usd=4_000_000)))
    assert run.until(SOFT) == 119
    assert run.now.reasons[0].text == "soft: token_cost_per_hour $72.00/h > $50.00/h (600 requests)"


def test_cost_climbs_no_higher_than_its_rules_ask() -> None:
    """Soft costs less than the threshold of hard."""
    world = during(FAULT, **{mode.label: Health(nano_usd=2_400_000) for mode in Mode})
    assert loop(world).run(500).path == [SOFT]


def test_tokens_are_judged_as_cost_is() -> None:
    """Above a rate of tokens a minute."""
    controller = Controller(mildest(table("tokens_per_minute", 1000)))
    entry = served(latencies=[1.0], tokens=100)
    modes = [controller.step(tick(index, entry)).mode for index in range(100)]
    assert modes.index(SOFT) == 59


def test_a_gauge_means_what_it_says() -> None:
    """One reading above the threshold is enough, once the mode has settled."""
    run = loop(policy=mildest(QUEUE), gauges=lambda t: {"waiting": 101 if t >= 100 else 0})
    assert run.run(130).steps == [Step(100, NORMAL, SOFT), Step(111, SOFT, HARD)]
    assert run.texts[0] == "soft: queue_depth 101 > 50"


def test_a_sustained_rule_waits_until_it_was_true_on_every_tick_for_so_long() -> None:
    """Alert sentences mean what they say: thirty ticks in a row, of which the first is 109."""
    rules = (Rule(name="errors", signal="error_rate", level=SOFT, threshold=0.05, sustained_s=30),)
    run = loop(during(FAULT, normal=FAILING), mildest(rules))
    assert run.until(SOFT) == 109 + 29
    assert run.now.reasons[0].text.startswith("soft: error_rate ")


def test_a_sustained_rule_about_what_cannot_be_measured_says_so() -> None:
    """A first token's percentile is counted and never estimated."""
    rules = (Rule(name="slow", signal="ttft_p95", level=SOFT, threshold=1.0, sustained_s=10),)
    run = loop(during(FAULT, normal=Health(latency_s=3.0)), mildest(rules))
    run.until(SOFT)
    assert run.now.reasons[0].text == "soft: ttft_p95 > 1 s (600 requests)"


def test_a_rule_that_jumps_enters_its_level_at_once() -> None:
    """Though the sibling's modes below are not known to be ill."""
    leap = Rule(name="leap", signal="error_rate", level=HARD, threshold=0.3, jump=True)
    run = loop(during(FAULT, normal=BROKEN), mildest((leap,))).run(150)
    assert run.path == [HARD]


def test_a_literal_rule_that_leads_nowhere_changes_nothing() -> None:
    """Every mode above is known to be ill, and the gauge stays."""
    world = during(range(100, 3000), **ALL_FAILING)
    rules = (*table("error_rate", 0.05, 0.1, 0.2), *QUEUE)
    run = loop(world, mildest(rules), gauges=lambda t: {"waiting": 300 if t > 200 else 0})
    run.run(600)
    assert run.path[:2] == [SOFT, NORMAL]
    assert run.now.mode is NORMAL


# --- coming back --------------------------------------------------------------------------


def test_it_comes_back_by_a_probe_whose_share_widens_to_the_whole() -> None:
    """15 requests in half a minute of ten a second are 5 %; then four times as many, then all."""
    run = loop(during(range(100, 200), normal=SLOW))
    run.until(SOFT)
    assert run.until(NORMAL) == 266
    shares = [text.partition("with ")[2] for _, text in probes(run)]
    assert [share.split()[0] for share in shares] == ["5.0%", "20.0%", "100.0%"]
    assert run.now.reasons[0].kind == "passed"
    assert run.now.reasons[0].text.startswith("normal: probe passed; latency_p95: 0 of ")


def test_a_probe_is_refused_after_two_bad_requests() -> None:
    """And the next one begins a hold later."""
    run = loop(during(FAULT, normal=SLOW)).run(500)
    refused = [text for text in run.texts if "failed at 5.0%" in text]
    assert refused[0] == "soft: probe of normal failed at 5.0%: latency_p95: 2 of 2 above 2 s"
    begun = [at for at, _ in probes(run)]
    assert all(later - earlier >= 120 for earlier, later in pairwise(begun))


def test_a_relapse_doubles_the_time_that_a_mode_is_left_alone() -> None:
    """Half a minute of every 400 s is ill; the second time not all is given back at once."""
    run = loop(lambda t, m: SLOW if m is NORMAL and (t + 300) % 400 < 30 else Health()).run(3000)
    left = [step.tick for step in run.steps if step.after is SOFT]
    back = [step.tick for step in run.steps if step.after is NORMAL]
    away = [there - here for here, there in zip(left, back, strict=False)]
    assert left[:2] == [100, 500]
    assert away[1] - away[0] > 240


def test_a_cost_that_would_be_too_high_refuses_a_probe() -> None:
    """Soft is cheap, so its own cost says nothing; less than a tenth of the calls could be paid."""
    run = loop(during(range(100, 2000), normal=Health(nano_usd=4_000_000))).run(1500)
    assert run.path == [SOFT]
    assert any("token_cost_per_hour would be $144/h > $40.00/h" in text for text in run.texts)


def test_as_many_are_served_in_a_dear_mode_as_the_limit_pays_for() -> None:
    """Of $60/h in normal and $36/h in soft, $40/h pays for a sixth in normal."""
    run = loop(during(range(100, 4000), normal=Health(nano_usd=1_666_667))).run(3000)
    assert run.path == [SOFT]
    assert run.now.mixes[1][NORMAL] == pytest.approx(1 / 6, abs=0.01)
    assert run.now.reasons[0].text.startswith("soft: room for normal with 16.7%")


def test_a_share_that_is_kept_follows_the_number_of_requests() -> None:
    """Four fifths: $48/h in normal, $28.80/h in soft. Half: $30/h, below the exit threshold."""
    run = loop(during(range(100, 9000), normal=Health(nano_usd=1_666_667))).run(1000)
    run.per_tick = (0, 8, 0)
    assert run.run(1000).now.mixes[1][NORMAL] == pytest.approx(0.58, abs=0.03)
    run.per_tick = (0, 10, 0)
    assert run.run(600).now.mixes[1][NORMAL] == pytest.approx(1 / 6, abs=0.02)
    run.per_tick = (0, 5, 0)
    run.until(NORMAL)
    assert run.now.reasons[0].kind == "passed"


def test_a_share_that_is_kept_ends_when_its_users_fare_badly() -> None:
    """Held to the tests by which a mode is left."""
    dear = during(range(100, 9000), normal=Health(nano_usd=1_666_667))
    run = loop(lambda t, m: BROKEN if m is NORMAL and t >= 1000 else dear(t, m)).run(1020)
    assert run.now.mixes[1][NORMAL] == 0.0
    assert run.now.reasons[0].text.startswith("soft: probe of normal failed at 16")


def test_a_wider_share_that_fails_is_given_up_for_the_one_that_held() -> None:
    """Normal takes four in ten: 20 % hold, all do not, and what lies between is searched."""

    def crowded(at: int, mode: Mode) -> Health:
        share = run.now.mixes[1][NORMAL] if run.decisions else 1.0
        return SLOW if mode is NORMAL and 100 <= at < 6000 and share > 0.4 else Health()

    run = loop(crowded)
    run.until(SOFT)
    run.run(2000)
    assert run.path == [SOFT]
    assert 0.2 <= run.now.mixes[1][NORMAL] <= 0.4
    assert any(text.startswith("soft: room for normal with 20.0%") for text in run.texts)
    assert run.until(NORMAL) < 8000


def test_a_probe_whose_calls_have_not_ended_says_nothing_of_their_cost() -> None:
    """Normal was too dear; now it hangs, which no rule of this policy is about."""
    dear, hangs = Health(nano_usd=4_000_000), Health(hangs=True)
    run = loop(
        lambda t, m: (dear if t < 200 else hangs) if m is NORMAL and t >= 100 else Health(),
        mildest(table("token_cost_per_hour", 50.0)),
    ).run(500)
    assert run.path == [SOFT]
    assert memory(run)["probe"]["target"] == NORMAL


def test_tokens_that_would_be_too_many_refuse_a_probe() -> None:
    """By requests a minute and tokens a request."""
    controller = Controller(mildest(table("tokens_per_minute", 10_000)))
    texts = set()
    for index in range(600):
        shares = controller.decision.mix if controller.decision else (1.0, 0.0, 0.0, 0.0)
        entries = [
            served(mode, latencies=[1.0] * 5, tokens=5000 if mode is NORMAL else 100)
            for mode in Mode
            if shares[mode] > 0
        ]
        texts |= {reason.text for reason in controller.step(tick(index, *entries)).reasons}
    assert any("tokens_per_minute would be " in text for text in texts)


def test_a_gauge_above_its_threshold_refuses_a_probe() -> None:
    """What sent the law away is still there."""
    run = loop(policy=mildest(QUEUE), gauges=lambda t: {"waiting": 60 if t >= 100 else 0})
    run.run(400)
    assert run.path == [SOFT]
    assert "soft: probe of normal failed at 5.0%: queue_depth 60 > 50" in run.texts


def test_without_a_rule_that_counts_a_probe_takes_a_dozen_requests() -> None:
    """The queue has emptied; twelve calls of each share are served."""
    gauges = {"waiting": 60}
    run = loop(policy=mildest(QUEUE), gauges=lambda t: gauges if 100 <= t < 150 else {})
    assert run.until(SOFT) == 100
    assert 220 < run.until(NORMAL) < 400


def test_a_few_requests_a_minute_are_probed_with_all_of_them() -> None:
    """Three a minute: found after six, back within sixty of the end."""
    run = loop(during(range(2000, 6000), normal=Health(hangs=True)), per_tick=(0, 0.05, 0))
    assert run.until(SOFT) < 2000 + 7 * 20 + 3
    assert any("with 100.0% of requests" in text for _, text in probes(run.run(2000)))
    assert run.until(NORMAL) < 6000 + 60 * 20


def test_some_requests_a_second_are_probed_with_half_of_them() -> None:
    """Above one in three seconds never all of them at once."""
    run = loop(during(range(500, 900), normal=SLOW), per_tick=(0, 0.4, 0)).run(1500)
    assert probes(run)[0][1].endswith("with 50.0% of requests")


def test_silence_moves_nothing_and_begins_nothing() -> None:
    """Hours without a request, in soft."""
    run = loop(during(range(100, 130), normal=SLOW)).run(130)
    run.per_tick = (0, 0, 0)
    assert run.run(5000).path == [SOFT]
    assert [text for at, text in probes(run) if at > 130] == []


def test_a_probe_of_which_nothing_is_heard_ends() -> None:
    """Traffic stops while it is under way."""
    run = loop(during(range(100, 130), normal=SLOW)).run(235)
    assert memory(run)["probe"]["target"] == NORMAL
    run.per_tick = (0, 0, 0)
    run.run(4000)
    assert memory(run)["probe"]["target"] is None
    assert run.now.reasons[0].text == "soft: probe of normal ended, nothing was served in it"


# --- where little helps -------------------------------------------------------------------


def test_a_sibling_that_is_gone_is_left_again() -> None:
    """Normal fails for a minute; soft fails altogether, so normal's failures are the lesser."""
    world = during(range(5000), soft=BROKEN, hard=BROKEN, emergency=BROKEN)
    blip = range(100, 160)
    run = loop(lambda t, m: FAILING if m is NORMAL and t in blip else world(t, m)).run(3000)
    assert run.steps == [Step(102, NORMAL, SOFT), Step(113, SOFT, NORMAL)]
    assert run.now.reasons[0].text == "normal: no mode that was tried is better; next try in 15 min"


def test_where_all_are_ill_alike_it_stays_in_normal_and_tries_again_ever_more_seldom() -> None:
    """After 15 minutes, then 30."""
    run = loop(during(range(100, 5000), **ALL_FAILING)).run(3000)
    assert run.path == [SOFT, NORMAL] * 3
    tries = [step.tick for step in run.steps if step.after is SOFT]
    assert [later - earlier for earlier, later in pairwise(tries)] == [
        917,
        1817,
    ]


def test_where_all_are_slow_alike_every_mode_is_tried_once_and_normal_is_kept() -> None:
    """Emergency is no better: it does not absorb."""
    run = loop(during(range(100, 5000), **ALL_SLOW), mildest(strategies=NO_SHEDDING)).run(1000)
    assert run.path == [SOFT, HARD, EMERGENCY, NORMAL]
    assert "emergency: hard is no better than normal was" in run.texts


def test_a_mode_that_would_shed_more_than_slowness_costs_is_not_tried() -> None:
    """Twice the usual load, slow in every mode: emergency would turn half of the users away."""
    rules = table("latency_p95", 2.0, 5.0, 10.0)
    run = loop(during(range(100, 5000), **ALL_SLOW), mildest(rules), per_tick=(0, 20, 0)).run(600)
    assert run.path == [SOFT, HARD, NORMAL]


def test_what_is_as_bad_as_it_can_be_is_said_once() -> None:
    """Nothing is answered in time by any mode: one reason holds until the next try."""
    rules = table("latency_p95", 2.0, 5.0, 10.0)
    run = loop(during(range(100, 5000), **ALL_SLOW), mildest(rules)).run(900)
    assert run.path == [SOFT, HARD, EMERGENCY, NORMAL]
    assert sum("no mode that was tried" in text for text in run.texts) == 1


def test_models_that_are_ill_in_turns_are_followed() -> None:
    """Five minutes each: always within seconds on the healthy one."""

    def in_turns(at: int, mode: Mode) -> Health:
        first = (at - 100) // 300 % 2 == 0
        return Health(failing=0.8) if 100 <= at < 3700 and first == (mode is NORMAL) else Health()

    run = loop(in_turns).run(3700)
    assert run.path == [SOFT, NORMAL] * 6
    assert all((step.tick - 100) % 300 <= 2 for step in run.steps)


def test_when_the_least_bad_becomes_worse_another_one_may_be_better() -> None:
    """Both fail; then normal fails altogether while soft still answers most."""
    world = during(range(100, 4000), **ALL_FAILING)
    run = loop(lambda t, m: BROKEN if m is NORMAL and t >= 300 else world(t, m)).run(400)
    assert run.path == [SOFT, NORMAL, SOFT]
    assert run.now.reasons[0].text.startswith("soft: no mode that was tried is better; next try in")


def test_a_lock_ends_when_the_mode_is_well_again() -> None:
    """Sixty good requests, and a fault that comes later is answered at once."""
    both = during(range(100, 300), **ALL_FAILING)
    run = loop(lambda t, m: BROKEN if m is NORMAL and t >= 600 else both(t, m)).run(590)
    assert memory(run)["lock"]["until"] is None
    assert run.until(SOFT) == 600


def test_time_in_normal_lets_what_is_remembered_fade() -> None:
    """The hold that doubled is single again, and so is the time until the next try."""
    run = loop(during(range(100, 300), **ALL_FAILING)).run(500)
    assert (memory(run)["lock"]["times"], memory(run)["ill"]["times"]) == (1, [1, 1, 0, 0])
    run.run(16_000)
    assert (memory(run)["lock"]["times"], memory(run)["ill"]["times"]) == (0, [0, 0, 0, 0])


def test_whom_a_mode_sheds_its_probes_serve_first() -> None:
    """Half of the normal ones are shed. A whole probe refuses nobody, a share its part fewer."""
    rules = (*table("error_rate", 0.05, 0.1, 0.2), *QUEUE)
    gauges = {"waiting": 300}
    run = loop(
        policy=mildest(rules),
        per_tick=(0, 20, 0),
        gauges=lambda t: gauges if 100 <= t < 160 else {},
    )
    run.until(EMERGENCY)
    assert run.now.admit == (0.0, 0.5, 1.0)
    shares = {}
    for _ in range(600):
        run.run(1)
        mix, admit = run.now.mixes[1], run.now.admit[1]
        if run.now.mode is EMERGENCY and mix[EMERGENCY] < 1.0:
            shares[round((1.0 - mix[EMERGENCY]) * admit, 4)] = round(admit, 4)
    assert len(shares) > 1
    assert shares == {share: round(share + (1.0 - share) * 0.5, 4) for share in shares}
    assert shares[1.0] == 1.0


def test_where_everything_is_shed_a_probe_lets_a_share_in() -> None:
    """Nothing is served in emergency, so nothing could be learnt from it."""
    full = Health(failing=1.0, kind="quota_minute")
    world = during(range(100, 160), **{mode.label: full for mode in Mode})
    rules = (*table("error_rate", 0.05, 0.1, 0.2), *QUEUE)
    gauges = {"waiting": 300}
    run = loop(
        world,
        mildest(rules, strategies=ALL_SHED),
        gauges=lambda t: gauges if 100 <= t < 160 else {},
    )
    run.until(EMERGENCY)
    assert run.now.admit == (0.0, 0.0, 0.0)
    run.until(NORMAL)
    assert run.now.admit == (1.0, 1.0, 1.0)


def test_no_requests_at_all_shed_nobody() -> None:
    """A queue that is long before the first request was seen."""
    controller = Controller(mildest(QUEUE))
    for index in range(40):
        decision = controller.step(Observations(index, waiting=300))
    assert decision.mode is EMERGENCY


# --- memory -------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [50, 105, 118, 240, 300, 330, 400, 1200])
def test_a_law_that_was_saved_at_any_time_goes_on_as_if_it_had_not_been(stop: int) -> None:
    """In normal, in soft, locked, in a probe and at every share of it."""
    world = during(range(100, 200), normal=SLOW, **({"soft": SLOW} if stop == 118 else {}))
    slow = during(range(100, 900), **ALL_SLOW)
    failing = during(range(100, 900), **ALL_FAILING)
    for chosen in (world, slow, failing):
        whole, halved = loop(chosen), loop(chosen)
        whole.run(1400)
        halved.run(stop)
        saved = json.loads(json.dumps(halved.controller.state(), allow_nan=False))
        halved.controller = Controller.restore(mildest(), saved)
        halved.run(1400 - stop)
        assert halved.decisions == whole.decisions
        assert halved.controller.state() == whole.controller.state()
