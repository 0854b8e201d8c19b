"""Policy files: both forms users know, inheritance, and errors that name the line."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.constants import BreakerConstants, Constants
from balancer.core.doubts import doubts
from balancer.core.errors import PolicyError
from balancer.core.modes import Mode
from balancer.core.policy import BudgetLimit, Policy, Rule, Strategy
from balancer.core.strategy import NO_TIERS
from balancer.documents import LARGEST_BYTES
from balancer.policy_file import default_policy, load_policy, parse_policy, show_policy

TABLE = """\
thresholds:
  soft:      {latency_p95: 2000ms,  error_rate: 5%,  token_cost_per_hour: $50}
  hard:      {latency_p95: 5000ms,  error_rate: 10%, token_cost_per_hour: $100}
  emergency: {latency_p95: 10000ms, error_rate: 20%, token_cost_per_hour: $200}
"""

ALERTS = """\
- alert: "High P95 Latency"
  condition: "P95 response time > 2000ms for 5 minutes"
  action: "Activate soft brownout mode"
- alert: "Critical P95 Latency"
  condition: "P95 response time > 5000ms for 2 minutes"
  action: "Activate hard brownout mode"
- alert: "Elevated Error Rate"
  condition: "Error rate > 5% for 3 minutes"
  action: "Activate soft brownout mode"
- alert: "Critical Error Rate"
  condition: "Error rate > 15% for 1 minute"
  action: "Activate emergency brownout mode"
- alert: "High Token Usage"
  condition: "Hourly token cost > $50"
  action: "Activate soft brownout mode"
- alert: "Budget Exceeded"
  condition: "Hourly token cost > $200"
  action: "Activate emergency brownout mode"
- alert: "High Memory Usage"
  condition: "Memory usage > 85% for 5 minutes"
  action: "Scale up or activate brownout"
- alert: "Queue Depth Critical"
  condition: "Request queue > 100 pending"
  action: "Activate hard brownout mode"
