"""Whose fault a failed call is, seen from a client of the proxy."""

from __future__ import annotations

import json

import httpx
import pytest

from balancer.core.modes import Mode
from balancer.core.observations import ILLNESSES, Observations, merge_ticks
from tests.service.conftest import KEY, Service, Start
from tests.service.upstream import answer, body_of, error, hang, response, sse

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
BODY = {"contents": [{"parts": [{"text": "hi"}]}]}
CAPPED = BODY | {"generationConfig": {"maxOutputTokens": 20}}
CUT = response(
    200,
    b'{"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}],'
    b' "usageMetadata": {"promptTokenCount": 5, "thoughtsTokenCount": 20}}',
)
RETRIES = """\
baseline: null
modes:
  normal:
    {model: null, thinking: null, retries: 2, fallback_models: [gemini-2.5-flash-lite],
    static_fallback: Sorry.}
"""
EDITS = RETRIES.replace("thinking: null", "thinking: off")
BAD_KEY = error(400, "INVALID_ARGUMENT", "API key not valid.", {"reason": "API_KEY_INVALID"})


def seen(service: Service) -> Observations:
    """Everything observed, once the service is told to step what is left."""
    service.balancer.close()
    return merge_ticks(service.seen)


def unjudged(service: Service) -> tuple[int, int, int]:
    """Attempts, requests that nobody is blamed for, and static answers."""
    found = seen(service)
    assert all(entry.ill == 0 for entry in found.served)
    assert [entry.failed.total for entry in found.requests] == [0] * len(found.requests)
    started = sum(entry.started for entry in found.served)
    return started, sum(found.unjudged), sum(found.fallback)


@pytest.mark.parametrize("path", [PATH, STREAM])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_callers_mistake_costs_one_call_and_comes_back_to_the_byte(
    start: Start, path: str, status: int
) -> None:
    """Under retries, a fallback model and a static answer."""
    service = start(policy=RETRIES)
    body = json.dumps({"error": {"code": status, "message": "Please use a valid role: user."}})
    service.script.say(response(status, body.encode(), "content-type: application/json"))
    with service.client(headers={"x-open-balancer-key": "shop"}) as client:
        found = client.post(path, json=BODY)
    assert (found.status_code, found.content) == (status, body.encode())
    assert len(service.script.asked) == 1
    assert service.balancer.status().mistakes == {"shop": 1}
    assert unjudged(service) == (1, 1, 0)


