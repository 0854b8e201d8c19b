"""Whether a policy fits its traffic: what healthy traffic crosses, and what would fit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

import pytest

from balancer.core.controller import Controller
from balancer.core.fit import Traffic, findings, fitted
from balancer.core.histogram import EMPTY, Histogram
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.core.policy import Policy, Rule
from balancer.core.stretches import Stretch, Stretches

from .builders import DEFAULT_RULES, make_policy, served, table, tick
from .steady import DOLLAR_CENT, steady

P95_S = math.exp(0.6 * 1.645)
"""Of the steady traffic, whose median is a second."""
INCIDENT = range(3600, 5400)


def mildest(*rules: Rule) -> Policy:
    """A policy under the law that is right on quiet traffic."""
    return make_policy(rules or DEFAULT_RULES, law="mildest")


def traffic(ticks: Iterable[Observations], policy: Policy | None = None) -> Traffic:
    """What can be judged of some ticks."""
    policy = policy or mildest()
    stretches = Stretches(policy)
    for observations in ticks:
        stretches.observe(observations)
    return Traffic(stretches.closed, policy)


@cache
def calm() -> Traffic:
    """Two requests a second: P95 2.7 s, $72 an hour, 240,000 tokens a minute."""
    return traffic(steady(2.0, 1.5))


def texts(policy: Policy, seen: Traffic) -> list[str]:
    """Of all findings."""
    return [finding.text for finding in findings(policy, seen)]


def refitted(policy: Policy, seen: Traffic) -> Policy:
    """The policy with thresholds that fit."""
    found = fitted(policy, seen)
    rules = [replace(rule, threshold=found.get(rule.name, rule.threshold)) for rule in policy.rules]
    return replace(policy, rules=tuple(rules))


def slower_during(ticks: range, factor: float) -> Callable[[int], float]:
    """Calls that begin in some ticks are slower."""
    return lambda index: factor if index in ticks else 1.0


def test_a_policy_that_fits_has_no_findings() -> None:
    """Neither crossed nor out of reach."""
    rules = (*table("latency_p95", 4.0, 8.0), *table("token_cost_per_hour", 120.0, 240.0))
    assert texts(mildest(*rules), calm()) == []


def test_a_crossed_threshold_is_said_with_what_would_fit() -> None:
    """Worse modes keep their ratio, and are named where they are crossed as well."""
    assert texts(mildest(*table("latency_p95", 1.5, 2.0, 9.0)), calm()) == [
        "latency_p95 is 2.72 s where nothing is wrong, the threshold of soft is 1.5 s; "
        "3.5 s would fit",
        "latency_p95 is 2.72 s where nothing is wrong, the threshold of hard is 2 s; "
        "4.67 s would fit",
    ]


def test_a_threshold_that_no_fault_would_reach_is_said() -> None:
    """The lowest of a signal alone: worse modes are meant to be far."""
    rules = (
        *table("latency_p95", 15.0, 99.0),
        *table("ttft_p95", 9.0),
        *table("token_cost_per_hour", 300.0),
        *table("tokens_per_minute", 900_000.0),
        *table("error_rate", 0.45),
    )
    assert texts(mildest(*rules), calm()) == [
        "latency_p95 is 2.72 s where nothing is wrong, answers five times as slow would not reach "
        "the threshold of soft, 15 s; 3.5 s would fit",
        "ttft_p95 is 0.681 s where nothing is wrong, answers five times as slow would not reach "
        "the threshold of soft, 9 s; 0.86 s would fit",
        "token_cost_per_hour is $75.78/h where nothing is wrong, three times as much would not "
        "reach the threshold of soft, $300/h; $120/h would fit",
        "tokens_per_minute is 250,000 tokens/min where nothing is wrong, three times as much would "
        "not reach the threshold of soft, 900,000 tokens/min; 380,000 tokens/min would fit",
        "error_rate is 0.000% where nothing is wrong, four failures in ten would not reach the "
        "threshold of soft, 45.0%; 2.0% would fit",
    ]


def test_too_few_calls_to_say_what_would_fit_is_said() -> None:
    """Of a P99 more are needed; that it is crossed can be said all the same."""
    seen = traffic(steady(0.1, 1.2), mildest())
    rules = table("latency_p99", 1.0)
    (found,) = findings(mildest(*rules), seen)
    assert found.text.endswith("there is too little evidence to say what would fit")
    with pytest.raises(ValueError, match=r"latency_p99: \d+ samples .* expected 536 or more"):
        fitted(mildest(*rules), seen)
    assert findings(mildest(*table("latency_p99", 900.0)), seen) == ()


def test_dear_traffic_crosses_a_threshold_of_cost() -> None:
    """In the mean, or in more than a tenth of its stretches."""
    crossed = texts(mildest(*table("token_cost_per_hour", 60.0)), calm())
    assert crossed == [
        "token_cost_per_hour is $72.43/h where nothing is wrong, the threshold of soft is "
        "$60.00/h; $120/h would fit"
    ]
    quiet = Stretch(
        ticks=300, started=300, answered=300, nano_usd=300 * DOLLAR_CENT, nano_squared=10**16
    )
    busy = quiet._replace(nano_usd=500 * DOLLAR_CENT)
    policy = mildest(*table("token_cost_per_hour", 50.0))
    (found,) = findings(policy, Traffic([quiet] * 9 + [busy] * 4, policy))
    assert found.seen == pytest.approx(60.0)
    assert findings(policy, Traffic([quiet] * 12 + [busy], policy)) == ()


def test_one_busy_stretch_in_ten_may_be_slow() -> None:
    """It is at the edge of something; three in thirteen are the traffic's own."""

    def part(*latencies: float) -> Stretch:
        seen = Histogram.of(latencies)
        return Stretch(ticks=300, started=300, answered=300, latency=seen, answers=seen)

    quick, slow = part(*[1.0] * 294, *[3.0] * 6), part(*[1.0] * 260, *[1.9] * 40)
    policy = mildest(*table("latency_p95", 1.5, 9.0))
    assert findings(policy, Traffic([quick] * 12 + [slow], policy)) == ()
    (found,) = findings(policy, Traffic([quick] * 10 + [slow] * 3, policy))
    assert found.seen == pytest.approx(1.9, rel=0.01)
    assert fitted(policy, Traffic([quick] * 10 + [slow] * 3, policy))["latency_p95 soft"] == 2.0


