"""Durations without a unit."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from balancer.bare_numbers import is_bare
from balancer.core.errors import PolicyError
from balancer.documents import parse
from balancer.policy_file import bare_numbers, default_text, load_policy


def told(text: str) -> list[str]:
    """What is told of a policy's text."""
    return list(bare_numbers(parse(text, "p.yaml", PolicyError)))


@pytest.mark.parametrize(
    ("found", "bare"),
    [
        (500, True),
        (0.5, True),
        ("500", True),
        (" 1_000.5 ", True),
        ("500ms", False),
        (0, False),
        ("0", False),
        (True, False),
        (None, False),
    ],
)
def test_a_duration_is_bare_that_is_a_number_alone(found: object, bare: bool) -> None:
    """Nought is nought in every unit."""
    assert is_bare(found) is bare


def test_a_bare_number_is_told_with_both_readings_and_its_line() -> None:
    """What is meant is the user's to say."""
    assert told("name: p\nthresholds:\n  soft: {latency_p95: 500}\n") == [
        "p.yaml:3: thresholds.soft.latency_p95: 500 has no unit and is read as 500 s, where 500ms "
        "would be 0.5 s; write 500s or 500ms"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tick: 2", "tick: 2"),
        ("modes: {soft: {timeout: 30}}", "modes.soft.timeout: 30"),
        ("ladder: {hold: 120}", "ladder.hold: 120"),
        ("constants: {breaker: {cooldown: 30}}", "constants.breaker.cooldown: 30"),
        ("budget: {windows: {90: $5}}", "budget.windows.90: 90"),
        ("budget: {per_key: {a: {windows: {90: $5}}}}", "budget.per_key.a.windows.90: 90"),
        ("rules: [{signal: latency_p95, above: 5, level: soft}]", "rules.0.above: 5"),
        (
            "rules: [{signal: error_rate, above: 5%, level: soft, window: 90}]",
            "rules.0.window: 90",
        ),
        (
            "- {alert: a, condition: P95 latency > 3000, action: Activate brownout}",
            "alerts.0.condition: 3000",
        ),
        (
            "- {alert: a, condition: Memory > 80% for 300, action: Activate brownout}",
            "alerts.0.condition: 300",
        ),
    ],
)
def test_every_duration_of_a_policy_is_looked_at(text: str, place: str) -> None:
    """Tables, rules, sentences, and keys that are durations themselves."""
    (found,) = told(text)
    assert f": {place} has no unit" in found


@pytest.mark.parametrize(
    "text",
    [
        default_text(),
        "thresholds: {soft: {latency_p95: 500ms, error_rate: 0.05, token_cost_per_hour: 50}}",
        "rules: [{signal: queue_depth, above: 100, level: soft, sustained: 0}]",
        "- {alert: a, condition: Request queue > 100 for 5 minutes, action: Activate brownout}",
        "ladder: {min_samples: 20, exit: 0.8}",
    ],
)
def test_nothing_else_is_told(text: str) -> None:
    """Shares, dollars and counts need no unit."""
    assert told(text) == []


def test_whoever_loads_a_file_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A library's user by the log, a command in its own way."""
    path = tmp_path / "p.yaml"
    path.write_text("thresholds: {soft: {latency_p95: 50}}", encoding="utf-8")
    heard: list[str] = []
    load_policy(path, tell=heard.append)
    assert len(heard) == 1 and not caplog.records
    with caplog.at_level(logging.WARNING, logger="balancer"):
        load_policy(path)
    assert caplog.messages == heard
