"""Replies that users met, and what calls are billed, through the wrapper."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest
from google.genai import errors, types

from balancer.adapters.gemini import CallOptions, ShedError, Wrapped
from balancer.core.policy import BudgetLimit, Strategy
from balancer.runtime.calls import CallRecord, CallSettings

from .bench import FLASH, LITE, Bench, failures, policy, served_models
from .script import Reply, chunk, error, whole
from .test_answers import CHAIN, Make, Play
from .test_streams import texts

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

LIST = (
    b'data: [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Please retry in '
    b'9s.", "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", '
    b'"retryDelay": "9s"}]}}]\r\n\r\n'
)
OWN = Strategy(timeout_s=60.0, retries=0)
AT_ONCE = CallSettings(backoff_initial_s=0.001, backoff_jitter_s=0.0)
USD = 1_000_000_000


def budgeted(usd: float = 1.0, plan: Strategy = OWN) -> Any:
    """A policy that leaves the caller's model, under a hard budget."""
    return policy(plan, budgets=(BudgetLimit(usd=usd, window_s=3600.0),))


def records(here: Bench) -> list[CallRecord]:
    """Attempts, as they will end."""
    found: list[CallRecord] = []
    here.balancer.listeners.calls.add(found.append)
    return found


# google-genai 2 says so.
@pytest.mark.filterwarnings("ignore:MODEL_ARMOR is not a valid FinishReason")
def test_blocked_by_a_filter_that_nobody_has_heard_of(play: Play, bench: Make) -> None:
    """One call upstream, and no failure."""
    body = {
        "candidates": [{"finishReason": "MODEL_ARMOR", "index": 0}],
        "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10},
    }
    script = play(Reply(body=body))
    here = bench(script, policy(CHAIN))
    assert here.ask().text is None
    assert len(script.received) == 1
    assert failures(served_models(here.seen())[FLASH]) == {}


def test_a_sentinel_ends_a_stream(play: Play, bench: Make) -> None:
    """The SDK raises at it, after the whole answer."""
    chunks = [chunk("Hel"), chunk("lo.", "STOP", candidatesTokenCount=7), b"data: [DONE]\r\n\r\n"]
    here = bench(play(Reply(chunks=chunks)), policy(CHAIN))
    assert texts(here.stream()) == ["Hel", "lo."]
    entry = served_models(here.seen())[FLASH]
    assert (failures(entry), entry.prompt_tokens, entry.output_tokens) == ({}, 10, 7)


def test_an_error_in_a_list_is_sent_elsewhere(play: Play, bench: Make) -> None:
    """The SDK gives a chunk without content for it, and no word of what it was."""
    here = bench(play(Reply(chunks=[LIST])), policy(CHAIN))
    found = records(here)
    assert texts(here.stream()) == ["Hel", "lo."]
    outcomes = [record.outcome for record in found if record.outcome is not None]
    assert [(each.kind, each.retry_after_s) for each in outcomes] == [
        ("quota_minute", 9.0),
        (None, 0.0),
    ]
    assert [record.model for record in found] == [FLASH, LITE]


@pytest.mark.parametrize("before", [[], [chunk("Hel")]])
def test_an_error_in_a_list_is_raised_where_nothing_else_is_left(
    play: Play, bench: Make, before: list[Any]
) -> None:
    """As one that Google sends."""
    here = bench(play(Reply(chunks=[*before, LIST])))
    with pytest.raises(errors.ClientError, match="Please retry in 9s") as caught:
        here.stream()
    assert caught.value.code == 429
    assert failures(served_models(here.seen())[FLASH]) == {"quota_minute": 1}


def test_a_wait_may_be_a_date(play: Play, bench: Make) -> None:
    """Whichever client reads the header; the next round waits for it."""
    line = f"Retry-After: {formatdate(time.time() + 20, usegmt=True)}"
    script = play(Reply(status=429, body={}, headers=[line]))
    patient = Strategy(timeout_s=30_000.0, retries=1)
    here = bench(script, policy(patient), settings=AT_ONCE, speed=1000.0)
    found = records(here)
    assert here.ask().text == "Hello."
    assert found[0].outcome is not None
    assert found[0].outcome.kind == "quota_minute"
    assert 5 < found[0].outcome.retry_after_s <= 20
    assert found[0].outcome.retry_after_s in here.clock.waits


