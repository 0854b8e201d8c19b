"""What error responses mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.observations import FAILURES
from balancer.wire import read_error

from .test_bodies import VALUES


def quota(*ids: str, delay: Any = "36s", message: str = "You exceeded your quota.") -> Any:
    """A 429 as Google writes it."""
    return {
        "error": {
            "code": 429,
            "message": message,
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [{"quotaId": name, "quotaValue": "5"} for name in ids],
                },
                {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
            ],
        }
    }


MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"


def test_a_quota_of_a_minute_passes() -> None:
    """After the delay it names."""
    found = read_error(429, quota(MINUTE))
    assert (found.kind, found.retry_after_s) == ("quota_minute", 36.0)


@pytest.mark.parametrize("ids", [(DAY,), (MINUTE, DAY)])
def test_a_quota_of_a_day_is_told_apart_whatever_its_delay(ids: tuple[str, ...]) -> None:
    """It carries short delays too."""
    assert read_error(429, quota(*ids, delay="3s")).kind == "quota_day"


def test_without_details_the_message_tells() -> None:
    """As far as it can."""
    body = {"error": {"code": 429, "message": "Quota exceeded: requests per day. Please retry."}}
    assert read_error(429, body).kind == "quota_day"
    body = {"error": {"code": 429, "message": "Resource exhausted. Please try again later."}}
    assert read_error(429, body).kind == "quota_minute"
    # Where the limits that were hit are named, a word in the message means nothing.
    named = quota(MINUTE, message="See your daily usage.")
    assert read_error(429, named).kind == "quota_minute"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (503, "overloaded"),
        (500, "internal"),
        (502, "internal"),
        (504, "timeout"),
        (408, "timeout"),
        (400, "rejected"),
        (403, "rejected"),
        (404, "rejected"),
    ],
)
def test_statuses_have_kinds(status: int, kind: str) -> None:
    """With or without a body."""
    assert read_error(status, None).kind == kind
    assert read_error(status, {"error": {"code": status}}).kind == kind


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        ("36s", 36.0),
        ("36.429760048s", 36.429760048),
        ("1h2m3.5s", 3723.5),
        ("850ms", 0.85),
        ({"seconds": "7", "nanos": 500_000_000}, 7.5),
        ("999999999s", 86_400.0),
        ("soon", None),
        ("-3s", None),
        ({"seconds": []}, None),
        (36, None),
    ],
)
def test_delays_are_read_as_google_writes_them(delay: Any, expected: float | None) -> None:
    """And bounded."""
    assert read_error(429, quota(MINUTE, delay=delay)).retry_after_s == expected


def test_a_delay_may_stand_in_the_message_or_a_header() -> None:
    """In this order, after the details."""
    body = {"error": {"code": 429, "message": "Slow down. Please retry in 36.429760048s."}}
    assert read_error(429, body, retry_after="3").retry_after_s == 36.429760048
    assert read_error(429, {}, retry_after="3").retry_after_s == 3.0
    assert read_error(503, {}, retry_after="Wed, 21 Oct 2026 07:28:00 GMT").retry_after_s is None


def test_a_stream_s_error_comes_as_a_list_or_with_status_200() -> None:
    """The code in the body counts then."""
    overloaded = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    assert read_error(503, [overloaded]).message == "overloaded"
    assert read_error(200, overloaded).kind == "overloaded"
    assert read_error(200, {"error": {"status": "RESOURCE_EXHAUSTED"}}).kind == "quota_minute"
    assert read_error(503, json.dumps([overloaded]).encode()).message == "overloaded"
    assert read_error(503, "<html>").kind == "overloaded"


@given(st.integers(0, 999), VALUES)
def test_any_body_has_a_kind(status: int, value: Any) -> None:
    """Whatever stands in it."""
    bodies = [
        value,
        {"error": value},
        {"error": {"code": value, "status": value, "message": value, "details": value}},
        {"error": {"details": [value, {"violations": value, "retryDelay": value}]}},
    ]
    for body in bodies:
        found = read_error(status, body)
        assert found.kind in FAILURES
        assert found.retry_after_s is None or 0 <= found.retry_after_s <= 86_400
