"""OpenAI's chat completions through the proxy: governed as generateContent is, as they spell it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from balancer.core.observations import Observations, merge_ticks
from tests.service.conftest import KEY, Service, Start
from tests.service.test_proxy_plans import ONCE
from tests.service.upstream import Connection, Writer, error, response

PATH = "/v1beta/openai/chat/completions"
ASKED = {"model": "gemini-3.6-flash", "messages": [{"role": "user", "content": "hi"}]}
LITE = """\
baseline: null
modes:
  normal:
    model: gemini-3.5-flash-lite
    fallback_models: []
    output_cap: 500
    thinking: MINIMAL
    instruction: Be brief.
    tools: false
    history_turns: 1
"""


def answer(text: str = "hello", **usage: Any) -> bytes:
    """A completion, with space as no JSON library would write it."""
    body = {
        "id": "x",
        "object": "chat.completion",
        "model": "gemini-3.6-flash",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, **usage},
    }
    return response(200, json.dumps(body, indent=3).encode(), "Content-Type: application/json")


def chunk(text: str, finish: str | None = None) -> dict[str, Any]:
    """Of a stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def stream(*lines: str) -> Writer:
    """Of server-sent events, as they stand here."""

    async def write(connection: Connection) -> None:
        await connection.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        )
        await connection.write("".join(f"{line}\n\n" for line in lines).encode())
        connection.writer.close()

    return write


def ask(service: Service, **members: Any) -> httpx.Response:
    """A call."""
    with service.client() as client:
        return client.post(PATH, json={**ASKED, **members})


def seen(service: Service) -> Observations:
    """All that was observed."""
    service.balancer.close()
    return merge_ticks(service.seen)


@pytest.mark.parametrize(
    "path", [PATH, "/v1/openai/chat/completions", "/openai/chat/completions", f"/v1beta{PATH}"]
)
def test_an_answer_passes_as_it_is_and_is_read(service: Service, path: str) -> None:
    """To the byte, both ways; what it used is charged."""
    service.script.say(answer(completion_tokens_details={"reasoning_tokens": 2}))
    raw = json.dumps(ASKED, indent=5).encode()
    with service.client(headers={"authorization": "Bearer callers-key"}) as client:
        found = client.post(path, content=raw, headers={"content-type": "application/json"})
    assert (
        found.content
        == answer(completion_tokens_details={"reasoning_tokens": 2}).partition(b"\r\n\r\n")[2]
    )
    assert found.headers["x-open-balancer-mode"] == "normal"
    asked = service.script.asked[-1]
    assert asked.path == (path if path.startswith("/v1/") else PATH)
    assert (asked.body, asked.headers["authorization"]) == (raw, "Bearer callers-key")
    (entry,) = seen(service).served
    assert (entry.model, entry.finished, entry.ill) == ("gemini-3.6-flash", 1, 0)
    assert (entry.prompt_tokens, entry.output_tokens, entry.thinking_tokens) == (10, 3, 2)


def test_a_plan_is_written_in_its_spelling(start: Start) -> None:
    """Model, cap, thinking, instruction, tools, history; the rest stays."""
    service = start(policy=LITE)
    service.wait_for_tick()
    service.script.say(answer())
    turns = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    tools = [{"type": "function", "function": {"name": "look"}}]
    more = {"tools": tools, "tool_choice": "auto", "max_completion_tokens": 9000, "user": "u1"}
    found = ask(service, messages=turns, **more)
    assert found.status_code == 200
    assert service.script.asked[-1].json == {
        "model": "gemini-3.5-flash-lite",
        "messages": [
            {"role": "system", "content": "You are a pirate.\n\nBe brief."},
            {"role": "user", "content": "three"},
        ],
        "max_completion_tokens": 500,
        "reasoning_effort": "minimal",
        "user": "u1",
    }


def test_what_a_call_cannot_do_without_stays(start: Start) -> None:
    """JSON is not cut, and a forced call keeps its tools."""
    service = start(policy=LITE)
    service.wait_for_tick()
    service.script.say(answer("{}"))
    tools = [{"type": "function", "function": {"name": "look"}}]
    ask(service, response_format={"type": "json_object"})
    assert "max_tokens" not in service.script.asked[-1].json
    ask(service, tools=tools, tool_choice="required")
    asked = service.script.asked[-1].json
    assert (asked["tools"], asked["tool_choice"]) == (tools, "required")
    assert "max_tokens" not in asked


def test_a_stream_passes_with_its_end(service: Service) -> None:
    """Chunk by chunk, `[DONE]` too, which its clients wait for."""
    lines = [f"data: {json.dumps(each)}" for each in (chunk("one "), chunk("two", "stop"))]
    service.script.say(stream(*lines, "data: [DONE]"))
    found = ask(service, stream=True)
    assert found.text == "".join(f"{line}\n\n" for line in (*lines, "data: [DONE]"))
    (entry,) = seen(service).served
    assert (entry.finished, entry.ill) == (1, 0)
    assert entry.ttft


def test_a_stream_that_ends_early_is_a_failure(service: Service) -> None:
    """No reason to finish, no end."""
    service.script.say(stream(f"data: {json.dumps(chunk('one '))}"))
    ask(service, stream=True)
    (entry,) = seen(service).served
    assert entry.ill == 1


