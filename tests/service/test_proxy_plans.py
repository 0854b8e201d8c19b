"""The proxy under a plan: attempts, refusals, static answers, and what is recorded."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from balancer.core.modes import Mode
from balancer.core.observations import FAILURES, ModeObservations, Observations, merge_ticks
from balancer.runtime.calls import CallSettings, RequestRecord
from balancer.service.proxy import gateway
from tests.service.conftest import Service, Start
from tests.service.upstream import Connection, answer, error, hang, response
from tests.waiting import GIVE_UP_S

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
BODY = {"contents": [{"parts": [{"text": "hi"}]}]}
RETRIES = """\
baseline: null
modes:
  normal: {model: null, thinking: null, retries: 2, fallback_models: [gemini-2.5-flash-lite]}
"""
ONCE = """\
baseline: null
modes: {normal: {model: null, thinking: null, retries: 0, fallback_models: []}}
"""
PER_DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
}
PER_MINUTE = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}],
}
WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.2s"}


def seen(service: Service) -> Observations:
    """Everything observed, once the service is told to step what is left."""
    service.balancer.close()
    return merge_ticks(service.seen)


def only(service: Service) -> ModeObservations:
    """What was served, by one mode and one model."""
    (entry,) = seen(service).served
    return entry


def failed(entry: ModeObservations) -> dict[str, int]:
    """Failures that there were."""
    return {kind: n for kind, n in zip(FAILURES, entry.failures, strict=True) if n}


def test_an_answer_is_recorded_with_its_usage(service: Service) -> None:
    """Tokens and cost come from the answer."""
    service.script.say(answer("hello", prompt=1000, output=200))
    with service.client() as client:
        assert client.post(PATH, json=BODY).status_code == 200
    entry = only(service)
    assert (entry.mode, entry.model) == (Mode.NORMAL, "gemini-2.5-flash")
    assert (entry.started, entry.finished, entry.failed) == (1, 1, 0)
    assert (entry.prompt_tokens, entry.output_tokens) == (1000, 200)
    assert entry.nano_usd == 1000 * 300 + 200 * 2500
    assert entry.latency.total == 1


def test_another_model_takes_over_before_anything_is_sent(start: Start) -> None:
    """The caller sees only the answer."""
    service = start(policy=RETRIES)
    service.script.say(error(503, "UNAVAILABLE"), answer("from the other"))
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert found.json()["candidates"][0]["content"]["parts"][0]["text"] == "from the other"
    assert [asked.path.rpartition("/")[2] for asked in service.script.asked] == [
        "gemini-2.5-flash:generateContent",
        "gemini-2.5-flash-lite:generateContent",
    ]


def test_retries_start_over_and_the_last_error_is_passed_on(start: Start) -> None:
    """One attempt for each model, and the plan's retries."""
    service = start(policy=RETRIES)
    service.script.say(error(503, "UNAVAILABLE", "The model is overloaded."))
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert found.status_code == 503
    assert found.json()["error"]["message"] == "The model is overloaded."
    assert len(service.script.asked) == 4


def test_a_quota_of_the_day_is_not_tried_again(start: Start) -> None:
    """Whatever delay it names: it lasts until midnight."""
    service = start(policy=ONCE.replace("retries: 0", "retries: 3"))
    service.script.say(error(429, "RESOURCE_EXHAUSTED", "quota", PER_DAY, WAIT))
    with service.client() as client:
        assert client.post(PATH, json=BODY).status_code == 429
    assert len(service.script.asked) == 1
    assert failed(only(service)) == {"quota_day": 1}


def test_a_quota_of_the_minute_is_waited_for_as_long_as_it_asks(start: Start) -> None:
    """RetryInfo goes before the backoff."""
    service = start(policy=ONCE.replace("retries: 0", "retries: 1"))
    service.script.say(error(429, "RESOURCE_EXHAUSTED", "quota", PER_MINUTE, WAIT), answer("x"))
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert found.status_code == 200
    assert found.elapsed.total_seconds() >= 0.2


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (error(500, "INTERNAL"), "internal"),
        (error(400, "INVALID_ARGUMENT"), "rejected"),
        (response(200, b'{"candidates": [{"cont'), "malformed"),
        (
            response(200, b'{"candidates": [{"content": {}, "finishReason": "MAX_TOKENS"}]}'),
            "empty",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", "reset"),
    ],
)
def test_every_failure_is_recorded_as_what_it_is(start: Start, given: bytes, kind: str) -> None:
    """By the kinds that the controller knows."""

    async def and_hang_up(connection: Connection) -> None:
        await connection.write(given)
        connection.writer.close()

    service = start(policy=ONCE)
    service.script.say(and_hang_up)
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert found.status_code == {"internal": 500, "rejected": 400, "reset": 503}.get(kind, 200)
    assert failed(only(service)) == {kind: 1}