@pytest.mark.parametrize(
    ("reply", "kind_of_failure"),
    [
        (
            error(
                429,
                "RESOURCE_EXHAUSTED",
                "Your project has exceeded its monthly spending cap.",
            ),
            "closed",
        ),
        (
            error(
                400,
                "FAILED_PRECONDITION",
                "User location is not supported for the API use.",
            ),
            "rejected",
        ),
    ],
)
def test_a_closed_project_and_a_callers_mistake_are_told_apart(
    play: Play, bench: Make, reply: Reply, kind_of_failure: str
) -> None:
    """The caller gets what the upstream said."""
    here = bench(play(reply))
    found = records(here)
    with pytest.raises(errors.ClientError):
        here.ask()
    assert [record.outcome and record.outcome.kind for record in found] == [kind_of_failure]


def test_audio_is_booked_at_its_price(play: Play, bench: Make) -> None:
    """An hour of it: $0.1164524."""
    body = whole(promptTokenCount=115_208, candidatesTokenCount=500, thoughtsTokenCount=0)
    body["usageMetadata"]["promptTokensDetails"] = [
        {"modality": "TEXT", "tokenCount": 8},
        {"modality": "AUDIO", "tokenCount": 115_200},
    ]
    here = bench(play(Reply(body=body)), budgeted())
    here.ask()
    assert served_models(here.seen())[FLASH].nano_usd == 116_452_400
    assert here.balancer.ledger.headroom_nano_usd() == USD - 116_452_400