def test_errors_are_raised_and_never_lowered() -> None:
    """What is borne is the owner's business, unless healthy traffic has more."""
    assert fitted(mildest(*table("error_rate", 0.01, 0.02)), calm()) == {}
    failing = traffic(steady(2.0, 1.5, failing=0.04))
    found = fitted(mildest(*table("error_rate", 0.03, 0.5)), failing)
    assert found == {"error_rate soft": 0.091, "error_rate hard": 0.764}


def test_a_burn_rate_is_judged_by_its_error_budget() -> None:
    """Of 1 % a burn of two is 2 % failing."""
    failing = traffic(steady(2.0, 1.5, failing=0.04))
    rule = Rule(name="burn", signal="burn_rate", level=Mode.SOFT, threshold=2.0, objective=0.99)
    assert texts(mildest(rule), failing) == [
        "burn_rate is 4.17x where nothing is wrong, the threshold of soft is 2x; 9.1x would fit"
    ]


RETRIED = Stretch(
    ticks=1800,
    started=700,
    answered=600,
    failed=100,
    latency=Histogram.of([1.0] * 600 + [5.0] * 60),
    answers=Histogram.of([1.0] * 580 + [6.0] * 20),
    losses=Histogram.of([0.1] * 30),
)
"""Sixty calls in 660 timed out at 5 s and were retried: twenty answers in 600 came late for that.
Forty more calls failed at once, thirty of them for good."""


