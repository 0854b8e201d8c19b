"""Stances: a mode's strategy, a broken rule, an alert and an override, as laws say them."""

from __future__ import annotations

from dataclasses import replace

from balancer.core.decisions import ADMIT_ALL, Limits, one_hot
from balancer.core.laws.stances import alerted, measured_reason, ordered, stance
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Override
from balancer.core.policy import Policy
from balancer.core.signals import Signals
from tests.core.builders import STRATEGIES, make_policy, served, tick


def limited(starts_per_s: float, tick_s: float = 1.0) -> Policy:
    """A policy whose soft mode has bounds."""
    soft = replace(STRATEGIES[1], max_in_flight=8, max_starts_per_s=starts_per_s)
    return make_policy(strategies=(STRATEGIES[0], soft, *STRATEGIES[2:]), tick_s=tick_s)


def test_a_stance_serves_everybody_in_its_mode() -> None:
    """Every priority alike, nobody refused, no bounds."""
    found = stance(make_policy(), Mode.HARD, ())
    assert found.mixes == (one_hot(Mode.HARD),) * 3
    assert (found.admit, found.limits, found.probe) == (ADMIT_ALL, Limits(), None)


def test_a_stance_sheds_as_the_strategy_says() -> None:
    """Low first."""
    assert stance(make_policy(), Mode.EMERGENCY, ()).admit == (0.0, 0.5, 1.0)


def test_a_stance_may_leave_the_shedding_out() -> None:
    """Where upstream errors alone led to the mode."""
    assert stance(make_policy(), Mode.EMERGENCY, (), shedding=False).admit == ADMIT_ALL


def test_starts_a_second_become_starts_a_tick() -> None:
    """Rounded, and at least one, or nothing would ever start."""
    for starts_per_s, tick_s, expected in ((10.0, 1.0, 10), (10.0, 0.5, 5), (0.1, 1.0, 1)):
        found = stance(limited(starts_per_s, tick_s), Mode.SOFT, ())
        assert found.limits == Limits(max_in_flight=8, max_starts=expected)


def test_a_broken_rule_is_a_reason_with_what_was_measured() -> None:
    """In the rule's own window, which may be shorter than the evidence."""
    policy = make_policy()
    signals = Signals(policy)
    signals.observe(tick(0, served(overloaded=100)))
    for index in range(1, 100):
        signals.observe(tick(index, served(latencies=[1.0] * 9, overloaded=1)))
    reason = measured_reason(signals, signals.entry[3], Mode.NORMAL, -1, Mode.SOFT)
    assert reason.text == "soft: error_rate 10.0% > 5.0% over 1m"
    assert (reason.kind, reason.rule, reason.k, reason.n) == ("rule", "error_rate soft", 60, 600)


def test_an_alert_is_a_reason_with_its_key() -> None:
    """And the tick it was raised at, which may be long before it arrived."""
    reason = alerted(Alert("datadog:42", 17, Mode.HARD))
    assert reason.text == "hard: alert datadog:42 raised at tick 17"
    assert (reason.kind, reason.rule) == ("alert", "datadog:42")


def test_an_override_is_a_reason_with_its_end_and_why() -> None:
    """Who reads it knows when it ends by itself."""
    reason = ordered(Override(5, 90, Mode.SOFT, "launch day"))
    assert reason.text == "soft: override until tick 90: launch day"
    assert reason.kind == "override"