"""


def facts(policy: Policy) -> set[tuple[str, Mode, float, float, float]]:
    """What the rules of a policy say, without their names."""
    return {
        (rule.signal, rule.level, rule.threshold, rule.window_s, rule.sustained_s)
        for rule in policy.rules
    }


def refusal(text: str) -> str:
    """What is said about a policy that cannot be."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    return str(caught.value)


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "p.yaml: is empty"),
        ('name: ""', "p.yaml:1: name: found '', expected a name of 1 to 100 printable"),
        ('name: "a\\nb"', "p.yaml:1: name: found 'a\\nb', expected a name"),
        ("ladder: {z: true}", "p.yaml:1: ladder.z: found True, expected a number"),
        ("3", "p.yaml: found 3, expected a mapping"),
        ("[]", "p.yaml: found an empty list, expected a mapping"),
        ("- 1", "p.yaml:1: alerts.0: found 1, expected a mapping"),
        ("thresholds:\n  softt: {}", "p.yaml:2: unknown key 'softt' in thresholds (did you mean"),
        ("thresholds:\n  soft: {p95: 2s}", "p.yaml:2: unknown key 'p95' in thresholds.soft"),
        ("thresholds:\n", "p.yaml:1: thresholds: found nothing, expected a mapping"),
        (
            "thresholds:\n  soft: {latency_p95: 2%}",
            "p.yaml:2: thresholds.soft.latency_p95: found '2%', expected a duration such as",
        ),
        ("thresholds: {soft: {latency_p95: .nan}}", "found nan"),
        ("thresholds: {soft: {error_rate: -5%}}", "found '-5%'"),
        ("thresholds: {soft: {error_rate: 5}}", "write 5% for 5 in a hundred"),
        (
            "thresholds:\n  soft: {latency_p95: 5s}\n  hard: {latency_p95: 2s}",
            "p.yaml:3: rule 'hard latency_p95': hard is entered at 2 s, not above",
        ),
        ("law: lader", "p.yaml:1: law: unknown law 'lader' (did you mean 'ladder'?)"),
        ("modes:\n  soft:\n    modle: x", "p.yaml:3: unknown key 'modle' in modes.soft"),
        ("modes:\n  soft: {model: gemini-2.5-flsh}", "did you mean 'gemini-2.5-flash'?"),
        ("modes:\n  soft: {output_cap: 512}", "p.yaml:2: modes.soft: output_cap 512 is not above"),
        (
            "modes: {soft: {model: gemini-2.5-flash-lite, thinking: 100}}",
            "takes no thinking budget 100; use 0, or 512 to 24576",
        ),
        (
            "modes: {soft: {model: one chepaer}}",
            "p.yaml:1: modes.soft: unknown model 'one chepaer' (did you mean 'one cheaper'?)",
        ),
        (
            "baseline: {workload: w, requests_per_s: 1, prompt_tokens: 1, output_tokens: 1, "
            "model: gemini-2.5-flsh}",
            "baseline.model: unknown model 'gemini-2.5-flsh' (did you mean",
        ),
        ("modes: {soft: {thinking: much}}", "expected off, dynamic, a budget in tokens"),
        ("law: ladder\nmodes: {soft: {timeout: 2m}}", "longer than half the hold"),
        (
            "modes: {soft: {service_tier: fexl}}",
            "p.yaml:1: modes.soft.service_tier: found 'fexl', expected one of standard, flex, "
            "priority (did you mean 'flex'?)",
        ),
        (
            "modes:\n  soft: {service_tier: {lwo: flex}}",
            "p.yaml:2: unknown key 'lwo' in modes.soft.service_tier (did you mean 'low'?)",
        ),
        (
            "modes: {soft: {service_tier: {high: 5}}}",
            "p.yaml:1: modes.soft.service_tier.high: found 5, expected one of standard, flex",
        ),
        (
            "modes: {soft: {service_tier: [flex]}}",
            "p.yaml:1: modes.soft.service_tier: found ['flex'], expected one of standard, flex",
        ),
        (
            "budget: {priority: {per_key: {acme: {per_hour: $5}}}}",
            "p.yaml:1: unknown key 'per_key' in budget.priority",
        ),
        ("modes: {soft: {shed: {low: 200%}}}", "modes.soft.shed.low: found '200%'"),
        ("modes: {hard: {model: gemini-2.5-pro, thinking: 128}}", "is expected to cost"),
        (
            "constants: {braker: {calls: 20}}",
            "p.yaml:1: unknown key 'braker' in constants (did you mean 'breaker'?)",
        ),
        (
            "constants:\n  dimmer: {window: 5m}",
            "p.yaml:2: constants.dimmer.window: window is 300.0; expected 1 to 60",
        ),
        ("ladder: {exit: 1.5}", "p.yaml:1: ladder.exit: exit is 1.5 of entry, above it"),
        ("tick: 0s", "tick is 0"),
        (
            "rules:\n- {signal: latency_p95, above: 2s, level: soft, window: 10ms}",
            "p.yaml:2: rule 'soft latency_p95': window 0.01 s is outside one tick",
        ),
        (
            "rules:\n- {signal: latency, above: 2s, level: soft}",
            "p.yaml:2: rules.0.signal: found 'latency', expected one of latency_p50",
        ),
        ("rules:\n- {signal: memory, above: 2s, level: soft}", "rules.0.above: found '2s'"),
        ("rules: [{signal: memory, above: 50%, level: normal}]", "expected one of soft, hard"),
        ("rules: [{signal: burn_rate, above: 2, level: soft}]", "burn_rate needs an objective"),
        ("budget: {per_hour: 5%}", "p.yaml:1: budget.per_hour: found '5%'"),
        ("prices: nowhere.toml", "p.yaml:1: prices: nowhere.toml: no such file"),
        (f"alerts:\n{ALERTS}{ALERTS}", "'High P95 Latency' stands here and at p.yaml:2"),
        ("x" * (LARGEST_BYTES + 1), "is larger than"),
    ],
)
def test_a_mistake_is_one_message_that_names_the_line(text: str, said: str) -> None:
    """Where, what was found, what was expected, and the nearest valid name."""
    message = refusal(text)
    assert said in message
    assert "\n" not in message


