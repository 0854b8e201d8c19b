"""Polled metrics become alerts when they are fresh, and nothing when they are not."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.errors import Trouble
from balancer.adapters.datadog.monitors import Target
from balancer.adapters.datadog.poller import Poll, Poller, interval_s
from balancer.adapters.datadog.readings import Freshness, Judge, read_answer, request_of
from balancer.core.modes import Mode
from balancer.core.observations import Alert
from balancer.policy_file import parse_policy
from tests.adapters.datadog.fake import Fake

TARGET = Target(service="shop")
POLICY = parse_policy("thresholds:\n  soft: {latency_p95: 2s}\n  hard: {error_rate: 10%}\n")
NOW_S = 1_763_800_000.0 // 60 * 60


def an_answer(latency: list[Any], errors: list[Any] | None, late_s: int = 0) -> dict[str, Any]:
    """Points of one minute, the last of which ended `late_s` ago."""
    size = len(latency)
    times = [int(NOW_S - late_s - 60 * (size - index)) * 1000 for index in range(size)]
    rows = [latency] if errors is None else [latency, errors]
    return {
        "times": times,
        "values": rows,
        "series": [{"query_index": index, "group_tags": []} for index in range(len(rows))],
    }


def polled(client: Client, fake: Fake, *answers: dict[str, Any]) -> list[Poll]:
    """Polls a minute apart; the answers are of the same points."""
    poller = Poller(client, POLICY, TARGET, tick_of=int)
    fake.series = list(answers)
    return [poller.poll(NOW_S + index) for index in range(len(answers))]


def test_one_request_asks_for_all_rules() -> None:
    """A formula for each, over series that are asked for once."""
    attributes = request_of(POLICY, TARGET, NOW_S)["data"]["attributes"]
    assert attributes["formulas"] == [
        {"formula": "query0"},
        {"formula": "(default_zero(query1) / query2)"},
    ]
    assert [query["query"] for query in attributes["queries"]] == [
        "p95:open_balancer.request.duration{service:shop}",
        "sum:open_balancer.attempts.failed{service:shop}.as_count()",
        "sum:open_balancer.attempts.finished{service:shop}.as_count()",
    ]
    assert attributes["to"] == NOW_S * 1000


def test_a_fresh_value_above_its_threshold_raises_an_alert(client: Client, fake: Fake) -> None:
    """With a lifetime, and of the rule's mode."""
    (poll,) = polled(client, fake, an_answer([1.0, 3.0], [0.0, 0.01]))
    assert poll.alerts == (
        Alert("datadog-poll:soft latency_p95", int(NOW_S), Mode.SOFT, True, 600),
    )
    assert [(r.freshness, r.value, r.age_s) for r in poll.readings] == [
        (Freshness.FRESH, 3.0, 0.0),
        (Freshness.FRESH, 0.01, 0.0),
    ]


def test_it_is_cleared_below_the_exit_threshold_only(client: Client, fake: Fake) -> None:
    """Between 1.6 s and 2 s nothing is said."""
    polls = polled(client, fake, *(an_answer([value], [0.0]) for value in (3.0, 1.9, 1.5, 1.0)))
    assert [[alert.raised for alert in poll.alerts] for poll in polls] == [[True], [], [False], []]


@pytest.mark.parametrize(
    ("answer", "freshness"),
    [
        (an_answer([9.0], [0.9], late_s=181), Freshness.STALE),
        (an_answer([None], [None]), Freshness.MISSING),
        (an_answer([9.0], [0.9], late_s=-60), Freshness.MISSING),
        ({"times": [], "values": [], "series": []}, Freshness.MISSING),
        ({}, Freshness.MISSING),
    ],
    ids=["old", "null", "not over yet", "empty", "nothing"],
)
def test_old_or_missing_data_is_a_state_and_no_value(
    client: Client, fake: Fake, answer: dict[str, Any], freshness: Freshness
) -> None:
    """Neither raises nor clears: what holds ends with its lifetime."""
    first, second = polled(client, fake, an_answer([3.0], [0.5]), answer)
    assert len(first.alerts) == 2
    assert {reading.freshness for reading in second.readings} == {freshness}
    assert second.alerts == ()


def test_a_rule_without_a_series_is_missing_and_not_zero(client: Client, fake: Fake) -> None:
    """While the other has its value."""
    (poll,) = polled(client, fake, an_answer([3.0], None))
    assert [reading.freshness for reading in poll.readings] == [Freshness.FRESH, Freshness.MISSING]
    assert poll.readings[1].value is None


