"""Policy files: what users may write, and what it means."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from balancer.core.constants import BreakerConstants, Constants
from balancer.core.doubts import doubts
from balancer.core.errors import PolicyError
from balancer.core.modes import Mode
from balancer.core.policy import BudgetLimit, Policy, Rule, Strategy
from balancer.core.strategy import NO_TIERS
from balancer.policy_file import default_policy, load_policy, parse_policy, show_policy

from .policy_texts import ALERTS, TABLE


def facts(policy: Policy) -> set[tuple[str, Mode, float, float, float]]:
    """What the rules of a policy say, without their names."""
    return {
        (rule.signal, rule.level, rule.threshold, rule.window_s, rule.sustained_s)
        for rule in policy.rules
    }


def test_the_thresholds_table_is_read_as_users_know_it() -> None:
    """Nine thresholds, each over 60 s and at once."""
    assert facts(parse_policy(TABLE)) == {
        (signal, mode, threshold, 60.0, 0.0)
        for mode, thresholds in (
            (Mode.SOFT, (2.0, 0.05, 50.0)),
            (Mode.HARD, (5.0, 0.10, 100.0)),
            (Mode.EMERGENCY, (10.0, 0.20, 200.0)),
        )
        for signal, threshold in zip(
            ("latency_p95", "error_rate", "token_cost_per_hour"), thresholds, strict=True
        )
    }


@pytest.mark.parametrize(
    "text", [ALERTS, "alerts:\n" + ALERTS], ids=["a bare list", "under alerts"]
)
def test_alert_rules_are_read_as_users_know_them(text: str) -> None:
    """All eight sentences, as a bare list and under `alerts`."""
    policy = parse_policy(text)
    assert facts(policy) == {
        ("latency_p95", Mode.SOFT, 2.0, 60.0, 300.0),
        ("latency_p95", Mode.HARD, 5.0, 60.0, 120.0),
        ("error_rate", Mode.SOFT, 0.05, 60.0, 180.0),
        ("error_rate", Mode.EMERGENCY, 0.15, 60.0, 60.0),
        ("token_cost_per_hour", Mode.SOFT, 50.0, 60.0, 0.0),
        ("token_cost_per_hour", Mode.EMERGENCY, 200.0, 60.0, 0.0),
        ("memory", Mode.SOFT, 0.85, 60.0, 300.0),
        ("queue_depth", Mode.HARD, 100.0, 60.0, 0.0),
    }
    assert policy.rules[0].name == "High P95 Latency"


def test_both_forms_and_spelled_out_rules_add_up() -> None:
    """A file may use all three forms; every rule counts."""
    text = (
        f"{TABLE}alerts:\n{ALERTS}rules:\n"
        "  - {signal: burn_rate, above: 14.4x, level: hard, objective: 99.9%, window: 1h, "
        "short_window: 5m, jump: true}\n"
    )
    policy = parse_policy(text)
    assert len(policy.rules) == 9 + 8 + 1
    assert policy.rules[-1] == Rule(
        name="hard burn_rate",
        signal="burn_rate",
        level=Mode.HARD,
        threshold=14.4,
        window_s=3600.0,
        jump=True,
        objective=0.999,
        short_window_s=300.0,
    )


def test_rules_in_a_file_replace_all_default_rules() -> None:
    """Whoever writes one threshold means that one, and not nine more."""
    policy = parse_policy("thresholds: {soft: {latency_p95: 3s}}")
    assert [rule.name for rule in policy.rules] == ["soft latency_p95"]
    assert parse_policy("name: x").rules == default_policy().rules


def test_a_mode_changes_key_by_key_and_null_clears() -> None:
    """What a mode does not say stays as in the default policy; null leaves it to the caller."""
    policy = parse_policy("modes:\n  hard: {output_cap: 2k, history_turns: null, retries: 1}\n")
    hard = default_policy().strategies[Mode.HARD]
    expected = replace(hard, output_cap_tokens=2000, history_turns=None, retries=1)
    assert policy.strategies[Mode.HARD] == expected
    assert policy.strategies[Mode.SOFT] == default_policy().strategies[Mode.SOFT]


def test_null_clears_what_is_no_single_value_too() -> None:
    """No fallback models, all tools, nobody shed."""
    text = "modes:\n  emergency: {fallback_models: null, tools: null, shed: null}\n"
    emergency = default_policy().strategies[Mode.EMERGENCY]
    assert (emergency.tools, emergency.shed) == (False, (1.0, 0.5, 0.0))
    expected = replace(emergency, fallback_models=(), tools=True, shed=(0.0, 0.0, 0.0))
    assert parse_policy(text).strategies[Mode.EMERGENCY] == expected


def test_a_service_tier_is_for_all_calls_or_by_priority() -> None:
    """What is not named stays as the caller wrote it; null clears what is inherited."""
    text = """\
