"""What answers mean."""

from __future__ import annotations

import pytest

from balancer.adapters.notify import Timing
from balancer.adapters.notify.answers import pause_s, read_answer

SECRET = "https://hooks.slack.com/services/T0/no_service_here_at_all/xyz"  # noqa: S105
NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("status", "again"),
    [(429, True), (408, True), (500, True), (503, True), (400, False), (404, False), (301, False)],
)
def test_only_what_may_pass_is_tried_again(status: int, again: bool) -> None:
    """A bad request stays bad; a redirected one lost its body."""
    answer = read_answer(status, "", None, SECRET)
    assert (answer.ok, answer.again) == (False, again)
    assert f"answered {status}" in answer.problem


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(status: int) -> None:
    """Slack says 200, Teams 202."""
    assert read_answer(status, "", None, SECRET).ok


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 0 ", 0.0),
        ("Tue, 17 Nov 2026 17:07:40 GMT", 60.0),
        ("Tue, 17 Nov 2020 17:07:40 GMT", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("²", 0.0),
        (None, 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float) -> None:
    """What is neither asks for nothing."""
    moment = 1_794_935_200.0  # 17:06:40 that day
    assert read_answer(429, "", header, SECRET, lambda: moment).after_s == seconds


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("invalid_payload", "answered 400 invalid_payload: bad request"),
        ('{"error": {"code": "InvalidTemplate"}}', "answered 400 InvalidTemplate: bad request"),
        ("<p>no hook at /services/T0/abc</p>", "answered 400: bad request"),
        ("no_service_here_at_all", "answered 400: bad request"),
    ],
)
def test_of_a_body_only_a_code_is_shown(body: str, shown: str) -> None:
    """Anything else could quote the address; nor is a part of that a code."""
    assert read_answer(400, body, None, SECRET).problem == shown


def test_pauses_grow_and_are_spread() -> None:
    """Doubled from 1 s to 60 s, between a half and all of it."""
    timing = Timing()
    most = [pause_s(failures, 0.0, timing, 1.0) for failures in range(1, 9)]
    assert most == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert pause_s(3, 0.0, timing, 0.0) == 2.0
    assert pause_s(10_000, 0.0, timing, 1.0) == 60.0


def test_a_pause_that_is_asked_for_is_given() -> None:
    """Up to an hour."""
    assert pause_s(1, 30.0, Timing(), 0.5) == 30.0
    assert pause_s(1, 1e9, Timing(), 0.5) == 3600.0