def test_an_answer_cut_to_nothing_by_the_callers_own_limit_is_handed_on(start: Start) -> None:
    """And billed: twenty tokens of thinking."""
    service = start(policy=RETRIES)
    service.script.say(CUT)
    with service.client() as client:
        found = client.post(PATH, json=CAPPED)
    assert (found.status_code, len(service.script.asked)) == (200, 1)
    assert found.json()["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert "x-open-balancer-fallback" not in found.headers
    assert seen(service).served[0].thinking_tokens == 20
    assert unjudged(service) == (1, 1, 0)


@pytest.mark.parametrize("path", [PATH, STREAM])
def test_a_deadline_that_is_over_before_an_answer_is_due_is_its_callers_doing(
    start: Start, path: str
) -> None:
    """One call upstream, and none of it in any count; the next one is tried again."""
    service = start(policy=RETRIES)
    service.script.say(hang)
    with service.client(headers={"x-server-timeout": "0.001"}) as client:
        found = [client.post(path, json=BODY) for _ in range(2)]
    assert [each.status_code for each in found] == [504, 504]
    assert "the call's own deadline" in found[0].json()["error"]["message"]
    assert "retry-after" not in found[0].headers
    assert len(service.script.asked) <= 2
    assert unjudged(service) == (2, 2, 0)


def test_so_is_one_that_a_stream_outlasts(start: Start) -> None:
    """What had come is billed."""
    service = start(policy=RETRIES)
    service.script.say(sse(body_of("a", finish=None), after=hang))
    with service.client(headers={"x-server-timeout": "3"}) as client:
        found = client.post(STREAM, json=BODY)
    assert "the call's own deadline" in found.text
    assert seen(service).served[0].prompt_tokens == 10
    assert unjudged(service) == (1, 1, 0)


@pytest.mark.parametrize("path", [PATH, STREAM])
def test_a_callers_deadline_is_evidence_where_an_answer_was_due(start: Start, path: str) -> None:
    """All attempts are made, and fail by the upstream's fault."""
    service = start(policy=RETRIES + "thresholds: {soft: {latency_p95: 200ms}}\n")
    service.script.say(hang)
    with service.client(headers={"x-server-timeout": "0.3"}) as client:
        found = client.post(path, json=BODY)
    assert "Sorry." in found.text
    found_kinds = [entry.failures for entry in seen(service).served]
    assert sum(sum(counts[:ILLNESSES]) for counts in found_kinds) == 4
    assert sum(sum(counts) for counts in found_kinds) == 4


@pytest.mark.parametrize("path", [PATH, STREAM])
def test_an_edit_that_is_refused_is_taken_back_and_named(start: Start, path: str) -> None:
    """Its caller sees the answer; calls alike are not edited again, others are."""
    service = start(policy=EDITS)
    good = answer("fine") if path == PATH else sse(body_of("fine"))
    body = BODY | {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    service.script.say(error(400, "INVALID_ARGUMENT", "include_thoughts needs thinking"), good)
    with service.client() as client:
        assert "fine" in client.post(path, json=body).text
        assert "fine" in client.post(path, json=body).text
        assert "fine" in client.post(path, json=BODY).text
        problems = client.get("/readyz").json()["problems"]
    edited, *written, other = [asked.json for asked in service.script.asked]
    assert edited["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 0
    assert written == [body, body]
    assert other["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}
    assert "thinkingConfig.includeThoughts" in problems["edits_withdrawn"]
    assert unjudged(service) == (4, 0, 0)


def test_what_fails_as_written_too_is_the_callers_and_withdraws_nothing(start: Start) -> None:
    """Two calls upstream; the answer is that to the request as its caller wrote it."""
    service = start(policy=EDITS)
    service.script.say(
        error(400, "INVALID_ARGUMENT", "about the edit"),
        error(400, "INVALID_ARGUMENT", "about the request"),
    )
    with service.client() as client:
        found = client.post(PATH, json=BODY)
        assert client.get("/readyz").json()["problems"] == {}
    assert found.json()["error"]["message"] == "about the request"
    assert service.script.asked[-1].json == BODY
    assert unjudged(service) == (2, 1, 0)


def test_a_refused_edit_that_the_budget_cannot_send_again_is_not_shown(start: Start) -> None:
    """Its caller wrote nothing wrong."""
    service = start(policy=EDITS + "budget: {per_hour: $0.20}\n")
    service.script.say(error(400, "INVALID_ARGUMENT", "about the edit"))
    service.balancer.ledger.book(199_000_000)
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert len(service.script.asked) == 1
    assert found.json()["error"]["details"][0]["reason"] == "BUDGET"


def test_the_services_own_key_refused_is_a_problem_and_no_mode(start: Start) -> None:
    """Twelve calls: one goes upstream, all get the provider's words, and /readyz has the remedy."""
    service = start(policy=RETRIES, gemini_key=KEY)
    service.script.say(BAD_KEY)
    with service.client() as client:
        found = [client.post(PATH, json=BODY) for _ in range(12)]
        problems = client.get("/readyz").json()["problems"]
    assert {(one.status_code, one.json()["error"]["message"]) for one in found} == {
        (400, "API key not valid.")
    }
    assert len(service.script.asked) == 1
    assert "give the service a key" in problems["project_closed"]
    assert KEY not in json.dumps(problems)
    assert service.balancer.status().mistakes == {}
    assert unjudged(service) == (1, 12, 0)
    assert service.balancer.decision.mode is Mode.NORMAL


def test_twelve_calls_with_a_callers_wrong_key_are_twelve_mistakes(start: Start) -> None:
    """Each of them is told, and nobody else is held back."""
    service = start(policy=RETRIES)
    service.script.say(*[BAD_KEY] * 12, answer("good"))
    with service.client() as client:
        for _ in range(12):
            found = client.post(PATH, json=BODY, headers={"x-goog-api-key": "wrong"})
            assert found.status_code == 400
        assert client.post(PATH, json=BODY).status_code == 200
        assert client.get("/readyz").json()["problems"] == {}
    assert service.balancer.status().mistakes == {"unnamed": 12}
    assert unjudged(service) == (13, 12, 0)
    assert service.balancer.decision.mode is Mode.NORMAL


def test_failures_of_the_upstream_are_still_failures(start: Start) -> None:
    """Nothing of this makes a 503 the caller's."""
    service = start(policy=RETRIES)
    service.script.say(error(503, "UNAVAILABLE"))
    with service.client() as client:
        found: httpx.Response = client.post(PATH, json=BODY)
    assert found.headers["x-open-balancer-fallback"] == "static"
    total = [sum(entry.failures[:ILLNESSES]) for entry in seen(service).served]
    assert sum(total) == len(service.script.asked) == 4
