"""A monitoring service outside: late, plain, and told by messages."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from balancer.core.modes import Mode
from balancer.core.observations import Alert, Observations
from scenarios.schema import Monitors
from sim.run.monitors import MonitoringService
from tests.core.builders import make_policy, served, table, tick

ERRORS = make_policy(rules=table("error_rate", 0.1, 0.5))


def service(policy: Any = ERRORS, **monitors: Any) -> MonitoringService:
    """A service without a lag, unless it is given one."""
    return MonitoringService(policy, Monitors(**{"lag": 0, "delivery": 5, **monitors}), key=1)


def told(
    watching: MonitoringService, shares: list[float], mode: Mode = Mode.NORMAL
) -> list[tuple[float, Alert]]:
    """What is told over ticks in which this share of ten calls fails."""
    messages = []
    for at, share in enumerate(shares):
        failed = round(10 * share)
        messages += watching.observe(
            tick(at, served(mode, latencies=[1.0] * (10 - failed), overloaded=failed))
            if share >= 0
            else Observations(at)
        )
    return messages


def brief(messages: list[tuple[float, Alert]]) -> list[tuple[float, str, bool]]:
    """When, for which mode, and whether raised."""
    return [(at_s, alert.mode.label, alert.raised) for at_s, alert in messages]


def test_a_trigger_comes_with_the_next_evaluation_and_its_delivery() -> None:
    """Broken from the first second, told after the first minute and five seconds."""
    assert brief(told(service(), [0.3] * 60)) == [(65.0, "soft", True)]


def test_every_rule_is_a_monitor_of_its_own() -> None:
    """There is no ladder outside: both modes are asked for at once."""
    assert brief(told(service(), [0.9] * 60)) == [(65.0, "soft", True), (65.0, "hard", True)]


def test_a_monitor_recovers_below_the_exit_threshold_only() -> None:
    """10 % is not above entry, but above exit, which is 8 %; then all is well."""
    messages = told(service(renotify=600, lifetime=900), [0.3] * 60 + [0.1] * 59 + [0.0] * 61)
    assert brief(messages) == [(65.0, "soft", True), (185.0, "soft", False)]


def test_a_monitor_does_not_see_in_which_mode_calls_were_served() -> None:
    """What soft serves well makes the signal recover, whatever is wrong with normal."""
    watching = service()
    told(watching, [0.3] * 60)
    later = [
        watching.observe(tick(at, served(Mode.SOFT, latencies=[1.0] * 10))) for at in range(60, 120)
    ]
    assert [alert.raised for messages in later for _, alert in messages] == [False]


def test_late_metrics_are_evaluated_late() -> None:
    """With a lag of 90 s the first minute says nothing yet."""
    assert brief(told(service(lag=90), [0.3] * 120)) == [(125.0, "soft", True)]


def test_a_monitor_that_stays_triggered_says_so_again() -> None:
    """Or its alert would lapse."""
    messages = told(service(renotify=120, lifetime=300), [0.3] * 300)
    assert [at_s for at_s, _ in messages] == [65.0, 185.0, 305.0]


def test_silence_neither_triggers_nor_recovers() -> None:
    """No data is a state of its own."""
    assert brief(told(service(renotify=600, lifetime=900), [0.3] * 60 + [-1.0] * 120)) == [
        (65.0, "soft", True)
    ]


def test_a_rule_that_must_last_is_told_when_it_has() -> None:
    """Two minutes long, as evaluations see it."""
    policy = make_policy(rules=table("error_rate", 0.1, sustained_s=120.0))
    assert [at_s for at_s, _ in told(service(policy), [0.3] * 240)] == [185.0]


def test_messages_get_lost_and_come_twice() -> None:
    """All of them, at a share of one."""
    assert told(service(loss=1), [0.3] * 60) == []
    messages = told(service(duplicates=1), [0.3] * 60)
    assert [at_s for at_s, _ in messages] == [65.0, 125.0]
    assert len({alert for _, alert in messages}) == 1


def test_an_alert_must_outlive_the_time_until_it_is_told_again() -> None:
    """Or it would lapse while its monitor is triggered."""
    with pytest.raises(ValidationError, match="not longer than renotify"):
        Monitors(renotify=600, lifetime=300)
