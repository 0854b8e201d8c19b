"""What playing in wall time costs in accuracy."""

from __future__ import annotations

import math

import pytest

from loadtests.overhead import overhead
from loadtests.rows import ANSWER, FAILED, Fate, Request


def request(number: int, took_s: float, outcome: str = ANSWER) -> Request:
    """A request that was sent a tenth of a second late."""
    return Request(number, 1.0, 1.1, 1.1 + took_s, outcome, 200)


def fate(number: int, duration_s: float, *, attempt: int = 0, failure: str = "") -> Fate:
    """What it was dealt."""
    return Fate(number, attempt, "m", 1.1, duration_s, failure, 1, 0, 1, 0, 1_000_000, 1_000_000, 1)


def test_overhead_is_what_a_request_took_beyond_its_fate() -> None:
    """The median and P95 of those that were answered at the first attempt."""
    requests = [request(number, 2.0 + number / 100) for number in range(101)]
    fates = [fate(number, 2.0) for number in range(101)]
    found = overhead(requests, fates, call_wall_s=0.004, speed=10.0)
    assert found.p50_s == pytest.approx(0.5)
    assert found.p95_s == pytest.approx(0.95)
    assert found.call_s == pytest.approx(0.04)
    assert found.sent_late.p50_s == pytest.approx(0.1)


def test_retries_and_failures_say_nothing_about_it() -> None:
    """Their waits are the scenario's own."""
    requests = [request(0, 9.0), request(1, 3.0), request(2, 5.0, FAILED)]
    fates = [fate(0, 1.0, failure="overloaded"), fate(0, 1.0, attempt=1), fate(2, 1.0)]
    found = overhead(requests, [*fates, fate(1, 2.9)], call_wall_s=0.0, speed=1.0)
    assert found.p50_s == found.p95_s == pytest.approx(0.1)


def test_without_fates_nothing_is_known_of_it() -> None:
    """As against the real API; JSON has null for it."""
    found = overhead([request(0, 1.0)], [], call_wall_s=0.1, speed=1.0)
    assert math.isnan(found.p50_s)
    assert found.plain()["overhead_p50_s"] is None
    assert found.plain()["sent_late_max_s"] == pytest.approx(0.1)
