"""Chats and functions through the wrapper."""

from __future__ import annotations

from typing import Any

import pytest
from google.genai import types

from balancer.adapters.gemini import Wrapped, balancing, served
from balancer.core.policy import Strategy

from .bench import FLASH, LITE, Bench, policy, served_models
from .script import Reply, error, whole
from .test_answers import CHAIN, Make, Play

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")


def calls(name: str, **usage: int) -> Reply:
    """An answer that calls a function."""
    body = whole(None, "STOP", **usage)
    body["candidates"][0]["content"]["parts"] = [{"functionCall": {"name": name, "args": {}}}]
    return Reply(body=body)


def look() -> str:
    """Look out of the window."""
    return "rain"


def talk(here: Bench, *messages: str, config: Any = None) -> list[types.GenerateContentResponse]:
    """Answers of a chat; the last message's is streamed."""

    def use(client: Wrapped) -> list[types.GenerateContentResponse]:
        chat = client.chats.create(model=FLASH, config=config)
        found = [chat.send_message(message) for message in messages[:-1]]
        return [*found, *chat.send_message_stream(messages[-1])]

    async def use_async(client: Wrapped) -> list[types.GenerateContentResponse]:
        chat = client.aio.chats.create(model=FLASH, config=config)
        found = [await chat.send_message(message) for message in messages[:-1]]
        stream = await chat.send_message_stream(messages[-1])
        return [*found, *[chunk async for chunk in stream]]

    found: list[types.GenerateContentResponse] = here.run(use if here.kind == "sync" else use_async)
    return found


def test_a_chat_is_served_message_by_message(play: Play, bench: Make) -> None:
    """Each is a request with a plan of its own, and its history is kept by the SDK."""
    script = play(error(503))
    here = bench(script, policy(CHAIN))
    with balancing(priority="high"):
        found = talk(here, "One", "Two", "Three")
    assert [piece.text for piece in found] == ["Hello.", "Hello.", "Hel", "lo."]
    models = [how.model for piece in found if (how := served(piece))]
    assert models == [LITE, FLASH, FLASH, FLASH]
    assert here.seen().admitted == (0, 0, 3)
    assert [len(sent.body["contents"]) for sent in script.received] == [1, 1, 3, 5]


def test_a_chat_s_history_is_cut_in_what_is_sent_only(play: Play, bench: Make) -> None:
    """The chat itself remembers all of it."""
    script = play()
    talk(bench(script, policy(Strategy(model=FLASH, history_turns=1))), "One", "Two", "Three")
    texts = [sent.body["contents"][0]["parts"][0]["text"] for sent in script.received]
    assert texts == ["One", "Two", "Three"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_chat_does_not_keep_a_static_answer(play: Play, bench: Make, streamed: bool) -> None:
    """It is handed out, and the next message is sent as if it had not been asked."""
    script = play(error(503), Reply(body=whole("Hello.")))
    plan = Strategy(model=FLASH, retries=0, static_fallback="We are busy.")
    here = bench(script, policy(plan))

    def use(client: Wrapped) -> tuple[Any, ...]:
        chat = client.chats.create(model=FLASH)
        first: Any
        if streamed:
            (first,) = chat.send_message_stream("One")
        else:
            first = chat.send_message("One")
        kept = list(chat.get_history(curated=True))
        return first, kept, chat.send_message("Two"), chat.get_history()

    async def use_async(client: Wrapped) -> tuple[Any, ...]:
        chat = client.aio.chats.create(model=FLASH)
        first: Any
        if streamed:
            (first,) = [chunk async for chunk in await chat.send_message_stream("One")]
        else:
            first = await chat.send_message("One")
        kept = list(chat.get_history(curated=True))
        return first, kept, await chat.send_message("Two"), chat.get_history()

    found = here.run(use if here.kind == "sync" else use_async)
    first, kept, second, whole_history = found
    assert first.text == "We are busy."
    how = served(first)
    assert how is not None
    assert how.fallback
    assert second.text == "Hello."
    assert kept == []
    texts = [
        [part["text"] for part in each["parts"]] for each in script.received[1].body["contents"]
    ]
    assert texts == [["Two"]]
    assert len(whole_history) == 4


def test_a_chat_s_function_calls_are_requests_of_their_own(play: Play, bench: Make) -> None:
    """So each is counted with its own usage, and tools are not dropped in between."""
    script = play(
        calls("look", promptTokenCount=10), Reply(body=whole("Wet.", promptTokenCount=30))
    )
    strategy = Strategy(model=FLASH, tools=False)
    here = bench(script, policy(strategy))
    with balancing(needs_tools=True):
        found = talk(here, "How is it outside?", "And now?", config={"tools": [look]})
    assert found[0].text == "Wet."
    entry = served_models(here.seen())[FLASH]
    assert (entry.started, entry.prompt_tokens) == (3, 50)
    assert script.received[1].body["contents"][-1]["parts"][0]["functionResponse"]["response"] == {
        "result": "rain"
    }


@pytest.mark.parametrize("kind", ["sync"])
def test_functions_called_inside_one_answer_are_estimated(play: Play, bench: Make) -> None:
    """The SDK reports the usage of the last call only."""
    script = play(
        calls("look", promptTokenCount=100), Reply(body=whole("Wet.", promptTokenCount=150))
    )
    here = bench(script)
    response = here.ask("How is it outside? " * 20, {"tools": [look]})
    assert response.text == "Wet."
    assert len(script.received) == 2
    entry = served_models(here.seen())[FLASH]
    assert entry.started == 1
    assert 200 < entry.prompt_tokens < 300
    assert entry.output_tokens > 5


def test_everything_else_is_passed_through(play: Play) -> None:
    """Under the names that the SDK has."""
    script = play(Reply(body={"totalTokens": 10}))
    here = Bench(url=script.url, kind="sync", policy=policy())

    def use(client: Wrapped) -> None:
        assert client.models.count_tokens(model=FLASH, contents="x").total_tokens == 10
        assert client.files is not None
        assert client.vertexai is False
        with pytest.raises(AttributeError):
            _ = client.nothing

    here.run(use)
    assert here.seen().offered == (0, 0, 0)