@pytest.mark.parametrize("listed", [False, True])
def test_an_error_is_the_upstreams_own(start: Start, listed: bool) -> None:
    """As an object or in a list, as Google has it."""
    service = start(policy=ONCE)
    body: Any = {"error": {"code": 400, "message": "no such thing", "status": "INVALID_ARGUMENT"}}
    raw = json.dumps([body] if listed else body).encode()
    service.script.say(response(400, raw, "Content-Type: application/json"))
    found = ask(service)
    assert (found.status_code, found.content) == (400, raw)
    (entry,) = seen(service).served
    assert (entry.ill, sum(entry.failures)) == (0, 1)


def test_a_failed_attempt_is_made_again(start: Start) -> None:
    """By the plan's models and retries."""
    service = start(
        policy=ONCE.replace("fallback_models: []", "fallback_models: [gemini-3.5-flash-lite]")
    )
    service.wait_for_tick()
    service.script.say(error(503, "UNAVAILABLE"), answer())
    assert ask(service).status_code == 200
    models = [asked.json["model"] for asked in service.script.asked]
    assert models == ["gemini-3.6-flash", "gemini-3.5-flash-lite"]


@pytest.mark.parametrize(("retries", "said"), [("0", "false"), ("null", None)])
def test_its_client_does_not_repeat_what_the_plan_has_tried(
    start: Start, retries: str, said: str | None
) -> None:
    """Unless the plan leaves that to clients."""
    service = start(policy=ONCE.replace("retries: 0", f"retries: {retries}"))
    service.wait_for_tick()
    service.script.say(error(503, "UNAVAILABLE"))
    found = ask(service)
    assert (found.status_code, found.headers.get("x-should-retry")) == (503, said)


SHED = "retries: 0, shed: {low: 100%, normal: 100%}, static_fallback: "


@pytest.mark.parametrize("streamed", [False, True])
def test_a_shed_call_gets_the_static_answer(start: Start, streamed: bool) -> None:
    """As a completion, or as chunks with their end."""
    service = start(policy=ONCE.replace("retries: 0", f"{SHED}'Back soon.'"))
    service.wait_for_tick()
    found = ask(service, stream=streamed)
    assert (found.status_code, found.headers["x-open-balancer-fallback"]) == (200, "static")
    assert service.script.asked == []
    if not streamed:
        body = found.json()
        assert body["object"] == "chat.completion"
        assert body["choices"][0]["message"] == {"role": "assistant", "content": "Back soon."}
        return
    lines = [line.removeprefix("data: ") for line in found.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert (
        "".join(each["choices"][0]["delta"].get("content", "") for each in chunks) == "Back soon."
    )
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_refusal_is_in_its_form(start: Start) -> None:
    """And its client is told not to try again by itself."""
    service = start(policy=ONCE.replace("retries: 0", f"{SHED}null"))
    service.wait_for_tick()
    found = ask(service)
    error = found.json()["error"]
    assert (found.status_code, error["type"], error["code"]) == (503, "server_error", 503)
    assert found.headers["x-should-retry"] == "false"
    assert found.headers["retry-after"] == "10"
    with service.client() as client:
        odd = client.post(PATH, content=b"[]")
    assert odd.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", PATH, 405),
        ("POST", "/v1beta/openai/%2e%2e/models", 404),
        ("POST", PATH, 401),
        ("POST", "/v1beta/openai/embeddings", 401),
    ],
)
def test_whatever_the_proxy_says_by_itself_is_in_its_form(
    start: Start, verb: str, path: str, status: int
) -> None:
    """Of a verb, a path that leads nowhere, a caller without a key; governed or not."""
    service = start(client_keys=("a-key-of-a-client",))
    with httpx.Client() as client:
        url = httpx.URL(service.url, raw_path=path.encode())
        found = client.request(verb, url, json=ASKED)
    said = found.json()["error"]
    assert (found.status_code, said["code"]) == (status, status)
    assert (said["type"], said["param"]) == ("invalid_request_error", None)
    assert service.script.asked == []
    if status == 405:
        assert found.headers["allow"] == "POST"


def test_an_upstream_that_is_away_is_told_in_its_form(start: Start) -> None:
    """Also where a call is only passed on."""
    service = start(upstream="http://127.0.0.1:9", gemini_key=KEY)
    with service.client() as client:
        found = client.post("/v1beta/openai/embeddings", json={"input": "x"})
    assert (found.status_code, found.json()["error"]["type"]) == (503, "server_error")


def test_openais_own_client(start: Start) -> None:
    """Where it is installed."""
    openai = pytest.importorskip("openai")
    service = start(policy=LITE)
    service.wait_for_tick()
    service.script.say(answer())
    with openai.OpenAI(api_key="callers-key", base_url=f"{service.url}/v1beta/openai/") as client:
        found = client.chat.completions.create(**ASKED)
        assert found.choices[0].message.content == "hello"
        lines = [f"data: {json.dumps(each)}" for each in (chunk("one "), chunk("two", "stop"))]
        service.script.say(stream(*lines, "data: [DONE]"))
        chunks = client.chat.completions.create(stream=True, **ASKED)
        assert "".join(each.choices[0].delta.content or "" for each in chunks) == "one two"