def test_a_hang_ends_at_the_plans_deadline(start: Start) -> None:
    """With 504 in the upstream's form."""
    service = start(policy=ONCE.replace("retries: 0", "retries: 0, timeout: 200ms"))
    service.script.say(hang)
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert found.status_code == 504
    assert found.json()["error"]["status"] == "DEADLINE_EXCEEDED"
    assert failed(only(service)) == {"timeout": 1}


def test_a_caller_who_leaves_takes_the_call_along(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upstream that does not say in time what it came to is hung up on; it is accounted for."""
    monkeypatch.setattr(gateway, "_AWAITED_S", 0.2)
    service = start(policy=ONCE)
    service.script.say(hang)
    service.leave("POST", PATH, json.dumps(BODY).encode(), lambda: service.script.asked)
    service.run(asyncio.wait_for(service.script.hung_up.wait(), GIVE_UP_S))
    entry = only(service)
    assert (entry.started, entry.failed) == (1, 0)
    assert service.balancer.status().in_flight == 0


def test_a_caller_who_leaves_between_attempts_is_made_no_more(start: Start) -> None:
    """Nobody waits for what another one would be billed for."""
    patient = CallSettings(backoff_initial_s=30.0, backoff_max_s=30.0)
    service = start(policy=ONCE.replace("retries: 0", "retries: 2"), call_settings=patient)
    service.script.say(error(503, "UNAVAILABLE"), hang)
    ended, over = threading.Event(), threading.Event()
    service.balancer.listeners.calls.add(lambda _record: ended.set())
    service.balancer.listeners.requests.add(lambda _record: over.set())
    service.leave("POST", PATH, json.dumps(BODY).encode(), ended.is_set)
    assert over.wait(GIVE_UP_S)
    assert len(service.script.asked) == 1


def test_what_is_shed_gets_a_503_that_clients_understand(start: Start) -> None:
    """And the upstream is not called."""
    service = start(policy=ONCE.replace("retries: 0", "shed: {low: 100%, normal: 0%, high: 0%}"))
    service.wait_for_tick()
    low = {"x-open-balancer-priority": "low"}
    with service.client() as client:
        found = client.post(PATH, json=BODY, headers=low)
        assert client.post(PATH, json=BODY).status_code == 200
    error_ = found.json()["error"]
    assert (found.status_code, error_["status"]) == (503, "UNAVAILABLE")
    assert found.headers["x-open-balancer-mode"] == "normal"
    kinds = {detail["@type"].rpartition(".")[2]: detail for detail in error_["details"]}
    assert kinds["RetryInfo"]["retryDelay"].endswith("s")
    assert kinds["ErrorInfo"]["reason"] == "SHED"
    assert len(service.script.asked) == 1
    assert seen(service).shed == (1, 0, 0)


NO_FREE_TEXT: list[dict[str, Any]] = [
    {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
    {"generationConfig": {"responseModalities": ["IMAGE"]}},
    {"contents": [{"role": "robot", "parts": [{"text": "a mistake of its caller's"}]}]},
    {
        "contents": [
            {"parts": [{"text": "Look."}]},
            {"role": "model", "parts": [{"functionCall": {"name": "look"}}]},
            {"parts": [{"functionResponse": {"name": "look", "response": {}}}]},
        ]
    },
]
"""What no static text answers: a forced call, an image, a mistake, a running tool turn."""


def test_a_refused_call_may_get_the_static_answer(start: Start) -> None:
    """In the form of a model's, and marked as none."""
    service = start(
        policy=ONCE.replace(
            "retries: 0",
            "shed: {low: 100%, normal: 100%, high: 100%}, static_fallback: Come back soon.",
        )
    )
    service.wait_for_tick()
    with service.client() as client:
        found = client.post(PATH, json=BODY)
        schema = {"generationConfig": {"responseMimeType": "application/json"}}
        structured = client.post(PATH, json=BODY | schema)
        others = [client.post(PATH, json=BODY | more) for more in NO_FREE_TEXT]
    assert found.status_code == 200
    assert found.headers["x-open-balancer-fallback"] == "static"
    assert found.json()["candidates"][0]["content"]["parts"] == [{"text": "Come back soon."}]
    assert found.json()["candidates"][0]["finishReason"] == "STOP"
    assert structured.status_code == 503  # prose would break whoever expects JSON
    assert [other.status_code for other in others] == [503] * len(NO_FREE_TEXT)
    assert sum(seen(service).shed) == 2 + len(NO_FREE_TEXT)


def test_a_failed_call_may_get_the_static_answer(start: Start) -> None:
    """Once every attempt has failed."""
    service = start(policy=ONCE.replace("retries: 0", "retries: 0, static_fallback: Sorry."))
    service.script.say(error(503, "UNAVAILABLE"))
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert (found.status_code, found.headers["x-open-balancer-fallback"]) == (200, "static")
    assert seen(service).fallback == (0, 1, 0)


def test_a_wrong_key_is_the_callers_fault_and_tried_once(start: Start) -> None:
    """No other model would take it, and no static answer hides it."""
    service = start(policy=RETRIES.replace("retries: 2", "retries: 2, static_fallback: Sorry."))
    service.script.say(
        error(400, "INVALID_ARGUMENT", "bad key", {"reason": "API_KEY_INVALID"}), answer("x")
    )
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert (found.status_code, found.json()["error"]["message"]) == (400, "bad key")
    assert len(service.script.asked) == 1


def test_a_budget_refuses_before_anything_is_spent(start: Start) -> None:
    """The upstream is not called."""
    service = start(policy=ONCE + "budget: {per_hour: $0.0001}\n")
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert found.status_code == 503
    assert found.json()["error"]["details"][0]["reason"] == "BUDGET"
    assert service.script.asked == []


@pytest.mark.parametrize("instruction", [None, "Be brief."])
def test_a_callers_mistake_is_not_sent_again_for_a_budgets_cap(
    start: Start, instruction: str | None
) -> None:
    """The cap would be there again. What a plan changed beside it is taken back."""
    said = f"instruction: {instruction}, retries: 0" if instruction else "retries: 0"
    policy = ONCE.replace("retries: 0", said) + "budget: {per_hour: $0.05}\n"
    service = start(policy=policy)
    service.wait_for_tick()
    service.script.say(error(400, "INVALID_ARGUMENT", "no such thing"))
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert (found.status_code, found.json()["error"]["message"]) == (400, "no such thing")
    sent = [asked.json for asked in service.script.asked]
    assert "maxOutputTokens" in sent[0]["generationConfig"]
    assert [("systemInstruction" in body) for body in sent] == [True, False][not instruction :]
    assert service.balancer.status().mistakes == {"unnamed": 1}


def test_a_mode_that_is_ordered_serves_the_next_calls(start: Start) -> None:
    """And says so in a header."""
    service = start()
    service.balancer.override(Mode.EMERGENCY, "a drill", for_s=60)
    with service.client() as client:
        while client.get("/api/brownout").json()["mode"] != "emergency":
            pass
        found = client.post(PATH, json=BODY, headers={"x-open-balancer-priority": "high"})
    assert found.headers["x-open-balancer-mode"] == "emergency"
    strategy = service.balancer.policy.strategies[Mode.EMERGENCY]
    sent = service.script.asked[-1]
    assert "/models/gemini-2.5-flash-lite:" in sent.path
    assert sent.json["generationConfig"]["maxOutputTokens"] == strategy.output_cap_tokens


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[1]", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"{}", {"x-open-balancer-priority": "urgent"}, 400),
        (b"{}", {"x-open-balancer-request": "-1"}, 400),
        (b"{}", {"x-open-balancer-key": "a b"}, 400),
        (b"{}", {"x-open-balancer-session": ""}, 400),
        (b"{}", {"content-encoding": "gzip"}, 415),
        (b" " * 2000, {}, 413),
    ],
)
def test_what_cannot_be_meant_is_refused_in_geminis_form(
    start: Start, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Nothing is called and nothing is counted."""
    service = start(largest_body=1000)
    with service.client() as client:
        found = client.post(PATH, content=body, headers=headers)
    assert found.status_code == status
    assert found.json()["error"]["code"] == status
    assert service.script.asked == []
    assert sum(seen(service).offered) == 0


def test_a_body_without_a_length_is_bounded_too(start: Start) -> None:
    """Sent in chunks."""
    service = start(largest_body=1000)
    with service.client() as client:
        found = client.post(PATH, content=iter([b" " * 600] * 3))
    assert found.status_code == 413
    assert service.script.asked == []


def test_the_wrong_verb_is_refused(service: Service) -> None:
    """With the right one."""
    with service.client() as client:
        found = client.get(PATH)
    assert (found.status_code, found.headers["allow"]) == (405, "POST")


def test_an_upstream_that_is_not_there_is_a_failure_like_others(start: Start) -> None:
    """503 in its own form, and no traceback."""
    service = start(policy=ONCE, upstream="http://127.0.0.1:9")
    with service.client() as client:
        found = client.post(PATH, json=BODY)
        other = client.get("/v1beta/models")
    assert (found.status_code, other.status_code) == (503, 503)
    assert failed(only(service)) == {"reset": 1}
    assert "127.0.0.1" not in json.dumps([found.json(), other.json()])


def test_a_session_is_known_here_and_nowhere_else(start: Start) -> None:
    """For the tokens of a session; the header stays on this side."""
    service = start()
    told: list[RequestRecord] = []
    service.balancer.listeners.requests.add(told.append)
    with service.client() as client:
        client.post(PATH, json=BODY, headers={"x-open-balancer-session": "chat-7"})
        client.post(PATH, json=BODY)
    assert [record.session for record in told] == ["chat-7", None]
    for sent in service.script.asked:
        assert not [name for name in sent.headers if name.startswith("x-open-balancer")]
