"""Thresholds of cost in policy files: dollars, or multiples of the baseline's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.errors import PolicyError
from balancer.core.modes import Mode
from balancer.core.policy import Policy
from balancer.policy_file import default_policy, parse_policy, show_policy

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
