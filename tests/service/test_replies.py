"""Replies that users met, through the proxy to Google's own client."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from typing import Any

import pytest

from balancer.runtime.calls import CallRecord, CallSettings
from tests.service.conftest import Service, Start
from tests.service.test_clients import MODEL, client
from tests.service.test_proxy_plans import ONCE, RETRIES, failed, only
from tests.service.upstream import Connection, Writer, answer, body_of, error, hang, response, sse
from tests.waiting import GIVE_UP_S

genai = pytest.importorskip("google.genai")

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

BUDGET = ONCE + "budget: {per_hour: $1}\n"
CHUNKS = [body_of("one ", finish=None, output=3), body_of("two", output=7)]
LIST = [
    {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "Please retry in 9s.",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "9s"},
            ],
        }
    }
]


def events(text: str) -> Writer:
    """A stream as a gateway wrote it."""

    async def write(connection: Connection) -> None:
        await connection.write(
            response(200, text.encode(), "Content-Type: text/event-stream; charset=utf-8")
        )

    return write


def lines(*chunks: Any) -> str:
    """Events of a stream."""
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)


def records(service: Service) -> list[CallRecord]:
    """Attempts, as they will end."""
    found: list[CallRecord] = []
    service.balancer.listeners.calls.add(found.append)
    return found


@pytest.mark.parametrize("body", [LIST, LIST[0]])
def test_an_error_under_a_status_of_success_is_an_error(start: Start, body: Any) -> None:
    """Clients take it for an answer without content."""
    service = start(policy=ONCE)
    service.script.say(response(200, json.dumps(body).encode()))
    wanted = pytest.raises(genai.errors.ClientError, match="Please retry in 9s")
    with client(service) as google, wanted as caught:
        google.models.generate_content(model=MODEL, contents="hi")
    assert caught.value.code == 429


def stream(service: Service) -> list[str | None]:
    """Texts of a stream, by the blocking client."""
    with client(service) as google:
        chunks = google.models.generate_content_stream(model=MODEL, contents="hi")
        return [chunk.text for chunk in chunks]


async def stream_too(service: Service) -> list[str | None]:
    """The same by the other one."""
    async with client(service).aio as google:
        chunks = await google.models.generate_content_stream(model=MODEL, contents="hi")
        return [chunk.text async for chunk in chunks]


def test_blocked_by_a_filter_that_nobody_has_heard_of(start: Start) -> None:
    """One call upstream, and no failure."""
    service = start(policy=RETRIES)
    body = {
        "candidates": [{"finishReason": "MODEL_ARMOR", "index": 0}],
        "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10},
    }
    service.script.say(response(200, json.dumps(body).encode(), "Content-Type: application/json"))
    with client(service) as google:
        found = google.models.generate_content(model=MODEL, contents="hi")
    assert found.candidates[0].finish_reason == "MODEL_ARMOR"
    assert len(service.script.asked) == 1
    assert only(service).failed == 0


@pytest.mark.parametrize("sentinel", ["data: [DONE]\n\n", "data: [DONE]", "data:[DONE]\r\n\r\n"])
def test_a_sentinel_ends_a_stream_and_reaches_nobody(start: Start, sentinel: str) -> None:
    """google-genai raises at it: directly, both of its clients would."""
    service = start(policy=RETRIES)
    service.script.say(events(lines(*CHUNKS) + sentinel))
    assert stream(service) == ["one ", "two"]
    assert asyncio.run(stream_too(service)) == ["one ", "two"]
    entry = only(service)
    assert (entry.finished, entry.failed, entry.output_tokens) == (2, 0, 14)


def test_comments_and_names_of_events_reach_nobody(start: Start) -> None:
    """Nor data without a space, at all of which google-genai raises."""
    service = start(policy=RETRIES)
    text = ": ping\n\nevent: message\n" + lines(CHUNKS[0]) + lines(CHUNKS[1]).replace(": ", ":", 1)
    service.script.say(events(text))
    assert stream(service) == ["one ", "two"]


def test_an_error_in_a_list_is_sent_elsewhere(start: Start) -> None:
    """With its kind and its delay, never handed on as an answer."""
    service = start(policy=RETRIES)
    found = records(service)
    service.script.say(events(lines(LIST)), sse(*CHUNKS))
    assert stream(service) == ["one ", "two"]
    outcomes = [record.outcome for record in found if record.outcome is not None]
    assert [(each.kind, each.retry_after_s) for each in outcomes] == [
        ("quota_minute", 9.0),
        (None, 0.0),
    ]


def test_where_nothing_else_is_left_the_error_is_the_clients(start: Start) -> None:
    """As Google would have sent it."""
    service = start(policy=ONCE)
    service.script.say(events(lines(LIST)))
    with pytest.raises(genai.errors.ClientError) as caught:
        stream(service)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert caught.value.details == LIST[0]


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
def test_an_error_in_a_list_after_chunks_is_raised(start: Start, pause_s: float) -> None:
    """Directly, google-genai takes it for a chunk without content."""
    service = start(policy=ONCE)
    service.script.say(sse(CHUNKS[0], LIST, pause_s=pause_s, after=hang))
    with pytest.raises(genai.errors.ClientError, match="429"):
        stream(service)
    service.run(asyncio.wait_for(service.script.hung_up.wait(), GIVE_UP_S))
    assert failed(only(service)) == {"quota_minute": 1}


@pytest.mark.parametrize("seconds", [20, 90_000])
def test_a_wait_may_be_a_date(start: Start, seconds: int) -> None:
    """Of a gateway; at most a day of it is waited."""
    service = start(policy=ONCE)
    found = records(service)
    header = f"Retry-After: {formatdate(time.time() + seconds, usegmt=True)}"
    service.script.say(response(429, b"{}", "Content-Type: application/json", header))
    with pytest.raises(genai.errors.ClientError), client(service) as google:
        google.models.generate_content(model=MODEL, contents="hi")
    assert found[0].outcome is not None
    wait_s = min(seconds, 86_400)
    assert wait_s - 15 < found[0].outcome.retry_after_s <= wait_s


@pytest.mark.parametrize(
    ("status", "word", "message", "kind"),
    [
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Your project has exceeded its monthly spending cap. Please go to AI Studio to "
            "manage it.",
            "closed",
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
            "rejected",
        ),
    ],
)
def test_a_closed_project_and_a_callers_mistake_are_told_apart(
    start: Start, status: int, word: str, message: str, kind: str
) -> None:
    """The client reads what the upstream said."""
    service = start(policy=ONCE)
    found = records(service)
    service.script.say(error(status, word, message))
    with pytest.raises(genai.errors.ClientError, match=message[:20]), client(service) as google:
        google.models.generate_content(model=MODEL, contents="hi")
    assert [record.outcome and record.outcome.kind for record in found] == [kind]


def test_audio_and_searches_are_booked(start: Start) -> None:
    """$0.1164524 for an hour of audio, and $0.035 more for a grounded answer."""
    service = start(policy=BUDGET)
    body = body_of("a", prompt=115_208, output=500)
    body["usageMetadata"]["promptTokensDetails"] = [
        {"modality": "TEXT", "tokenCount": 8},
        {"modality": "AUDIO", "tokenCount": 115_200},
    ]
    grounded = body_of("a", prompt=20, output=300)
    grounded["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["a", "b"]}
    head = "Content-Type: application/json"
    service.script.say(
        response(200, json.dumps(body).encode(), head), sse(grounded, {"usageMetadata": {}})
    )
    with client(service) as google:
        google.models.generate_content(model=MODEL, contents="hi")
        assert stream_all(google) == ["a", None]
    assert only(service).nano_usd == 116_452_400 + 6_000 + 750_000 + 35_000_000
    left = service.balancer.ledger.headroom_nano_usd()
    assert left == 1_000_000_000 - only(service).nano_usd


def stream_all(google: Any) -> list[str | None]:
    """Texts."""
    chunks = google.models.generate_content_stream(model=MODEL, contents="hi")
    return [chunk.text for chunk in chunks]


def test_a_dated_version_is_booked_at_its_familys_price(start: Start) -> None:
    """And taken where there is a budget."""
    service = start(policy=BUDGET)
    service.script.say(answer("hello", prompt=1000, output=1000))
    config = {"cached_content": "cachedContents/abc"}
    with client(service) as google:
        google.models.generate_content(model=f"{MODEL}-001", contents="hi", config=config)
    assert only(service).nano_usd == 2_800_000


def test_a_model_without_a_price_is_refused_in_words(start: Start) -> None:
    """Where there is a budget; nobody is asked to try again."""
    service = start(policy=BUDGET)
    with pytest.raises(genai.errors.ClientError) as caught, client(service) as google:
        google.models.generate_content(model="new-model", contents="hi")
    assert (caught.value.code, caught.value.status) == (400, "FAILED_PRECONDITION")
    words = str(caught.value.message)
    assert "no price for model 'new-model'" in words
    assert "prices: {unknown: {input: ..., output: ...}}" in words
    assert "retry" not in words
    assert service.script.asked == []


def test_a_declared_price_lets_it_pass(start: Start) -> None:
    """At that price, and under no cap of ours."""
    service = start(policy=BUDGET + "prices: {unknown: {input: 2, output: 12}}\n")
    service.script.say(answer("hello", prompt=1000, output=1000))
    with client(service) as google:
        google.models.generate_content(model="new-model", contents="hi")
    assert only(service).nano_usd == 14_000_000


def test_a_prompt_whose_length_the_caller_knows_is_reserved_by_it(start: Start) -> None:
    """A file that is only named might be a talk of nine hours, which $1 does not afford."""
    service = start(policy=BUDGET)
    talk = genai.types.Part.from_uri(file_uri="gs://b/talk.mp3", mime_type="audio/mp3")
    with client(service) as google:
        with pytest.raises(genai.errors.ServerError, match="does not afford"):
            google.models.generate_content(model=MODEL, contents=[talk])
        headers = {"x-open-balancer-prompt-tokens": "115208"}
        config = {"http_options": {"headers": headers}}
        assert google.models.generate_content(model=MODEL, contents=[talk], config=config).text
    (asked,) = service.script.asked
    assert not any("open-balancer" in name for name in asked.headers)


def test_a_caller_who_leaves_a_stream_is_charged_what_was_reported(start: Start) -> None:
    """In figures and in the budget."""
    service = start(policy=BUDGET)
    service.script.say(sse(body_of("one ", finish=None, prompt=1000, output=200), after=hang))

    async def leave() -> None:
        async with client(service).aio as google:
            chunks = await google.models.generate_content_stream(model=MODEL, contents="hi")
            async for chunk in chunks:
                assert chunk.text == "one "
                break

    asyncio.run(leave())
    service.run(asyncio.wait_for(service.script.hung_up.wait(), GIVE_UP_S))
    entry = only(service)
    assert (entry.prompt_tokens, entry.output_tokens, entry.failed) == (1000, 200, 0)
    assert entry.nano_usd == 300_000 + 500_000
    assert service.balancer.ledger.headroom_nano_usd() == 1_000_000_000 - entry.nano_usd


def test_attempts_wait_as_long_as_a_date_says(start: Start) -> None:
    """As with so many seconds."""
    service = start(
        policy=ONCE.replace("retries: 0", "retries: 1"),
        call_settings=CallSettings(backoff_initial_s=0.001, backoff_jitter_s=0.0),
    )
    header = f"Retry-After: {formatdate(time.time() + 1.9, usegmt=True)}"
    service.script.say(
        response(429, b"{}", "Content-Type: application/json", header), answer("later")
    )
    found = records(service)
    with client(service) as google:
        assert google.models.generate_content(model=MODEL, contents="hi").text == "later"
    first, second = found
    assert first.outcome is not None
    assert second.started_s - first.ended_s >= first.outcome.retry_after_s
