"""The Interactions API of the mock, as HTTP and through Google's own client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google import genai
from google.genai import types

from balancer.wire import EventChunks, interactions, read_error
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.interactions import kept
from sim.mock_gemini.server import Addresses, MockServer
from tests.waiting import until

from .caller import FLASH, Reply, call, settings

PATH = "/v1beta/interactions"
MODEL = "gemini-3.6-flash"
HELLO = {"model": MODEL, "input": "Say hello to the whole world."}
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}


@pytest.fixture(scope="module")
def mock() -> Iterator[Addresses]:
    """A quiet one that calls functions."""
    with MockServer(settings(latency=False, call_share=1.0)) as found:
        yield found.addresses


@pytest.fixture(scope="module")
def client(mock: Addresses) -> Iterator[Any]:
    """Google's."""
    options = types.HttpOptions(base_url=mock.url)
    with genai.Client(api_key="mock-key", http_options=options) as found:
        yield found.interactions


def ask(where: Addresses, verb: str = "POST", path: str = PATH, **members: Any) -> Reply:
    """A request without an SDK."""
    return call(where, path, {**HELLO, **members}, verb=verb)


def events(reply: Reply) -> list[Any]:
    """What a stream tells."""
    chunks = EventChunks()
    return chunks.feed(reply.body) + chunks.close()


@pytest.mark.parametrize(
    "path",
    ["/interactions", "/v1/interactions", PATH, "/v1beta1/projects/p/locations/l/interactions"],
)
def test_every_path_that_clients_build_is_served(mock: Addresses, path: str) -> None:
    """With the version or without."""
    found = ask(mock, path=path)
    assert found.status == 200
    assert interactions.read_answer(found.json).failure is None


def test_an_interaction_uses_what_generate_content_would() -> None:
    """For the same prompt, of the same request of the workload."""
    prompt = {"contents": [{"role": "user", "parts": [{"text": HELLO["input"]}]}]}
    with MockServer(settings(latency=False)) as one, MockServer(settings(latency=False)) as other:
        twin = call(one.addresses, f"/v1beta/models/{MODEL}:generateContent", prompt).json
        found = ask(other.addresses).json
    was, usage = twin["usageMetadata"], found["usage"]
    assert usage["total_input_tokens"] == was["promptTokenCount"]
    assert usage["total_output_tokens"] == was["candidatesTokenCount"]
    assert usage["total_thought_tokens"] == was["thoughtsTokenCount"]
    assert usage["total_tokens"] == was["totalTokenCount"]
    text = twin["candidates"][0]["content"]["parts"][0]["text"]
    assert found["steps"][-1]["content"] == [{"type": "text", "text": text}]


def test_a_stream_tells_the_same_in_events(mock: Addresses) -> None:
    """Each has its name and a token; the last one has the usage, and a sentinel ends it."""
    reply = ask(mock, stream=True)
    assert reply.body.endswith(b"event: done\ndata: [DONE]\n\n")
    found = events(reply)
    names = [each["event_type"] for each in found]
    assert names[:2] == ["interaction.created", "interaction.status_update"]
    assert names[-1] == "interaction.completed"
    for each in found:
        assert b"event: " + each["event_type"].encode() in reply.body
    assert [each["event_id"] for each in found] == [str(n + 1) for n in range(len(found))]
    reader = interactions.AnswerReader()
    for each in found:
        reader.add(each)
    assert reader.answer().failure is None
    kept_one = call(mock, f"{PATH}/{interactions.id_of(found[-1])}", verb="GET").json
    assert interactions.read_usage(kept_one) == reader.usage
    text = "".join(
        each["delta"].get("text", "") for each in found if each["event_type"] == "step.delta"
    )
    assert kept_one["steps"][-1]["content"][0]["text"] == text


