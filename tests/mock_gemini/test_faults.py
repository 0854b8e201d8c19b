"""Faults as they look on the wire, to a client that knows nothing but HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from balancer.wire.failures import read_error
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer
from tests.waiting import GIVE_UP_S

from .caller import FLASH, PRO, Reply, call, settings

WHOLE = f"/v1beta/models/{FLASH}:generateContent"
EVENTS = f"/v1beta/models/{FLASH}:streamGenerateContent?alt=sse"
ARRAY = f"/v1beta/models/{FLASH}:streamGenerateContent"


def met(fault: dict[str, Any], path: str = WHOLE) -> Reply:
    """The response of a call that meets a fault."""
    with MockServer(settings(fault)) as mock:
        return call(mock.addresses, path)


def error(name: str, where: str = "before") -> dict[str, Any]:
    """An error of every call."""
    return {"kind": "error", "error": name, "where": where}


@pytest.mark.parametrize(
    ("name", "status", "word", "says"),
    [
        ("overloaded", 503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        ("internal", 500, "INTERNAL", "An internal error has occurred. Please retry or report"),
        ("quota_minute", 429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"),
        ("quota_day", 429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"),
    ],
)
def test_a_refusal_has_gemini_s_status_and_words(
    name: str, status: int, word: str, says: str
) -> None:
    """In whole calls and streams; a stream that is one array has it inside an array."""
    with MockServer(settings(error(name))) as mock:
        whole, events, array = (call(mock.addresses, path) for path in (WHOLE, EVENTS, ARRAY))
    for found in (whole.error, events.error, array.json[0]["error"]):
        assert (found["code"], found["status"]) == (status, word)
        assert says in found["message"]
    assert {whole.status, events.status, array.status} == {status}


def test_a_quota_says_which_and_how_long_to_wait() -> None:
    """Of two calls a minute the third is refused; the delay is in the body and in no header."""
    quota = {"upstream": {"models": {FLASH: {"quota": {"rpm": 2}}}}}
    with MockServer(settings(scenario=quota)) as mock:
        replies = [call(mock.addresses) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    refused = replies[2]
    failure, _, retry = refused.error["details"]
    (violation,) = failure["violations"]
    assert violation["quotaId"] == "GenerateRequestsPerMinutePerProjectPerModel"
    assert violation["quotaValue"] == "2"
    assert violation["quotaDimensions"]["model"] == FLASH
    assert 0 < float(retry["retryDelay"].removesuffix("s")) <= 120
    assert "Please retry in " in refused.error["message"]
    assert "retry-after" not in {name.lower() for name in refused.headers}


def test_a_quota_that_models_share_names_no_model() -> None:
    """One call to each of two models, and a third is refused, whichever it asks."""
    shared = {"upstream": {"quota": {"rpm": 2, "counting": "sliding"}}}
    paths = [f"/v1beta/models/{name}:generateContent" for name in (FLASH, PRO, PRO)]
    with MockServer(settings(scenario=shared)) as mock:
        replies = [call(mock.addresses, path) for path in paths]
    assert [reply.status for reply in replies] == [200, 200, 429]
    (violation,) = replies[2].error["details"][0]["violations"]
    assert violation["quotaId"] == "GenerateRequestsPerMinutePerProject"
    assert violation["quotaValue"] == "2"
    assert "model" not in violation["quotaDimensions"]


def test_tokens_that_ran_out_are_said_to_have() -> None:
    """Not calls, of which there are enough."""
    quota = {"upstream": {"models": {FLASH: {"quota": {"rpm": 100, "tpm": 1}}}}}
    with MockServer(settings(scenario=quota)) as mock:
        reply = call(mock.addresses)
    (violation,) = reply.error["details"][0]["violations"]
    assert violation["quotaId"] == "GenerateContentInputTokensPerModelPerMinute"


def test_a_spend_limit_is_a_quota_that_passes() -> None:
    """429 for every model once the first bill is beyond it; clients take it for a minute's."""
    limit = {"upstream": {"spend_limit": {"usd": 0.000001, "per": "10m"}}}
    with MockServer(settings(scenario=limit, speed=100.0)) as mock:
        paths = [f"/v1beta/models/{name}:generateContent" for name in (FLASH, FLASH, PRO)]
        replies = [call(mock.addresses, path) for path in paths]
    assert [reply.status for reply in replies] == [200, 429, 429]
    refused = replies[1]
    assert refused.error["status"] == "RESOURCE_EXHAUSTED"
    (violation,) = refused.error["details"][0]["violations"]
    assert violation["quotaId"] == "SpendPerTenMinutesPerProject"
    assert "Spend limit exceeded" in refused.error["message"]
    found = read_error(429, refused.json)
    assert found.kind == "quota_minute"
    assert found.retry_after_s is not None
    assert 500.0 < found.retry_after_s <= 601.0