@pytest.mark.parametrize(
    ("rule", "by_calls", "by_requests"),
    [
        (table("latency_p95", 2.0)[0], 5.0, None),
        (table("error_rate", 0.03)[0], 1 / 7, 30 / 630),
        (table("error_rate", 0.06)[0], 1 / 7, None),
        (replace(table("error_rate", 0.06)[0], sustained_s=60.0), 1 / 7, 1 / 7),
        (replace(table("latency_p95", 2.0)[0], sustained_s=60.0), 5.0, 5.0),
        (replace(table("burn_rate", 6.0)[0], objective=0.99), 100 / 7, 100 / 7),
    ],
    ids=["late", "failed", "absorbed", "sustained errors", "sustained", "burn rate"],
)
def test_a_policy_is_held_to_what_its_law_counts(
    rule: Rule, by_calls: float, by_requests: float | None
) -> None:
    """Requests under `mildest`, for rules that it takes for a share of them; calls otherwise."""

    def seen(policy: Policy) -> float | None:
        found = findings(policy, Traffic([RETRIED] * 4, policy))
        return found[0].seen if found else None

    assert seen(make_policy((rule,))) == pytest.approx(by_calls, rel=0.01)
    expected = None if by_requests is None else pytest.approx(by_requests, rel=0.01)
    assert seen(mildest(rule)) == expected


def test_a_request_that_fails_late_is_late() -> None:
    """One that fails before the threshold is neither late nor in time."""
    quick = RETRIED._replace(answers=Histogram.of([1.0] * 570), losses=Histogram.of([1.9] * 60))
    late = RETRIED._replace(answers=Histogram.of([1.0] * 570), losses=Histogram.of([3.0] * 60))
    policy = mildest(*table("latency_p95", 2.0))
    assert findings(policy, Traffic([quick] * 4, policy)) == ()
    (found,) = findings(policy, Traffic([late] * 4, policy))
    assert found.seen == pytest.approx(3.0, rel=0.01)
    assert found.fits == 3.8
    assert fitted(policy, Traffic([quick] * 4, policy)) == {"latency_p95 soft": 2.5}


def test_a_law_that_counts_requests_says_nothing_where_none_were_counted() -> None:
    """Calls alone are no evidence for it."""
    calls = RETRIED._replace(answers=EMPTY, losses=EMPTY)
    policy = mildest(*table("latency_p95", 0.1), *table("error_rate", 0.01))
    assert findings(policy, Traffic([calls] * 4, policy)) == ()
    assert fitted(policy, Traffic([calls] * 4, policy)) == {}


def test_what_was_not_seen_and_gauges_are_left_alone() -> None:
    """No latency, no first token, no cost but by chance."""
    part = Stretch(ticks=1800, started=600, answered=600)
    paid = part._replace(nano_usd=1)
    rules = (
        *table("queue_depth", 10.0),
        *table("memory", 0.9),
        *table("latency_p95", 1.0),
        *table("ttft_p95", 1.0),
        *table("token_cost_per_hour", 10.0),
        *table("tokens_per_minute", 10.0),
    )
    policy = mildest(*rules)
    seen = Traffic([part] * 4 + [paid], policy)
    assert findings(policy, seen) == ()
    assert fitted(policy, seen) == {}


@pytest.mark.parametrize(
    ("rate", "hours", "why"),
    [(2.0, 0.9, "too little"), (0.05, 1.2, "too little"), (0.1, 0.0, "too little")],
)
def test_too_little_is_not_judged(rate: float, hours: float, why: str) -> None:
    """An hour and four stretches are needed."""
    seen = traffic(steady(rate, hours))
    assert seen.missing.startswith(why)
    assert findings(mildest(*table("latency_p95", 0.1)), seen) == ()