modes:
  normal: {service_tier: flex}
  soft: {service_tier: {low: flex, high: priority}}
  hard: {service_tier: null}
"""
    tiers = [strategy.service_tier for strategy in parse_policy(text).strategies]
    assert tiers == [("flex",) * 3, ("flex", None, "priority"), NO_TIERS, NO_TIERS]


def test_priority_has_a_budget_of_its_own() -> None:
    """It is none of the limits that refuse calls; `budget` replaces both as a whole."""
    text = "budget: {per_day: $20, priority: {per_hour: $2, windows: {15m: $1}}}"
    policy = parse_policy(text)
    assert policy.budgets == (BudgetLimit(usd=20.0, window_s=86_400.0),)
    assert policy.priority_budgets == (
        BudgetLimit(usd=2.0, window_s=3600.0),
        BudgetLimit(usd=1.0, window_s=900.0),
    )
    assert parse_policy(show_policy(policy)) == policy
    assert parse_policy("budget: {per_day: $20}").priority_budgets == ()


def test_every_key_of_a_mode_is_read() -> None:
    """All of a strategy's fields, in their units."""
    text = """\
modes:
  emergency:
    model: gemini-2.5-flash-lite
    fallback_models: [gemini-2.5-flash]
    output_cap: 200
    thinking: off
    instruction: Be brief.
    tools: false
    history_turns: 1
    temperature: 0.5
    timeout: 5s
    retries: 1
    service_tier: {low: flex, normal: standard}
    shed: {low: 90%, normal: 10%}
    static_fallback: Later.
    max_in_flight: 50
    max_starts_per_s: 2.5
"""
    assert parse_policy(text).strategies[Mode.EMERGENCY] == Strategy(
        model="gemini-2.5-flash-lite",
        fallback_models=("gemini-2.5-flash",),
        output_cap_tokens=200,
        thinking=0,
        instruction="Be brief.",
        tools=False,
        history_turns=1,
        temperature=0.5,
        timeout_s=5.0,
        retries=1,
        service_tier=("flex", "standard", None),
        shed=(0.9, 0.1, 0.0),
        static_fallback="Later.",
        max_in_flight=50,
        max_starts_per_s=2.5,
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [("off", 0), ("dynamic", -1), ("-1", -1), ("1k", 1000), ("512", 512), ("null", None)],
)
def test_thinking_is_off_dynamic_or_a_budget(written: str, meant: int | None) -> None:
    """The ways of writing a thinking setting."""
    text = f"baseline: null\nmodes: {{normal: {{thinking: {written}}}}}"
    strategy = parse_policy(text).strategies[Mode.NORMAL]
    assert strategy.thinking == meant


def test_a_thinking_level_that_is_none_is_told_the_nearest() -> None:
    """Off and dynamic among them."""
    for written, meant in (("xhihg", "xhigh"), ("MINIMUL", "minimal"), ("dinamic", "dynamic")):
        with pytest.raises(PolicyError, match=f"did you mean '{meant}'"):
            parse_policy(f"modes: {{normal: {{thinking: {written}}}}}")