def test_a_quota_of_the_day_carries_a_short_delay_all_the_same() -> None:
    """Which is why clients have to look at its name."""
    failure, _, retry = met(error("quota_day")).error["details"]
    assert failure["violations"][0]["quotaId"] == "GenerateRequestsPerDayPerProjectPerModel"
    assert retry["retryDelay"] == "60s"


@pytest.mark.parametrize("where", ["before", "inside"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_reset_breaks_the_connection(where: str, streamed: bool) -> None:
    """Before a response, or in the middle of one."""
    path = EVENTS if streamed else WHOLE
    with (
        MockServer(settings(error("reset", where))) as mock,
        pytest.raises((ConnectionResetError, http.client.IncompleteRead)),
    ):
        call(mock.addresses, path)


def test_an_answer_may_be_no_json_or_break_off() -> None:
    """With status 200, as a proxy on the way would do it."""
    whole, torn = met(error("malformed")), met(error("malformed", "inside"))
    assert (whole.status, torn.status) == (200, 200)
    assert whole.body.startswith(b"<")
    assert torn.body.startswith(b'{"candidates"')
    for reply in (whole, torn):
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.body)


def test_a_stream_may_break_off_inside_a_chunk() -> None:
    """The chunks before it are in order."""
    *before, last = met(error("malformed", "inside"), EVENTS).body.split(b"\r\n\r\n")[:-1]
    for chunk in before:
        json.loads(chunk.removeprefix(b"data: "))
    with pytest.raises(json.JSONDecodeError):
        json.loads(last.removeprefix(b"data: "))


def test_a_stream_that_is_cut_ends_without_a_finish_reason() -> None:
    """In good form otherwise, so that clients take it for complete."""
    events = met({"kind": "cut"}, EVENTS).events
    assert events
    assert not [chunk for chunk in events if "finishReason" in chunk["candidates"][0]]


def test_an_error_may_come_inside_a_stream() -> None:
    """As an event of its own, after some of the answer."""
    *before, last = met(error("overloaded", "inside"), EVENTS).events
    assert before
    assert last["error"]["code"] == 503


@pytest.mark.parametrize("where", ["before", "inside"])
def test_a_hang_sends_nothing_more(where: str) -> None:
    """Not a byte, or only the beginning of a stream."""
    with MockServer(settings({"kind": "hang", "where": where})) as mock:
        address = mock.addresses.url.partition("//")[2]
        connection = http.client.HTTPConnection(address, timeout=GIVE_UP_S)
        body = json.dumps({"contents": [{"parts": [{"text": "hi"}]}]})
        connection.request("POST", EVENTS, body, {"x-goog-api-key": "mock-key"})
        line = connection.sock
        if where == "inside":
            response = connection.getresponse()
            assert response.readline().startswith(b"data: {")
            response.readline()
            line.settimeout(0.7)
            with pytest.raises(TimeoutError):
                response.readline()
        else:
            line.settimeout(0.7)
            with pytest.raises(TimeoutError):
                connection.getresponse()
        connection.close()


def test_a_slow_model_takes_as_many_times_as_long() -> None:
    """As the call's record says, in the scenario's time."""

    def took_s(*faults: dict[str, Any]) -> float:
        with MockServer(settings(*faults)) as mock:
            call(mock.addresses, EVENTS)
            (record,) = Admin(mock.addresses.admin_url, mock.addresses.token).calls()
            return float(record["duration_s"])

    assert took_s({"kind": "latency", "factor": 4}) == pytest.approx(4 * took_s())


def test_a_fault_of_a_model_leaves_the_others_alone() -> None:
    """And its price is what it was."""
    with MockServer(settings({**error("overloaded"), "model": FLASH})) as mock:
        where: Addresses = mock.addresses
        assert call(where).status == 503
        assert call(where, f"/v1/models/{PRO}:generateContent").status == 200
        models = Admin(where.admin_url, where.token).counters()["models"]
    assert models[FLASH]["bill_nano_usd"] == 0
    assert models[PRO]["bill_nano_usd"] > 0