def test_searches_of_a_stream_are_booked(play: Play, bench: Make) -> None:
    """By prompt on 2.5-flash; chunks repeat them."""
    pieces = [chunk("Hel"), chunk("lo.", "STOP")]
    for piece in pieces:
        piece["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["a", "b"]}
    here = bench(play(Reply(chunks=pieces)))
    here.stream()
    assert served_models(here.seen())[FLASH].nano_usd == 3_000 + 17_500 + 35_000_000


@pytest.mark.parametrize(
    "contents",
    [
        types.Part.from_uri(file_uri="gs://b/talk.mp3", mime_type="audio/mp3"),
        [types.File(uri="https://g/files/x", mime_type="audio/mp3"), "Sum up."],
        [{"role": "user", "parts": [{"file_data": {"file_uri": "u", "mime_type": "audio/mp3"}}]}],
        types.Content(
            parts=[
                types.Part(file_data=types.FileData(file_uri="u", mime_type="audio/mp3")),
                types.Part(text="Sum up."),
            ]
        ),
    ],
    ids=["part", "file", "dict", "content"],
)
def test_media_of_unknown_length_are_reserved_as_the_longest(play: Play, contents: Any) -> None:
    """A talk of nine hours costs more than $1; one whose tokens the caller knows need not."""
    here = Bench(url=play().url, kind="sync", policy=budgeted())
    with pytest.raises(ShedError, match="does not cover it"):
        here.ask(contents)
    assert here.ask(contents, options=CallOptions(prompt_tokens=115_208)).text == "Hello."


@pytest.mark.parametrize(
    "tool", [types.Tool(google_search=types.GoogleSearch()), {"google_search": {}}]
)
def test_searches_are_reserved_where_they_are_asked_for(play: Play, tool: Any) -> None:
    """$0.035 do not fit into $0.03."""
    here = Bench(url=play().url, kind="sync", policy=budgeted(0.03))
    with pytest.raises(ShedError, match="does not cover it"):
        here.ask(config=types.GenerateContentConfig(tools=[tool]))
    blob = types.Part.from_bytes(data=b"x" * 3_100, mime_type="audio/mp3")
    assert here.ask([blob, "Sum up."]).text == "Hello."


def test_a_dated_version_has_its_familys_price(play: Play, bench: Make) -> None:
    """Also where there is a budget."""
    here = bench(play(Reply(body=whole(promptTokenCount=1000))), budgeted())
    here.ask(model="gemini-2.5-flash-001")
    (entry,) = here.seen().served
    assert entry.nano_usd == 1000 * 300 + 7 * 2500


def test_a_model_without_a_price_is_refused_in_words(play: Play, bench: Make) -> None:
    """Where there is a budget."""
    script = play()
    here = bench(script, budgeted())
    with pytest.raises(ShedError, match=r"no price for model 'new-model'.*prices: ") as caught:
        here.ask(model="new-model")
    assert (caught.value.refusal, caught.value.model) == ("no_price", "new-model")
    assert "retry" not in str(caught.value)
    assert script.received == []


def test_a_declared_price_lets_it_pass(play: Play, bench: Make) -> None:
    """Under no cap of ours, as long as the budget does not shorten the call."""
    plan = budgeted(1000.0)
    unknown = plan.catalog.card(FLASH)
    script = play()
    here = bench(script, replace(plan, catalog=replace(plan.catalog, unknown=unknown)))
    here.ask(model="new-model")
    (entry,) = here.seen().served
    assert entry.nano_usd == 10 * 300 + 7 * 2500
    assert not script.received[0].body.get("generationConfig")


LONG = Reply(
    chunks=[
        chunk("Hel", promptTokenCount=1000, candidatesTokenCount=200, thoughtsTokenCount=0),
        chunk("lo.", "STOP", promptTokenCount=1000, candidatesTokenCount=900),
    ],
    gap_s=30.0,
)
SO_FAR = 300_000 + 500_000


def test_a_stream_that_is_closed_is_charged_what_was_reported(play: Play, bench: Make) -> None:
    """In figures and in the budget; by `close` and by `aclose`."""
    here = bench(play(LONG), budgeted())
    assert texts(here.stream(most=1)) == ["Hel"]
    entry = served_models(here.seen())[FLASH]
    assert (entry.prompt_tokens, entry.output_tokens, entry.failed) == (1000, 200, 0)
    assert entry.nano_usd == SO_FAR
    assert here.balancer.ledger.headroom_nano_usd() == USD - SO_FAR


@pytest.mark.parametrize("kind", ["httpx", "aiohttp"])
def test_a_cancelled_stream_is_charged_what_was_reported(play: Play, kind: str) -> None:
    """The task that reads it is gone in the midst of a wait."""
    here = Bench(url=play(LONG).url, kind=kind, policy=budgeted())

    async def use(client: Wrapped) -> None:
        begun = asyncio.Event()

        async def read() -> None:
            stream = await client.aio.models.generate_content_stream(model=FLASH, contents="x")
            async for _ in stream:
                begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    here.run(use)
    entry = served_models(here.seen())[FLASH]
    assert (entry.nano_usd, entry.failed) == (SO_FAR, 0)
    assert here.balancer.ledger.headroom_nano_usd() == USD - SO_FAR


@pytest.mark.parametrize("kind", ["httpx", "aiohttp"])
def test_a_cancelled_call_that_had_said_nothing_books_all_that_was_held(
    play: Play, kind: str
) -> None:
    """It runs on upstream; its prompt is charged in the figures."""
    script = play(Reply(body=whole(), gap_s=30.0))
    here = Bench(url=script.url, kind=kind, policy=budgeted())
    held: list[int] = []

    async def use(client: Wrapped) -> None:
        task = asyncio.create_task(
            client.aio.models.generate_content(
                model=FLASH, contents="x", options=CallOptions(prompt_tokens=1000)
            )
        )
        assert await asyncio.to_thread(script.asked.wait, 20)
        held.append(here.balancer.ledger.reserved_nano_usd)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    here.run(use)
    assert served_models(here.seen())[FLASH].nano_usd == 300_000
    assert here.balancer.ledger.headroom_nano_usd() == USD - held[0]