def test_sustained_means_every_minute() -> None:
    """As the rule says; a gap is no minute above."""
    policy = parse_policy(
        '- {alert: a, condition: "P95 response time > 2s for 3 minutes", '
        'action: "Activate hard brownout mode"}\n'
    )
    for values, above in (
        ([3.0, 3.0, 3.0], True),
        ([3.0, 1.0, 3.0], False),
        ([3.0, None, 3.0], False),
        ([3.0, 3.0], False),
    ):
        answer = {"data": {"attributes": an_answer(values, None)}}
        (reading,) = read_answer(policy, TARGET, answer, NOW_S)
        assert reading.above is above


def test_what_ended_with_its_lifetime_is_not_cleared_again() -> None:
    """There is nothing to clear."""
    judge = Judge(POLICY, TARGET, tick_of=int)
    high = read_answer(POLICY, TARGET, {"data": {"attributes": an_answer([3.0], None)}}, NOW_S)
    low = read_answer(POLICY, TARGET, {"data": {"attributes": an_answer([0.1], None)}}, NOW_S)
    assert len(judge.alerts(high, NOW_S)) == 1
    assert set(judge.raised) == {"soft latency_p95"}
    assert judge.alerts(low, NOW_S + 601) == ()


@pytest.mark.parametrize("how", [401, 403, 500, "text"])
def test_trouble_is_a_state_and_is_not_raised(client: Client, fake: Fake, how: int | str) -> None:
    """The next poll comes later each time, and soon again after a good one."""
    poller = Poller(client, POLICY, TARGET, tick_of=int)
    fake.failures = [("POST", "/api/v2/query", how)] * 6
    fake.series = [an_answer([3.0], [0.5])] * 8
    polls = [poller.poll(NOW_S) for _ in range(2)]
    assert [poll.next_s for poll in polls] == [60.0, 120.0]
    assert {reading.freshness for poll in polls for reading in poll.readings} == {Freshness.FAILED}
    error = polls[0].error
    assert error is not None
    assert error.trouble in (Trouble.UNAUTHORISED, Trouble.FORBIDDEN, Trouble.UNAVAILABLE)
    fake.failures = []
    assert poller.poll(NOW_S).next_s == 30.0


@pytest.mark.parametrize(
    "answer",
    [
        {"times": 7, "values": [[1.0]], "series": [{"query_index": 0}]},
        {"times": [1], "values": "x", "series": [None]},
        {"times": [1], "values": [5], "series": [{"query_index": 0}]},
        [],
    ],
)
def test_an_answer_in_another_form_is_trouble(client: Client, fake: Fake, answer: Any) -> None:
    """No reading of before is shown on as if it were fresh, and the next poll is soon."""
    first, second = polled(client, fake, an_answer([3.0], [0.5]), answer)
    assert {reading.freshness for reading in first.readings} == {Freshness.FRESH}
    assert {reading.freshness for reading in second.readings} == {Freshness.FAILED}
    assert second.error is not None
    assert "not in the form that Datadog documents" in str(second.error)
    assert (second.alerts, second.next_s) == ((), 60.0)


def test_a_rate_limit_is_kept_to(client: Client, fake: Fake) -> None:
    """Its reset is waited for, however long."""
    fake.failures = [("POST", "/api/v2/query", 429)]
    fake.limits = {"X-RateLimit-Reset": "900"}
    assert Poller(client, POLICY, TARGET, tick_of=int).poll(NOW_S).next_s == 900.0


@pytest.mark.parametrize(
    ("remaining", "reset", "wait_s"),
    [
        ("100", "3600", 72.0),
        ("1000", "3600", 30.0),
        ("1", "300", 300.0),
        ("0", "90", 90.0),
        ("0", "9999", 600.0),
        ("x", "9", 30.0),
        ("-1", "9", 30.0),
        ("nan", "9", 30.0),
    ],
)
def test_the_interval_comes_from_the_headers(remaining: str, reset: str, wait_s: float) -> None:
    """Half of what remains, spread over what remains of the period."""
    headers = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    assert interval_s(headers) == wait_s


def test_without_headers_the_interval_is_the_shortest() -> None:
    """Datadog does not send them for every organisation."""
    assert interval_s({}) == 30.0
