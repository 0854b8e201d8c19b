"""Google's own client through the proxy: only its base URL changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.service.conftest import Service, Start
from tests.service.test_proxy_plans import ONCE
from tests.service.upstream import answer, body_of, error, hang, response, sse

genai = pytest.importorskip("google.genai")

# The SDK's own class, which aiohttp would rather not have.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

MODEL = "gemini-2.5-flash"
CHUNKS = [body_of("one ", finish=None), body_of("two")]


def client(service: Service, **options: Any) -> Any:
    """A client whose base URL is the service's."""
    return genai.Client(
        api_key="callers-key", http_options={"base_url": service.url, "timeout": 20_000, **options}
    )


@pytest.mark.parametrize("version", ["v1", "v1beta", ""])
def test_a_whole_answer(service: Service, version: str) -> None:
    """Under any version of the API, and the mode that served it is in its headers."""
    with client(service, api_version=version) as google:
        found = google.models.generate_content(model=MODEL, contents="hi")
    assert found.text == "hello"
    assert found.usage_metadata.prompt_token_count == 10
    assert found.sdk_http_response.headers["x-open-balancer-mode"] == "normal"
    assert service.script.asked[-1].headers["x-goog-api-key"] == "callers-key"


def test_a_stream(service: Service) -> None:
    """Chunk by chunk."""
    service.script.say(sse(*CHUNKS))
    with client(service) as google:
        stream = google.models.generate_content_stream(model=MODEL, contents="hi")
        assert [chunk.text for chunk in stream] == ["one ", "two"]


@pytest.mark.parametrize("streamed", [False, True])
def test_asynchronously(service: Service, streamed: bool) -> None:
    """The same for its other half, which is another HTTP client."""
    service.script.say(sse(*CHUNKS) if streamed else answer("one two"))

    async def ask() -> str:
        async with client(service).aio as google:
            if not streamed:
                found = await google.models.generate_content(model=MODEL, contents="hi")
                return str(found.text)
            stream = await google.models.generate_content_stream(model=MODEL, contents="hi")
            return "".join([chunk.text async for chunk in stream])

    assert asyncio.run(ask()) == "one two"


def test_a_chat(service: Service) -> None:
    """Its history goes along."""
    with client(service) as google:
        chat = google.chats.create(model=MODEL)
        chat.send_message("A")
        chat.send_message("B")
    assert [turn["role"] for turn in service.script.asked[-1].json["contents"]] == [
        "user",
        "model",
        "user",
    ]


def test_methods_without_a_plan(service: Service) -> None:
    """Counting tokens, and looking at models."""
    service.script.say(
        response(200, b'{"totalTokens": 31}', "Content-Type: application/json"),
        response(200, b'{"models": [{"name": "models/m"}]}', "Content-Type: application/json"),
    )
    with client(service) as google:
        assert google.models.count_tokens(model=MODEL, contents="hi").total_tokens == 31
        assert [model.name for model in google.models.list()] == ["models/m"]


def test_what_is_shed_is_raised_as_the_error_it_knows(start: Start) -> None:
    """With the delay where its users look for it."""
    service = start(policy=ONCE.replace("retries: 0", "shed: {low: 100%}"))
    service.wait_for_tick()
    low = {"x-open-balancer-priority": "low"}
    with (
        client(service, headers=low) as google,
        pytest.raises(genai.errors.ServerError) as caught,
    ):
        google.models.generate_content(model=MODEL, contents="hi")
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")
    assert caught.value.details["error"]["details"][0]["reason"] == "SHED"


def test_an_upstreams_error_is_raised_as_its_own(start: Start) -> None:
    """The upstream's words come through."""
    service = start(policy=ONCE)
    service.script.say(error(400, "INVALID_ARGUMENT", "contents is not specified"))
    with client(service) as google, pytest.raises(genai.errors.ClientError) as caught:
        google.models.generate_content(model=MODEL, contents="hi")
    assert caught.value.message == "contents is not specified"


def test_a_stream_that_breaks_off_is_raised(start: Start) -> None:
    """Instead of passing for complete, as one that just ends does."""
    service = start(policy=ONCE.replace("retries: 0", "retries: 0, timeout: 2s"))
    service.script.say(sse(CHUNKS[0], after=hang))
    with client(service) as google:
        stream = google.models.generate_content_stream(model=MODEL, contents="hi")
        assert next(stream).text == "one "
        with pytest.raises(genai.errors.ServerError) as caught:
            next(stream)
    assert caught.value.code == 504