def test_a_chain_has_the_history_of_what_it_goes_on_from(client: Any) -> None:
    """So that its prompt grows; a function that was called is answered by its name and number."""
    first = client.create(model=MODEL, input="Hello there.")
    second = client.create(
        model=MODEL, input="And now, look!", previous_interaction_id=first.id, tools=[LOOK]
    )
    assert second.status == "requires_action"
    called = second.steps[-1]
    result = {"type": "function_result", "call_id": called.id, "name": "look", "result": "sun"}
    third = client.create(
        model=MODEL, input=[result], previous_interaction_id=second.id, tools=[LOOK]
    )
    assert third.status == "completed"
    assert third.previous_interaction_id == second.id
    sizes = [each.usage.total_input_tokens for each in (first, second, third)]
    assert sizes == sorted(set(sizes))
    assert client.get(third.id, include_input=True).steps[0].type == "function_result"


def test_what_is_not_stored_cannot_be_asked_for(client: Any) -> None:
    """Nor gone on from."""
    assert client.create(model=MODEL, input="Hello.", store=False).id == ""
    for name in ("nobody", "v1_mock-interaction-9999"):
        with pytest.raises(Exception, match="not found"):
            client.get(name)
        with pytest.raises(Exception, match="not found"):
            client.create(model=MODEL, input="Hello.", previous_interaction_id=name)


def test_what_is_deleted_is_gone(client: Any) -> None:
    """A second time too."""
    name = client.create(model=MODEL, input="Hello.").id
    client.delete(name)
    for again in (client.get, client.delete):
        with pytest.raises(Exception, match="not found"):
            again(name)


