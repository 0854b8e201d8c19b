"""Two policies compared in sentences."""

from __future__ import annotations

import pytest

from balancer.policy_difference import policy_difference
from balancer.policy_file import default_policy, default_text, parse_policy


def changed(*replacements: tuple[str, str], more: str = "") -> tuple[str, ...]:
    """The default policy against itself with other words in its text."""
    text = default_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return policy_difference(default_policy(), parse_policy(text + more))


def test_a_policy_does_not_differ_from_itself() -> None:
    """Nor from itself under another name."""
    assert changed(("name: default", "name: other")) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("latency_p95: 15s", "latency_p95: 12s", "soft begins at P95 latency 12s, was 15s"),
        ("error_rate: 10%", "error_rate: 7.5%", "hard begins at error rate 7.5%, was 10%"),
        ("thinking: 1024", "thinking: off", "soft: thinking off, was 1024"),
        ("output_cap: 4096", "output_cap: 2k", "soft: output cap 2k, was 4096"),
        ("tools: false", "tools: true", "emergency: tools on, was off"),
        ("history_turns: 6", "history_turns: 4", "hard: history turns 4, was 6"),
        ("low: 100%", "low: 80%", "emergency: shed low 80%, was 100%"),
        ("law: mildest", "law: ladder", "law ladder, was mildest"),
        ("tick: 1s", "tick: 2s", "tick 2s, was 1s"),
        (
            "instruction: Answer concisely.",
            "instruction: Be brief.",
            "soft: instruction “Be brief.”, was “Answer concisely.”",
        ),
    ],
)
def test_a_changed_number_is_said_as_a_policy_file_says_it(old: str, new: str, said: str) -> None:
    """With its unit, and what it was."""
    assert changed((old, new)) == (said,)


def test_a_multiple_of_the_cost_at_rest_is_said_in_dollars_too() -> None:
    """As it is judged."""
    (said,) = changed(("token_cost_per_hour: x1.75", "token_cost_per_hour: x1.5"))
    assert said.startswith("soft begins at cost per hour x1.5 of that at rest ($")
    assert ", was x1.75 of that at rest ($" in said


def test_what_is_not_set_is_said_too() -> None:
    """A deadline that is left out, and a default that is changed."""
    assert changed(("timeout: 45s", "timeout: null")) == ("soft: timeout not set, was 45s",)
    assert changed(more="ladder: {probation: 30m}\n") == ("ladder probation 30m, was 5m",)
    assert changed(more="constants: {dimmer: {pole: 0.5}}\n") == ("law dimmer: pole 0.5, was 0.9",)
    assert changed(more="budget: {per_hour: $50}\n") == ("budget per hour $50, was not set",)


def test_rules_come_and_go() -> None:
    """By their names; one that is spelled out keeps its own."""
    rules = """\
rules:
  - {name: slow, signal: latency_p95, above: 12s, level: soft}
  - {name: burn, signal: burn_rate, above: 14, level: hard, objective: 99%, window: 1h}
"""
    before = parse_policy(rules)
    after = parse_policy(
        rules.replace("12s", "14s")
        .replace("level: soft", "level: soft, window: 2m, sustained: 10s, jump: true")
        .replace("window: 1h", "window: 1h, short_window: 5m")
    )
    assert policy_difference(before, after) == (
        "soft (slow) begins at P95 latency 14s, was 12s",
        "soft (slow) by P95 latency looks back 2m, was 1m",
        "soft (slow) by P95 latency waits until it has lasted 10s, was 0s",
        "soft (slow) by P95 latency is entered at once",
        "hard (burn) by burn rate has a short window of 5m, was none",
    )
    other = parse_policy(rules.replace("level: hard", "level: emergency").replace("slow", "late"))
    assert policy_difference(before, other) == (
        "soft (late) begins at P95 latency 12s; there was no such rule",
        "emergency (burn) begins at burn rate x14 of 99%; before, hard (burn) begins at burn rate "
        "x14 of 99%",
        "soft (slow) no longer begins at P95 latency 12s",
    )
