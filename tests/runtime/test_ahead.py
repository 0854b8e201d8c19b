"""What a day that is to come does to a policy is told before."""

from __future__ import annotations

from datetime import date

import pytest

from balancer.core.doubts import doubts
from balancer.policy_file import default_policy, parse_policy
from balancer.runtime.ahead import ahead
from tests.runtime.bench import Bench


def test_a_price_that_will_cross_a_threshold_is_told_from_when_on() -> None:
    """Within ninety days, and not where a later day is asked about."""
    policy = parse_policy("thresholds: {soft: {token_cost_per_hour: $190}}")
    (told,) = ahead(policy, date(2026, 11, 29))
    assert told.startswith("from 2027-01-01 on: token_cost_per_hour at rest on conversation is")
    assert not list(ahead(policy, date(2026, 9, 1)))
    # From then on it is no news: the policy of the day says it.
    assert not list(ahead(policy, date(2027, 1, 2)))
    assert doubts(policy.on("2027-01-02"))
    # The thresholds of the default policy follow the prices of its baseline.
    assert not list(ahead(default_policy(), date(2026, 11, 29)))
    assert not doubts(default_policy().on("2027-01-02"))


def test_a_policy_that_a_day_makes_impossible_is_told() -> None:
    """Argon is the cheaper one until its price doubles."""
    same = "thinking: LOW, output_cap: null, instruction: null, timeout: 60s, fallback_models: []"
    normal, soft = (f"{{model: gemini-4-{name}, {same}}}" for name in ("neon", "argon"))
    policy = parse_policy(f"modes: {{normal: {normal}, soft: {soft}}}")
    (told, *_) = ahead(policy, date(2026, 11, 29))
    assert told.startswith("from 2026-12-01 on the policy would be refused: ")


def test_no_day_comes_after_the_last() -> None:
    """Of the calendar."""
    assert not list(ahead(default_policy(), date.max))


def test_a_balancer_tells_it_once(caplog: pytest.LogCaptureFixture) -> None:
    """On the first day that its clock names, and on the day itself."""
    bench = Bench(parse_policy("thresholds: {soft: {token_cost_per_hour: $190}}"))
    said = "from 2027-01-01 on: token_cost_per_hour"
    for day in ("2026-11-30", "2026-12-01", "2026-12-02"):
        bench.clock.day = day
        bench.seen()
    assert sum(said in record.getMessage() for record in caplog.records) == 1
