"""Alert rules in sentences: what they mean."""

from __future__ import annotations

import pytest

from balancer.alert_sentences import Condition, parse_action, parse_condition, parse_threshold
from balancer.core.modes import Mode


@pytest.mark.parametrize(
    ("sentence", "signal", "threshold", "window_s", "sustained_s"),
    [
        ("P95 response time > 2000ms for 5 minutes", "latency_p95", 2.0, 60.0, 300.0),
        ("p99 latency > 10s", "latency_p99", 10.0, 60.0, 0.0),
        ("Error rate > 15% for 1 minute", "error_rate", 0.15, 60.0, 60.0),
        ("Error rate > 15% for 20 seconds", "error_rate", 0.15, 20.0, 20.0),
        ("Hourly token cost > $50", "token_cost_per_hour", 50.0, 60.0, 0.0),
        ("Memory usage > 85% for 5 minutes", "memory", 0.85, 60.0, 300.0),
        ("Request queue > 100 pending", "queue_depth", 100.0, 60.0, 0.0),
        ("tokens per minute > 500k", "tokens_per_minute", 500_000.0, 60.0, 0.0),
        ("ttft_p95 > 3s for 2m", "ttft_p95", 3.0, 60.0, 120.0),
    ],
)
def test_a_condition_is_taken_over_at_most_a_minute_and_sustained_for_its_duration(
    sentence: str, signal: str, threshold: float, window_s: float, sustained_s: float
) -> None:
    """ "X > v for D": true on every tick for D, the signal taken over min(D, 60 s)."""
    assert parse_condition(sentence) == Condition(
        signal=signal, threshold=threshold, window_s=window_s, sustained_s=sustained_s
    )


@pytest.mark.parametrize(
    ("action", "mode"),
    [
        ("Activate soft brownout mode", Mode.SOFT),
        ("Activate hard brownout mode", Mode.HARD),
        ("activate emergency brownout mode.", Mode.EMERGENCY),
        ("Scale up or activate brownout", Mode.SOFT),
    ],
)
def test_an_action_names_a_mode_and_soft_when_it_names_none(action: str, mode: Mode) -> None:
    """ "Scale up or activate brownout" asks for soft."""
    assert parse_action(action) is mode


@pytest.mark.parametrize(
    ("sentence", "hint"),
    [
        ("P95 respose time > 2s", "did you mean 'p95 response time'?"),
        ("burn_rate > 2", "unknown signal 'burn_rate'"),
        ("Error rate > 5s", "expected a share such as 5%"),
        ("Error rate > 5% for 3 furlongs", "unknown unit 'furlongs'"),
        ("Error rate is high", "expected a condition such as"),
        ("Error rate > 5% > 3%", "expected a condition such as"),
        (17, "expected a condition such as"),
    ],
)
def test_a_condition_that_is_no_sentence_says_what_one_looks_like(
    sentence: object, hint: str
) -> None:
    """The message names the unknown part, or gives an example."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_condition(sentence)
    assert hint in str(caught.value)


@pytest.mark.parametrize("action", ["Panic", "Activate normal brownout mode", None, 3])
def test_an_unknown_action_is_refused(action: object) -> None:
    """An action that names no brownout mode is a mistake, not a soft one."""
    with pytest.raises(ValueError, match="expected an action such as"):
        parse_action(action)


def test_a_threshold_is_read_in_its_signals_unit() -> None:
    """The same text means different things to different signals."""
    assert parse_threshold("latency_p95", "2m") == 120.0
    with pytest.raises(ValueError, match="expected a share"):
        parse_threshold("error_rate", "2m")