def test_a_missing_policy_file_is_said_by_name(tmp_path: Path) -> None:
    """The path stands in the message."""
    with pytest.raises(PolicyError, match="no such file") as caught:
        load_policy(tmp_path / "none.yaml")
    assert caught.value.where == str(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "name: default",
        TABLE,
        ALERTS,
        "rules: [{signal: burn_rate, above: 2, level: soft, objective: 99%, short_window: 5s}]",
        "budget: {per_hour: $50, per_key: {a: {per_day: $1, windows: {90s: $0.1}}}}",
        "prices: {dated: 2026-12-24, models: {house: {input: 0.1, output: 3}}}",
        "prices: {models: {house: {input: 1, output: 2, tiers: {flex: 0.5, batch: {input: 0.3}}, "
        "later: [{from: 2027-01-01, input: 2, output: 4, tiers: {flex: 0.5}}], family: f, rank: 2, "
        "shutdown: 2027-02-01, served_by: gemini-3.8-flash, tools: [functions], routed: false, "
        "inputs: [text, image], signs_calls: true, context_limit: 1000, provider: us, "
        "above_200k: {input: 2, output: 3}, released: 2026-01-01}}}",
        "modes: {normal: {thinking: null, temperature: 0.3}}\nbaseline: null\ntick: 250ms",
        "modes: {normal: {model: gemini-2.5-pro, thinking: 128}}\nrules: []\nlaw: threshold",
        "constants: {breaker: {calls: 20, cooldown: 5m}, dimmer: {quantile: 95%, window: 1m}}",
    ],
)
def test_what_is_shown_reads_back_as_the_same_policy(text: str) -> None:
    """`policy show` is complete: reading its output gives an equal policy."""
    policy = parse_policy(text)
    assert parse_policy(show_policy(policy)) == policy


@given(st.floats(min_value=0.002, max_value=10_000), st.floats(min_value=1e-5, max_value=0.999))
@settings(max_examples=25, deadline=None)
def test_any_threshold_is_shown_exactly(latency_s: float, errors: float) -> None:
    """Units lose nothing of a threshold, however odd it is."""
    rules = (
        Rule(name="a", signal="latency_p95", level=Mode.SOFT, threshold=latency_s),
        Rule(name="b", signal="error_rate", level=Mode.SOFT, threshold=errors),
    )
    policy = replace(default_policy(), rules=rules)
    assert parse_policy(show_policy(policy)).rules == rules


def test_a_shown_latency_says_where_it_is_judged() -> None:
    """The snapped threshold stands beside the one that was written."""
    assert "above: 2s # judged at 2s" not in show_policy(parse_policy(TABLE))
    assert "above: 5s # judged at 5.022s" in show_policy(parse_policy(TABLE))


COSTS = "token_cost_per_hour"


def costs(policy: Policy) -> list[float]:
    """Thresholds of cost, in dollars an hour."""
    return [rule.threshold for rule in policy.rules if rule.signal == COSTS]


def test_a_threshold_of_cost_may_follow_the_baseline() -> None:
    """Its traffic and the prices of the day; the default policy's do."""
    default = default_policy()
    at_rest = (default.expected_cost_usd(Mode.NORMAL) or 0.0) * 5.5 * 3600
    multiples = (1.75, 2.95, 5.9)
    assert costs(default) == pytest.approx([each * at_rest for each in multiples], rel=0.005)
    # From 2027 on Gemini 3.8 Flash costs twice as much.
    assert costs(default.on("2027-01-02")) == pytest.approx(
        [2 * c for c in costs(default)], rel=0.01
    )
    assert default.baseline is not None
    small = replace(default, baseline=replace(default.baseline, requests_per_s=0.055))
    assert costs(small) == pytest.approx([c / 100 for c in costs(default)], rel=0.005)
    dollars = parse_policy(f"thresholds: {{soft: {{{COSTS}: $190}}}}")
    assert costs(dollars) == costs(dollars.on("2027-01-02")) == [190.0]