def test_no_more_are_kept_than_there_is_room_for(
    mock: Addresses, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest goes."""
    monkeypatch.setattr(kept, "MOST_KEPT", 2)
    names = [ask(mock).json["id"] for _ in range(3)]
    found = [call(mock, f"{PATH}/{name}", verb="GET").status for name in names]
    # One that was kept before goes with each that comes, so all that is sure is the order.
    assert found == sorted(found, reverse=True)
    assert found[-1] == 200


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"model": None}, "Exactly one of model and agent"),
        ({"agent": "a"}, "Exactly one of model and agent"),
        ({"model": None, "agent": "a", "generation_config": {"seed": 1}}, "generation_config"),
        ({"nonsense": 1}, 'Unknown parameter "nonsense"'),
        ({"generation_config": {"thinking_budget": 0}}, "generation_config.thinking_budget"),
        ({"generation_config": {"thinking_level": "off"}}, "thinking_level"),
        ({"generation_config": {"thinking_level": "xhigh"}}, "XHIGH is not supported"),
        (
            {"model": FLASH, "generation_config": {"thinking_level": "low"}},
            "level is not supported",
        ),
        ({"generation_config": {"max_output_tokens": 0}}, "must be positive"),
        ({"generation_config": {"max_output_tokens": 10**6}}, "maxOutputTokens"),
        ({"service_tier": "gold"}, "service_tier"),
        ({"tools": [{"type": "hammer"}]}, "tools[0].type"),
        ({"input": []}, "input is not specified"),
        ({"input": [{"type": "smell"}]}, "smell"),
        ({"background": True, "store": False}, "background is only taken with store"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_what_cannot_be_is_refused_in_the_flat_form(
    mock: Addresses, members: dict[str, Any], says: str
) -> None:
    """As a mistake of its caller."""
    body = {name: value for name, value in {**HELLO, **members}.items() if value is not None}
    found = call(mock, PATH, body)
    assert found.status == 400
    assert found.error["code"] == "invalid_request"
    assert says in found.error["message"]


def test_a_model_an_agent_or_a_verb_that_is_none_is_not_found(mock: Addresses) -> None:
    """And a key that is none is refused."""
    assert ask(mock, model="nobody").status == 404
    assert call(mock, PATH, {"agent": "nobody", "input": "x"}).status == 404
    assert ask(mock, verb="GET").status == 404
    assert call(mock, PATH, HELLO, key="wrong").error["code"] == "invalid_request"


def test_a_lenient_mock_takes_what_gemini_refuses_of_a_model() -> None:
    """But not what is no request at all."""
    with MockServer(settings(latency=False, lenient=True)) as found:
        config = {"stop_sequences": ["a"] * 9}
        assert ask(found.addresses, generation_config=config).status == 200
        assert ask(found.addresses, nonsense=1).status == 400


# --- faults -----------------------------------------------------------------------------


def error(name: str, where: str = "before") -> dict[str, Any]:
    """An error of every call."""
    return {"kind": "error", "error": name, "where": where}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("overloaded", 503, "overloaded"),
        ("internal", 500, "internal"),
        ("quota_minute", 429, "quota_minute"),
        ("quota_day", 429, "quota_day"),
    ],
)
def test_a_refusal_is_read_as_what_it_is(name: str, status: int, kind: str, stream: bool) -> None:
    """By its status and its words."""
    with MockServer(settings(error(name))) as found:
        reply = ask(found.addresses, stream=stream)
    assert reply.status == status
    read = read_error(status, reply.body)
    assert read.kind == kind
    assert (read.retry_after_s is not None) == (status == 429)


@pytest.mark.parametrize(
    ("fault", "whole", "streamed"),
    [
        (error("overloaded", "inside"), 503, "overloaded"),
        (error("malformed", "inside"), "malformed", "malformed"),
        ({"kind": "cut"}, None, "cut"),
    ],
)
def test_a_fault_inside_shows_where_it_happens(
    fault: dict[str, Any], whole: Any, streamed: str
) -> None:
    """A stream that ends without its end has no sentinel either."""
    with MockServer(settings(fault)) as found:
        reply, stream = ask(found.addresses), ask(found.addresses, stream=True)
    if isinstance(whole, int):
        assert reply.status == whole
    else:
        body = None if whole == "malformed" else json.loads(reply.body)
        assert interactions.read_answer(body).failure == whole
    reader = interactions.AnswerReader()
    for each in events(stream):
        reader.add(each)
    assert reader.answer().failure == streamed
    assert (b"[DONE]" in stream.body) == (streamed == "overloaded")


# --- in the background ------------------------------------------------------------------


def test_one_in_the_background_is_asked_for_until_it_has_ended() -> None:
    """Its stream can be taken up where it was left."""
    with MockServer(settings(speed=200.0)) as found:
        where = found.addresses
        begun = ask(where, background=True).json
        assert begun["status"] == "in_progress"
        assert "usage" not in begun
        path = f"{PATH}/{begun['id']}"
        refused = ask(where, previous_interaction_id=begun["id"])
        followed = events(call(where, f"{path}?stream=true&last_event_id=2", verb="GET"))
        ended = call(where, path, verb="GET").json
        late = call(where, f"{path}/cancel", {})
    assert refused.status == 400
    assert followed[0]["event_id"] == "3"
    assert followed[-1]["event_type"] == "interaction.completed"
    assert interactions.read_answer(ended).failure is None
    assert late.status == 400


def one_place(**flex: Any) -> Any:
    """A mock with one place for flex, in which each call stays for seconds."""
    upstream = {
        "models": {MODEL: {"capacity": 1}},
        "service_tiers": {"flex": {"share": 1, **flex}},
    }
    return MockServer(settings(scenario={"upstream": upstream}, speed=10.0))


def test_one_of_flex_in_the_background_queues_out_of_sight() -> None:
    """It is answered at once, and begins when the one before it has ended."""
    with one_place() as found:
        where = found.addresses
        flex: Any = {"background": True, "service_tier": "flex"}
        first, second, third = (ask(where, **flex).json for _ in range(3))
        assert {each["status"] for each in (first, second, third)} == {"in_progress"}
        assert {each["service_tier"] for each in (first, second, third)} == {"flex"}

        def state(name: str) -> Any:
            return ask(where, "GET", f"{PATH}/{name}").json

        assert ask(where, path=f"{PATH}/{third['id']}/cancel").json["status"] == "cancelled"
        ended: Any = until(lambda: done if (done := state(second["id"]))["steps"] else None)
        assert state(first["id"])["status"] == "completed"
        assert ended["status"] == "completed"
        assert state(third["id"])["status"] == "cancelled"
        counts = Admin(where.admin_url, where.token).counters()
        assert counts["total"]["finished"] == 2
        assert counts["in_flight"][MODEL] == 0


def test_a_stream_of_one_that_queues_begins_when_it_does() -> None:
    """With all of its events."""
    with one_place() as found:
        where = found.addresses
        ask(where, background=True, service_tier="flex")
        told = events(ask(where, background=True, service_tier="flex", stream=True))
        assert told[0]["event_type"] == "interaction.created"
        assert told[-1]["event_type"] == "interaction.completed"


def test_one_of_flex_that_has_queued_for_too_long_has_failed() -> None:
    """As it says when it is asked for."""
    with one_place(longest="1s") as found:
        where = found.addresses
        ask(where, background=True, service_tier="flex")
        name = ask(where, background=True, service_tier="flex").json["id"]
        late: Any = until(
            lambda: (
                done
                if (done := ask(where, "GET", f"{PATH}/{name}").json)["status"] != "in_progress"
                else None
            )
        )
        assert (late["status"], late["errors"][0]["code"]) == ("failed", "unavailable")


def test_one_in_the_background_can_be_cancelled() -> None:
    """It has nothing to show then."""
    with MockServer(settings(speed=0.01)) as found:
        name = ask(found.addresses, background=True).json["id"]
        cancelled = call(found.addresses, f"{PATH}/{name}/cancel", {}).json
        again = call(found.addresses, f"{PATH}/{name}", verb="GET").json
    for each in (cancelled, again):
        assert each["status"] == "cancelled"
        assert interactions.read_answer(each).failure == "rejected"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (error("overloaded", "inside"), "overloaded"),
        (error("reset", "inside"), "internal"),
        ({"kind": "cut"}, None),
    ],
)
def test_one_in_the_background_that_fails_says_so_when_it_is_asked(
    fault: dict[str, Any], expected: str | None
) -> None:
    """Its connection is over long before."""
    with MockServer(settings(fault, speed=500.0)) as found:
        where = found.addresses
        begun = ask(where, background=True)
        assert begun.status == 200

        def ended() -> Any:
            body = call(where, f"{PATH}/{begun.json['id']}", verb="GET").json
            return None if interactions.is_pending(body) else body

        body = until(ended)
    assert interactions.read_answer(body).failure == expected


def test_a_refusal_of_one_in_the_background_comes_at_once() -> None:
    """As there is nothing to ask for later."""
    with MockServer(settings(error("overloaded"))) as found:
        assert ask(found.addresses, background=True).status == 503


# --- through Google's client ------------------------------------------------------------

SEEN: dict[str, tuple[Any, str, Any]] = {
    "overloaded": (error("overloaded"), "InternalServerError", "InternalServerError"),
    "quota": (error("quota_minute"), "RateLimitError", "RateLimitError"),
    "overloaded inside": (error("overloaded", "inside"), "InternalServerError", "error"),
    "reset": (error("reset"), "APIConnectionError", "APIConnectionError"),
    "malformed inside": (
        error("malformed", "inside"),
        "APIResponseValidationError",
        "str",
    ),
    "cut": ({"kind": "cut"}, "incomplete", "step.delta"),
}


@pytest.mark.parametrize("name", SEEN)
def test_the_sdk_sees_each_fault_as_measured(name: str) -> None:
    """What the wrapper has to sort; a stream that was cut is taken for complete."""
    fault, whole, streamed = SEEN[name]
    with MockServer(settings(fault)) as found:
        once = types.HttpRetryOptions(attempts=1)
        options = types.HttpOptions(base_url=found.addresses.url, retry_options=once)
        client: Any = genai.Client(api_key="mock-key", http_options=options)
        calls: list[Callable[[], Any]] = [
            lambda: client.interactions.create(model=MODEL, input="Hi.").status,
            lambda: [
                getattr(each, "event_type", type(each).__name__)
                for each in client.interactions.create(model=MODEL, input="Hi.", stream=True)
            ][-1],
        ]
        seen = []
        for make in calls:
            try:
                seen.append(make())
            except Exception as raised:  # noqa: BLE001 - what it is, is the question
                seen.append(type(raised).__name__)
    assert seen == [whole, streamed]
