"""Gemini's path for clients of OpenAI on the mock, as HTTP and through OpenAI's own client."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from balancer.wire import EventChunks, chat, read_error
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer

from .caller import FLASH, Reply, call, settings

PATH = "/v1beta/openai/chat/completions"
MODEL = "gemini-3.8-flash"
HELLO = {"model": MODEL, "messages": [{"role": "user", "content": "Say hello to the world."}]}
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
USAGE = {"include_usage": True}


@pytest.fixture(scope="module")
def mock() -> Iterator[Addresses]:
    """A quiet one that calls functions."""
    with MockServer(settings(latency=False, call_share=1.0)) as found:
        yield found.addresses


def ask(where: Addresses, path: str = PATH, **members: Any) -> Reply:
    """A chat completion without an SDK."""
    return call(where, path, {**HELLO, **members})


def lines(reply: Reply) -> list[Any]:
    """What a stream tells."""
    chunks = EventChunks(as_sent=True)
    return chunks.feed(reply.body) + chunks.close()


def thinking(where: Addresses) -> Any:
    """The setting with which the last call was made."""
    return Admin(where.admin_url, where.token).calls()[-1]["thinking_asked"]


@pytest.mark.parametrize(
    "path",
    [
        PATH,
        "/v1/openai/chat/completions",
        "/openai/chat/completions",
        "/v1/projects/p/locations/global/endpoints/openapi/chat/completions",
    ],
)
def test_a_completion_is_whole_and_billed(mock: Addresses, path: str) -> None:
    """Its tokens are those that the mock counts; thoughts are in the total."""
    key = {"authorization": "Bearer mock-key"}
    found = call(mock, path, {**HELLO, "model": f"google/{MODEL}"}, headers=key, key=None)
    assert (found.status, found.headers["x-gemini-service-tier"]) == (200, "standard")
    answer = chat.read_answer(found.json)
    assert (answer.failure, answer.model) == (None, MODEL)
    last = Admin(mock.admin_url, mock.token).calls()[-1]
    usage = answer.usage
    assert usage is not None
    assert (last["method"], last["thinking"]) == ("chatCompletion", usage.thinking_tokens)
    assert (usage.prompt_tokens, usage.output_tokens) == (last["prompt"], last["output"])


@pytest.mark.parametrize("options", [None, USAGE])
def test_a_stream_says_what_it_used_where_it_is_asked_to(mock: Addresses, options: Any) -> None:
    """In every chunk, all that it came to so far; it ends with a sentinel."""
    found = ask(mock, stream=True, stream_options=options)
    assert found.body.endswith(b"data: [DONE]\r\n\r\n")
    chunks = lines(found)
    reader = chat.AnswerReader(streamed=True)
    for chunk in chunks:
        reader.add(chunk)
    assert reader.answer().failure is None
    assert all(("usage" in chunk) == (options is not None) for chunk in chunks)


@pytest.mark.parametrize(
    ("model", "effort", "setting"),
    [
        (MODEL, "low", "LOW"),
        (MODEL, "minimal", "LOW"),
        ("gemini-3.5-flash-lite", "minimal", "MINIMAL"),
        (FLASH, "medium", 8192),
        (FLASH, "none", 0),
    ],
)
def test_an_effort_is_what_the_model_takes(
    mock: Addresses, model: str, effort: str, setting: object
) -> None:
    """A level, or a budget."""
    assert ask(mock, model=model, reasoning_effort=effort).status == 200
    assert thinking(mock) == setting


def test_a_turn_of_functions(mock: Addresses) -> None:
    """The signature that came with a call is wanted back."""
    called = ask(mock, tools=[LOOK]).json["choices"][0]
    assert called["finish_reason"] == "tool_calls"
    (made,) = called["message"]["tool_calls"]
    result = {"role": "tool", "tool_call_id": made["id"], "content": "sun"}
    turn = [*HELLO["messages"], called["message"], result]
    assert ask(mock, messages=turn, tools=[LOOK]).json["choices"][0]["finish_reason"] == "stop"
    unsigned = {name: value for name, value in made.items() if name != "extra_content"}
    turn[1] = {**called["message"], "tool_calls": [unsigned]}
    refused = ask(mock, messages=turn, tools=[LOOK])
    assert refused.status == 400
    assert "thought_signature" in refused.json[0]["error"]["message"]


def test_json_fits_its_schema(mock: Addresses) -> None:
    """Several answers, each."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    choices = ask(mock, response_format=form, n=2).json["choices"]
    assert [choice["index"] for choice in choices] == [0, 1]
    assert all(set(json.loads(each["message"]["content"])) == {"city"} for each in choices)