def test_without_a_baseline_a_multiple_is_none() -> None:
    """What was worked out before stays, in dollars; what never was is refused with its line."""
    bare = parse_policy("baseline: null")
    assert costs(bare) == costs(bare.on("2027-01-02")) == costs(default_policy())
    assert all(rule.at_rest is None for rule in bare.rules)
    with pytest.raises(PolicyError, match=r"policy:2: .*found x2, a multiple of what the base"):
        parse_policy(f"baseline: null\nthresholds: {{soft: {{{COSTS}: x2}}}}")


@pytest.mark.parametrize("found", ["x-1", "xnan", "xx", "x"])
def test_what_is_no_multiple_is_refused(found: str) -> None:
    """As any factor."""
    with pytest.raises(PolicyError, match="expected a factor such as x4"):
        parse_policy(f"thresholds: {{soft: {{{COSTS}: {found}}}}}")


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{signal: spend_10m, above: x1.2, level: soft}]",
        'alerts: [{alert: A, condition: "Hourly token cost > x2 for 5 minutes", '
        "action: Activate soft brownout mode}]",
    ],
)
def test_every_form_of_rule_may_say_a_multiple(text: str) -> None:
    """And it is shown as one."""
    policy = parse_policy(text)
    (rule,) = (rule for rule in policy.rules if rule.at_rest is not None)
    assert rule.threshold > 10
    assert f"above: x{rule.at_rest:g}" in show_policy(policy)
    assert parse_policy(show_policy(policy)) == policy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "name: p\ntick: 5 min",
            "p.yaml:2: tick: tick is 300.0; expected 0.01 to 60 (written 5 min)",
        ),
        (
            "law: ladder\nmodes:\n  soft: {timeout: 5 min}",
            "p.yaml:3: modes.soft.timeout: timeout 300 s is longer than half the hold",
        ),
        (
            "law: ladder\nladder:\n  hold: 10s",
            "p.yaml:3: modes.normal.timeout: timeout 60 s is longer than half the hold",
        ),
        ("ladder: {min_samples: 20k}", "p.yaml:1: ladder.min_samples: min_samples is 20000"),
    ],
)
def test_what_only_the_policy_knows_is_said_with_a_line(text: str, said: str) -> None:
    """The one that was written, where the other side of a conflict is inherited."""
    assert refusal(text).startswith(said)


def test_what_was_written_is_said_beside_what_came_of_it() -> None:
    """Nobody wrote 300 s."""
    assert refusal("law: ladder\nmodes: {soft: {timeout: 5 min}}").endswith("(written 5 min)")
    assert refusal("law: ladder\nladder: {hold: 10s}").endswith("(hold: 10s)")


def test_a_scenario_is_no_policy() -> None:
    """It is said to be one, and not to be full of unknown keys."""
    said = refusal("scenario: x\ntitle: y")
    assert said == (
        "p.yaml:1: found a scenario, expected a policy; a scenario is run: open-balancer run FILE"
    )


def test_all_mistakes_are_listed() -> None:
    """A line each, so that a file is mended at once; of very many the first."""
    first, *others = refusal("law: 1\ntick: x\nfoo: 1").splitlines()
    assert first.startswith("p.yaml:1: law")
    assert [line.split(":")[1] for line in others] == ["2", "3"]
    many = refusal("\n".join(f"k{number}: 1" for number in range(20))).splitlines()
    assert (len(many), many[-1]) == (11, "  and 10 more")


def test_the_missing_keys_of_a_baseline_are_named_at_once() -> None:
    """Whoever writes one need not try three times."""
    with pytest.raises(PolicyError) as error:
        parse_policy("name: x\nbaseline: {requests_per_s: 0.5}\n", "mine.yaml")
    assert str(error.value) == (
        "mine.yaml:2: baseline: keys 'workload', 'prompt_tokens' and 'output_tokens' are missing"
    )
