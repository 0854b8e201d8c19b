"""What `policy show` prints, and that it reads back as the same policy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.modes import Mode
from balancer.core.policy import Rule
from balancer.policy_file import default_policy, parse_policy, show_policy

from .policy_texts import ALERTS, TABLE


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


@pytest.mark.slow
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
