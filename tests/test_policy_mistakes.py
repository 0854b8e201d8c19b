"""Mistakes in policy files: one message each, that names the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import PolicyError
from balancer.documents import LARGEST_BYTES
from balancer.policy_file import load_policy, parse_policy

from .policy_texts import ALERTS


def refusal(text: str) -> str:
    """What is said about a policy that cannot be."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    return str(caught.value)


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