def test_a_thinking_level_is_read_in_any_case() -> None:
    """Levels are spelt as the API does, whatever the case in the file."""
    text = (
        "modes:\n  normal: {model: gemini-3.5-flash, thinking: high}\n"
        "  soft: {model: gemini-3.5-flash, thinking: MEDIUM, output_cap: 5000}\n"
    )
    policy = parse_policy(text)
    assert policy.strategies[Mode.NORMAL].thinking == "HIGH"


def test_ladder_constants_change_one_by_one() -> None:
    """What `ladder` does not say keeps its default."""
    policy = parse_policy("ladder: {hold: 3m, exit: 70%, probe_share_max: 5%}")
    expected = replace(default_policy().ladder, hold_s=180.0, exit=0.7, probe_share_max=0.05)
    assert policy.ladder == expected


def test_constants_of_a_law_change_one_by_one() -> None:
    """What `constants` does not say keeps its default; those of other laws too."""
    found = parse_policy("constants: {breaker: {calls: 20, cooldown: 5m}}").constants
    assert found == Constants(breaker=BreakerConstants(calls=20, cooldown_s=300.0))


def test_budgets_are_read_for_everybody_and_for_single_keys() -> None:
    """Dollars per hour, per day and over other windows, together and per tenant."""
    text = (
        "budget: {per_hour: $50, per_day: $500, windows: {15m: $20}, "
        "per_key: {acme: {per_hour: $5}}}"
    )
    assert parse_policy(text).budgets == (
        BudgetLimit(usd=50.0, window_s=3600.0),
        BudgetLimit(usd=500.0, window_s=86_400.0),
        BudgetLimit(usd=20.0, window_s=900.0),
        BudgetLimit(usd=5.0, window_s=3600.0, key="acme"),
    )


def test_prices_may_stand_in_the_policy() -> None:
    """A price table under `prices` changes what a call costs."""
    text = "prices: {dated: 2027-01-01, models: {gemini-2.5-flash: {input: 9, output: 90}}}"
    policy = parse_policy(text)
    assert policy.catalog.card("gemini-2.5-flash").price[1] == 9 * 10**9
    assert policy.catalog.dated == "2027-01-01"


def test_prices_may_be_a_file_beside_the_policy(tmp_path: Path) -> None:
    """A relative path under `prices` starts at the policy file."""
    (tmp_path / "prices.toml").write_text('[models."gemini-2.5-flash"]\ninput = 9\noutput = 90\n')
    (tmp_path / "policy.yaml").write_text("prices: prices.toml\n")
    policy = load_policy(tmp_path / "policy.yaml")
    assert policy.catalog.card("gemini-2.5-flash").price[1] == 9 * 10**9
    assert policy.name == "policy"


def test_a_changed_normal_mode_forgets_the_measured_latency_at_rest() -> None:
    """The default's P95 at rest was measured with its own normal mode, and no other."""
    unchanged, changed = parse_policy("name: x"), parse_policy("modes: {normal: {retries: 0}}")
    assert unchanged.baseline == default_policy().baseline
    assert changed.baseline is not None
    assert changed.baseline.latency_p95_s is None
    assert parse_policy("baseline: null").baseline is None


def test_the_default_policy_is_at_rest_on_its_own_workload() -> None:
    """No warning: its thresholds leave room above what its baseline costs and takes."""
    policy = load_policy()
    assert doubts(policy) == ()
    assert policy.law == "mildest"
    cost = policy.expected_cost_usd(Mode.NORMAL)
    assert cost is not None
    assert math.isclose(cost * 5.5 * 3600, 109, rel_tol=0.02)


def test_tight_thresholds_are_accepted_with_a_warning() -> None:
    """The users' table is valid, and is said to be tight for the default workload."""
    warnings = " ".join(doubts(parse_policy(TABLE)))
    assert "latency_p95 at rest" in warnings
    assert "token_cost_per_hour at rest" in warnings
