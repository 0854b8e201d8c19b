"""What error responses mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.observations import FAILURES
from balancer.wire import error_of, read_error

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


LOCATION = "User location is not supported for the API use."
CAP = "Your project has exceeded its monthly spending cap. Please go to AI Studio to manage it."
INFO = "type.googleapis.com/google.rpc.ErrorInfo"


@pytest.mark.parametrize(
    ("status", "word", "message", "reason"),
    [
        (429, "RESOURCE_EXHAUSTED", CAP, None),
        (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", None),
        (402, "", "Payment required", None),
        (403, "PERMISSION_DENIED", "This API method requires billing to be enabled.", None),
        (403, "PERMISSION_DENIED", "no", "BILLING_DISABLED"),
        (403, "PERMISSION_DENIED", "no", "SERVICE_DISABLED"),
        (403, "PERMISSION_DENIED", "The API has not been used in project 7 before", None),
        (403, "PERMISSION_DENIED", "no", "CONSUMER_SUSPENDED"),
        (403, "PERMISSION_DENIED", "Consumer 'projects/7' has been suspended.", None),
    ],
)
def test_a_closed_project_is_told_apart(
    status: int, word: str, message: str, reason: str | None
) -> None:
    """Nobody but its owner can open it: no other model answers, and no wait helps."""
    details = [] if reason is None else [{"@type": INFO, "reason": reason}]
    body = {"error": {"code": status, "status": word, "message": message, "details": details}}
    assert read_error(status, body).kind == "closed"


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, LOCATION, "rejected"),
        (403, "The caller does not have permission", "rejected"),
        (429, "You exceeded your current quota, please check your plan and billing details.",
         "quota_minute"),
        (429, "Spending cap of a rolling 10 minutes reached.", "quota_minute"),
        (503, "The project's monthly spending cap", "overloaded"),
    ],
)  # fmt: skip
def test_what_closes_nothing(status: int, message: str, kind: str) -> None:
    """A caller's mistake, a quota that passes, an upstream that is down."""
    assert read_error(status, {"error": {"code": status, "message": message}}).kind == kind


NOW_S = 1_795_953_600.0  # 2026-11-29 12:00:00 UTC


@pytest.mark.parametrize(
    ("header", "delay_s"),
    [
        ("20", 20.0),
        (" 1.5 ", 1.5),
        ("Sun, 29 Nov 2026 12:00:20 GMT", 20.0),
        ("Sunday, 29-Nov-26 12:00:20 GMT", 20.0),
        ("Sun, 29 Nov 2026 11:59:00 GMT", 0.0),
        ("Sun, 29 Nov 2099 12:00:00 GMT", 86_400.0),
        ("Sun, 29 Nov", None),
        ("soon", None),
        ("-3", None),
    ],
)
def test_a_gateway_says_how_long_to_wait(header: str, delay_s: float | None) -> None:
    """In seconds, or as a date (RFC 9110)."""
    assert read_error(429, None, header, now_s=NOW_S).retry_after_s == delay_s


def test_a_date_means_nothing_without_a_clock() -> None:
    """And what the body says comes before any header."""
    header = "Sun, 29 Nov 2026 12:00:20 GMT"
    assert read_error(429, None, header).retry_after_s is None
    assert read_error(429, quota(MINUTE), header, now_s=NOW_S).retry_after_s == 36.0


@given(st.text(max_size=40), st.floats(allow_nan=False, allow_infinity=False))
def test_any_header_is_a_wait_or_nothing(header: str, now_s: float) -> None:
    """It comes from outside."""
    found = read_error(429, None, header, now_s=now_s).retry_after_s
    assert found is None or 0 <= found <= 86_400


def test_an_error_is_found_alone_and_in_a_list() -> None:
    """And nowhere else."""
    error = {"error": {"code": 429}}
    assert error_of(error) == error_of([error]) == error
    others: list[Any] = [[], {}, None, [[]], {"error": "no"}, [{"candidates": []}]]
    assert [error_of(other) for other in others] == [None] * len(others)
