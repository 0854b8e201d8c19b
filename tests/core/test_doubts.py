"""What is allowed in a policy but probably not wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balancer.core.doubts import doubts
from balancer.core.policy import Baseline, LadderSettings, Policy, Rule, Strategy
from tests.core.builders import CATALOG, STRATEGIES, make_policy, table

BASELINE = Baseline(
    workload="conversation",
    requests_per_s=5.0,
    prompt_tokens=1000.0,
    output_tokens=200.0,
    thinking_tokens=1000.0,
    latency_p95_s=1.0,
)
QUIET = replace(BASELINE, requests_per_s=1.0)


def test_a_policy_at_rest_below_its_thresholds_is_not_warned_of() -> None:
    """P95 of 1 s against 2 s, and $11.88 an hour against $50."""
    assert doubts(make_policy(baseline=QUIET)) == ()


def test_nothing_is_warned_of_without_a_baseline() -> None:
    """Nothing is known of what is at rest."""
    assert doubts(make_policy()) == ()


def test_a_latency_at_rest_near_its_threshold_is_warned_of() -> None:
    """Above 85 % of entry, chance alone will cross it."""
    near = replace(BASELINE, requests_per_s=1.0, latency_p95_s=1.8)
    assert doubts(make_policy(baseline=near)) == (
        "latency_p95 at rest on conversation is 1.8 s, above 85% of the lowest entry threshold "
        "2 s: the policy may leave normal without a fault",
    )


def test_a_cost_at_rest_above_the_exit_threshold_is_warned_of() -> None:
    """Brownouts could never end: $59.4 an hour against an exit of $56."""
    (found,) = doubts(make_policy(table("token_cost_per_hour", 70.0), baseline=BASELINE))
    assert found.startswith("token_cost_per_hour at rest on conversation is $59.40/h, above 80% of")


def test_a_baseline_without_a_latency_is_judged_by_cost_alone() -> None:
    """What is not declared is not guessed."""
    unknown = replace(BASELINE, requests_per_s=1.0, latency_p95_s=None)
    assert doubts(make_policy(table("latency_p95", 0.001), baseline=unknown)) == ()


def test_cost_at_rest_is_unknown_where_normal_leaves_the_model_to_the_caller() -> None:
    """Only the latency is judged then."""
    strategies = (Strategy(), *STRATEGIES[1:])
    assert doubts(make_policy(strategies=strategies, baseline=BASELINE)) == ()


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (table("latency_p95", 1.0), "latency_p95 at rest on conversation is 1 s, at or above"),
        (table("token_cost_per_hour", 50.0), "at rest on conversation is $59.40/h, at or above"),
        (table("tokens_per_minute", 600_000), "is 660,000 tokens/min, at or above"),
        (table("latency_p99", 0.9), "0.9 s is not above the P95 at rest, 1 s"),
    ],
)
def test_a_rule_that_fires_at_rest_is_told(rules: tuple[Rule, ...], told: str) -> None:
    """What is usual is beyond it, by the baseline alone: a journal may say otherwise."""
    (found,) = doubts(make_policy(rules, baseline=BASELINE))
    assert told in found and "fires where nothing is wrong, unless the baseline is too" in found
    assert "always" not in found and found.endswith("a journal tells: policy check --journal")


def timed(rules: tuple[Rule, ...], **normal: Any) -> tuple[str, ...]:
    """Doubts of a policy whose modes all have what normal has."""
    mode = Strategy(model="big", **normal)
    strategies = (mode, mode, mode, mode)
    return doubts(make_policy(rules, law="mildest", strategies=strategies))


def test_a_latency_beyond_all_timeouts_can_never_be_seen() -> None:
    """Three attempts of 60 s, and two waits of a minute."""
    (found,) = timed(table("latency_p95", 500.0), timeout_s=60.0, retries=2)
    assert found == (
        "rule 'latency_p95 soft': no request ends later than 302 s, by the timeout of 60 s in "
        "normal, 3 attempts and the waits between, so a threshold of 500 s can never be passed"
    )
    assert not timed(table("latency_p95", 250.0), timeout_s=60.0, retries=2)


@pytest.mark.parametrize(
    "normal",
    [
        {"retries": 2},
        {"timeout_s": 60.0},
        {"timeout_s": 60.0, "retries": 2, "service_tier": ("flex", None, None)},
    ],
)
def test_without_a_bound_a_request_may_last_for_ever(normal: dict[str, Any]) -> None:
    """What the application has set up is not known; flex has a time-out of its own."""
    assert not [each for each in timed(table("latency_p95", 500.0), **normal) if "never" in each]


def test_a_first_token_comes_within_one_timeout() -> None:
    """However often a request is tried."""
    (found,) = timed(table("ttft_p95", 30.0), timeout_s=30.0, retries=2)
    assert found == (
        "rule 'ttft_p95 soft': no answer begins later than 30 s, by the timeout of 30 s in normal, "
        "so a threshold of 30 s can never be passed"
    )


def test_every_mode_that_a_rule_watches_counts() -> None:
    """A rule of hard is about soft too, which waits longer here."""
    strategies = (
        Strategy(model="big", timeout_s=10.0, retries=0),
        Strategy(model="big", timeout_s=90.0, retries=0),
        *STRATEGIES[2:],
    )
    soft, hard = table("latency_p95", 20.0, 80.0)
    (found,) = doubts(make_policy((soft, hard), law="mildest", strategies=strategies))
    assert "'latency_p95 soft'" in found and "1 attempt and" in found


@pytest.mark.parametrize("signal", ["token_cost_per_hour", "spend_10m", "tokens_per_minute"])
def test_a_spending_far_from_what_is_usual_is_told(signal: str) -> None:
    """No fault makes so much of it."""
    window = {"window_s": 600.0} if signal == "spend_10m" else {}
    (found,) = doubts(make_policy(table(signal, 1e7, **window), baseline=QUIET))
    assert "times the usual" in found and found.endswith("so its rule can hardly ever fire")


def test_free_models_cost_nothing() -> None:
    """A rule about cost never fires where the catalogue has no price."""
    free = replace(CATALOG.cards[0], price=(200_000, 0, 0, 0, 0, 0, 0))
    catalog = replace(CATALOG, cards=(free, CATALOG.cards[1]))
    (found,) = doubts(
        replace(
            make_policy(table("token_cost_per_hour", 50.0)),
            baseline=QUIET,
            catalog=catalog,
            strategies=(Strategy(model="big"), Strategy(), Strategy(), Strategy()),
        )
    )
    assert found.endswith("a threshold of $50.00/h can never be passed")


SLOW = replace(BASELINE, requests_per_s=0.05)


def blind(
    rules: tuple[Rule, ...], law: str = "ladder", baseline: Baseline = SLOW, **ladder: int
) -> tuple[str, ...]:
    """Doubts of a policy whose traffic is three calls a minute."""
    policy: Policy = make_policy(
        rules,
        law=law,
        baseline=baseline,
        ladder=LadderSettings(**ladder),
    )
    return doubts(policy)


def test_a_policy_that_is_blind_at_its_traffic_is_told_why() -> None:
    """Three calls in a window, and twenty are needed."""
    (found,) = blind(table("latency_p95", 2.0, 5.0))
    assert found == (
        "at 0.05 requests a second (conversation) 60 s hold 3 calls, and there is no verdict "
        "before 20, so that 'latency_p95 soft', 'latency_p95 hard' can never act: lengthen the "
        "window to 400 s, or lower ladder.min_samples, or take law mildest, which needs neither"
    )


def test_few_calls_act_seldom() -> None:
    """Retries may make enough of them."""
    (found,) = blind(table("error_rate", 0.05), baseline=replace(SLOW, requests_per_s=0.3))
    assert "can never act" in found
    retried = (replace(STRATEGIES[0], retries=2), *STRATEGIES[1:])
    policy = make_policy(
        table("error_rate", 0.05), strategies=retried, baseline=replace(SLOW, requests_per_s=0.3)
    )
    (found,) = doubts(policy)
    assert "can seldom act" in found


def test_no_window_is_proposed_that_is_none() -> None:
    """Six hours are the longest."""
    (found,) = blind(table("error_rate", 0.05), baseline=replace(SLOW, requests_per_s=0.0005))
    assert "lengthen" not in found and "lower ladder.min_samples" in found


def test_the_default_law_is_blind_by_literal_rules_alone() -> None:
    """It counts requests without a window, but not where a rule means a span of time."""
    assert not blind(table("latency_p95", 2.0), law="mildest")
    assert not blind(table("latency_p95", 2.0), law="threshold")
    (found,) = blind(table("latency_p95", 2.0, sustained_s=300.0), law="mildest")
    assert found.endswith("lengthen the window to 400 s, or lower ladder.min_samples")


def test_gauges_need_no_samples() -> None:
    """Nor does money that is gone."""
    assert not blind(table("queue_depth", 100.0))
    assert not blind(table("spend_10m", 1.0, window_s=600.0))
    assert not blind(table("latency_p95", 2.0), min_samples=3)
