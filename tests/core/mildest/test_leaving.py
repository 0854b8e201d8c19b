"""What the law leaves, where it goes then, and when it sheds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.policy import Rule
from tests.core.builders import STRATEGIES, served, table, tick
from tests.core.loop import Health, Step, always, during
from tests.core.mildest.rungs import (
    ALL_FAILING,
    BROKEN,
    EMERGENCY,
    FAILING,
    FAULT,
    HARD,
    NORMAL,
    QUEUE,
    SLOW,
    SOFT,
    loop,
    mildest,
)


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