def test_a_call_without_room_is_none(mock: Addresses) -> None:
    """As Gemini says it there."""
    one = {"type": "function", "function": {"name": "look_at_what_is_far_away"}}
    found = ask(mock, model=FLASH, tools=[one], reasoning_effort="none", max_tokens=2).json
    assert chat.read_answer(found).failure == "malformed"
    reason = found["choices"][0]["finish_reason"]
    assert reason == "function_call_filter: MALFORMED_FUNCTION_CALL"


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"model": "gemini-9-ultra"}, 404),
        ({"messages": []}, 400),
        ({"temperature": 9}, 400),
        ({"max_tokens": 0}, 400),
        (
            {
                "reasoning_effort": "low",
                "extra_body": {"google": {"thinking_config": {"thinking_level": "low"}}},
            },
            400,
        ),
    ],
)
def test_what_is_wrong_is_refused_in_a_list(
    mock: Addresses, members: dict[str, Any], status: int
) -> None:
    """As this path has it, and no model is asked."""
    found = ask(mock, **members)
    assert found.status == status
    assert found.json[0]["error"]["code"] == status
    assert read_error(found.status, found.body).kind == "rejected"


def test_an_upstream_that_is_ill_is_so_here_too() -> None:
    """The same fates."""
    with MockServer(settings({"kind": "error", "error": "overloaded"}, latency=False)) as server:
        found = ask(server.addresses, stream=True)
        assert (found.status, found.json[0]["error"]["status"]) == (503, "UNAVAILABLE")
    with MockServer(settings({"kind": "cut"}, latency=False)) as server:
        cut = ask(server.addresses, stream=True)
        assert b"[DONE]" not in cut.body
        assert all("finish_reason" not in chunk["choices"][0] for chunk in lines(cut))


def test_models_and_embeddings(mock: Addresses) -> None:
    """Numbers, or packed as OpenAI's client asks for them."""
    listed = call(mock, "/v1beta/openai/models", verb="GET").json["data"]
    assert {"id": f"models/{MODEL}", "object": "model", "owned_by": "google"} in listed
    assert call(mock, f"/v1beta/openai/models/{MODEL}", verb="GET").json in listed
    body = {"model": "gemini-embedding-001", "input": ["one", "two"], "dimensions": 8}
    plain = call(mock, "/v1beta/openai/embeddings", body).json
    packed = call(mock, "/v1beta/openai/embeddings", {**body, "encoding_format": "base64"}).json
    assert plain["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    for one, other in zip(plain["data"], packed["data"], strict=True):
        values = struct.unpack("<8f", base64.b64decode(other["embedding"]))
        assert one["embedding"] == pytest.approx(values, abs=1e-6)
    assert call(mock, "/v1beta/openai/embeddings", {**body, "input": []}).status == 400
    assert call(mock, "/v1beta/openai/images/generations", body).status == 404
    assert call(mock, PATH, verb="GET").status == 404


def test_openais_own_client(mock: Addresses) -> None:
    """Where it is installed."""
    openai = pytest.importorskip("openai")
    with openai.OpenAI(api_key="mock-key", base_url=f"{mock.url}/v1beta/openai/") as client:
        whole = client.chat.completions.create(**HELLO)
        assert whole.choices[0].finish_reason == "stop"
        chunks = list(client.chat.completions.create(stream=True, stream_options=USAGE, **HELLO))
        assert chunks[-1].usage.completion_tokens > 0
        found = client.embeddings.create(model="gemini-embedding-001", input="one")
        assert len(found.data[0].embedding) == 3072
