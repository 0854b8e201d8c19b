"""What the API says of polled signals, as they are when it is asked."""

from __future__ import annotations

import pytest

from balancer.adapters.datadog.readings import Freshness, Reading
from balancer.policy_file import parse_policy
from balancer.service.api.integration_views import polled
from balancer.service.integrations.datadog.polling import Polled
from balancer.service.integrations.integrations import Integrations

(RULE,) = parse_policy("thresholds: {soft: {latency_p95: 2s}}").rules


class Before:
    """Polling that polled once, at second 1,000."""

    def __init__(self, reading: Reading) -> None:
        self.found = Polled(at=1000.0, readings=(reading,))

    def polled(self) -> Polled:
        """What it found."""
        return self.found


@pytest.mark.parametrize(
    ("freshness", "age_s", "later_s", "state"),
    [
        (Freshness.FRESH, 60.0, 100.0, "fresh"),
        (Freshness.FRESH, 60.0, 130.0, "stale"),
        (Freshness.STALE, 200.0, 0.0, "stale"),
        (Freshness.FAILED, None, 900.0, "failed"),
    ],
)
def test_a_value_grows_old_between_two_polls(
    freshness: Freshness, age_s: float | None, later_s: float, state: str
) -> None:
    """It is fresh for three minutes, whenever the next poll comes."""
    reading = Reading(rule=RULE, freshness=freshness, value=1.0, age_s=age_s)
    outside = Integrations((), polling=Before(reading))  # type: ignore[arg-type]
    (shown,) = polled(outside, 1000.0 + later_s)
    assert shown.state == state
    assert shown.age_s == (None if age_s is None else age_s + later_s)


def test_before_the_first_poll_there_is_nothing() -> None:
    """Nor where nothing polls."""
    assert polled(Integrations(()), 1000.0) == []