def test_traffic_without_a_level_is_not_judged() -> None:
    """Where fewer than half of the stretches are alike."""
    parts = [
        Stretch(ticks=1800, started=600, answered=600, latency=Histogram.of([slow] * 600))
        for slow in (1.0, 1.0, 1.0)
    ]
    dear = [part._replace(nano_usd=9 * 10**9) for part in parts]
    failing = [part._replace(answered=400, failed=200) for part in parts]
    short = [part._replace(latency=Histogram.of([0.1] * 600)) for part in parts]
    slow = [part._replace(latency=Histogram.of([9.0] * 600)) for part in parts]
    policy = mildest()
    seen = Traffic([*dear, *failing, *short, *slow], policy)
    assert seen.missing.startswith("no steady traffic: only 3 of 12")
    assert Traffic(parts * 2, policy).missing == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "hours"),
    [(0.02, 12.0), (0.05, 6.0), (0.2, 3.0), (1.0, 2.0), (5.5, 2.0), (50.0, 2.0), (500.0, 2.0)],
)
@pytest.mark.parametrize("factor", [1.0, 5.0], ids=["calm", "incident"])
def test_what_fits_is_kept_by_other_traffic_of_the_kind(
    rate: float, hours: float, factor: float
) -> None:
    """At any rate, with half an hour of five times as slow in the journal or without.

    The fitted policy stays in normal, is not found to misfit, and its thresholds are close.
    """
    incident = slower_during(INCIDENT, factor)
    seen = traffic(steady(rate, hours, median_s=4.0, slower=incident, failing=0.005))
    assert seen.missing == ""
    policy = refitted(mildest(), seen)
    thresholds = {rule.name: rule.threshold for rule in policy.rules}
    assert 4.0 * P95_S < thresholds["latency_p95 soft"] < 4.0 * P95_S * 1.6
    assert thresholds["error_rate soft"] == 0.05
    assert 36.0 * rate < thresholds["token_cost_per_hour soft"] < 36.0 * rate * 2.5
    controller = Controller(policy)
    for observations in steady(rate, hours, 2, median_s=4.0, failing=0.005):
        assert controller.step(observations).mode is Mode.NORMAL
    assert controller.misfits == ()


@pytest.mark.parametrize("rate", [0.2, 5.5])
def test_a_fitted_policy_still_finds_what_is_wrong(rate: float) -> None:
    """Calls five times as slow."""
    policy = refitted(mildest(), traffic(steady(rate, 3.0)))
    controller = Controller(policy)
    ticks = steady(rate, 2.0, 3, slower=slower_during(range(3600, 7200), 5.0))
    modes = [controller.step(observations).mode for observations in ticks]
    assert set(modes[:3600]) == {Mode.NORMAL}
    assert Mode.SOFT in modes[3600:]


def test_a_controller_says_that_its_policy_does_not_fit() -> None:
    """After an hour, whatever it decides meanwhile; and it decides as without being asked."""
    policy = mildest(*table("latency_p95", 2.0, 5.0))
    asked, silent = Controller(policy), Controller(policy)
    first = None
    for observations in steady(2.0, 1.1):
        assert asked.step(observations) == silent.step(observations)
        if asked.misfits and first is None:
            first = observations.tick
    assert first is not None
    assert 3599 <= first < 3610
    assert [finding.rule.level for finding in asked.misfits] == [Mode.SOFT]
    assert asked.misfits == silent.misfits


def test_a_loose_threshold_is_no_matter_of_a_running_controller() -> None:
    """It harms nobody now."""
    controller = Controller(mildest(*table("latency_p95", 90.0)))
    for observations in steady(2.0, 1.05):
        controller.step(observations)
    assert controller.misfits == ()


def test_what_was_seen_outlives_a_restart_and_other_rules() -> None:
    """A restored controller says the same, and one with fitting thresholds nothing."""
    policy = mildest(*table("latency_p95", 2.0, 5.0))
    controller = Controller(policy)
    for observations in steady(2.0, 1.05):
        controller.step(observations)
    state = json.loads(json.dumps(controller.state()))
    assert Controller.restore(policy, state).misfits == controller.misfits
    better, _ = Controller.succeed(mildest(*table("latency_p95", 4.0, 8.0)), state)
    assert better.misfits == ()
    worse, _ = Controller.succeed(mildest(*table("latency_p95", 1.0, 8.0)), state)
    assert [finding.rule.threshold for finding in worse.misfits] == [1.0]


def test_a_controller_may_leave_it_unwatched() -> None:
    """It finds nothing, decides the same, and its state goes where one is watched, and back."""
    policy = make_policy()
    watched, unwatched = Controller(policy), Controller(policy, monitored=False)
    for index in range(50):
        seen = tick(index, served(latencies=[1.0, 3.0]))
        assert unwatched.step(seen) == watched.step(seen)
    assert unwatched.misfits == ()
    assert unwatched.state()["stretches"] is None
    assert Controller.restore(policy, unwatched.state()).decision == watched.decision
