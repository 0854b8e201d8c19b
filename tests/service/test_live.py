"""Websockets of the Live API through the proxy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.service.conftest import KEY, Service, Start
from tests.waiting import GIVE_UP_S, free_port, until

GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
TOKENS = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
VERTEX = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
CLIENT_KEYS = ("client-key-of-app-one",)


class Live:
    """An upstream that echoes, and keeps who came."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.ends: list[tuple[int, str]] = []
        self.ended = asyncio.Event()

    async def talk(self, connection: ServerConnection) -> None:
        """Echo; a message that is a number ends it with that code."""
        assert connection.request is not None
        self.paths.append(connection.request.path)
        self.headers.append({k.lower(): v for k, v in connection.request.headers.raw_items()})
        try:
            async for message in connection:
                if isinstance(message, str) and message.isdigit():
                    await connection.close(int(message), "as you said")
                    return
                await connection.send(message)
        except ConnectionClosed:
            pass
        self.ends.append((connection.close_code or 0, connection.close_reason or ""))
        self.ended.set()


@asynccontextmanager
async def live(port: int, **options: Any) -> AsyncIterator[Live]:
    """It runs for the time of the block."""
    there = Live()
    async with serve(there.talk, "127.0.0.1", port, **options):
        yield there


@pytest.fixture
def port() -> int:
    """Of the upstream."""
    return free_port()


@pytest.fixture
def service(start: Start, port: int) -> Service:
    """In front of it."""
    return start(upstream=f"http://127.0.0.1:{port}")


def ws(service: Service, path: str) -> str:
    """URL of a websocket."""
    return service.url.replace("http", "ws", 1) + path


def test_a_client_key_does_not_go_to_google(start: Start, port: int) -> None:
    """Neither as a key nor as a token; the caller's own bearer goes."""
    service = start(
        upstream=f"http://127.0.0.1:{port}",
        vertex_upstream=f"http://127.0.0.1:{port}",
        gemini_key=KEY,
        client_keys=CLIENT_KEYS,
    )
    headers = {"x-goog-api-key": CLIENT_KEYS[0], "authorization": "Bearer ya29.own"}
    query = f"?key={CLIENT_KEYS[0]}&access_token={CLIENT_KEYS[0]}&a=b"

    async def talk() -> Live:
        async with (
            live(port) as there,
            connect(ws(service, VERTEX + query), additional_headers=headers) as line,
        ):
            await line.send("hello")
            assert await line.recv() == "hello"
        return there

    there = asyncio.run(talk())
    assert there.paths == [f"{VERTEX}?a=b"]
    assert CLIENT_KEYS[0] not in str(there.headers)
    assert there.headers[0]["authorization"] == "Bearer ya29.own"


@pytest.mark.parametrize("path", [GEMINI, TOKENS, VERTEX])
def test_messages_pass_both_ways(start: Start, port: int, path: str) -> None:
    """Text as text, bytes as bytes, large ones too; and what was asked is asked there."""
    upstream = f"http://127.0.0.1:{port}"
    service = start(upstream=upstream, vertex_upstream=upstream)
    messages: list[str | bytes] = ['{"setup": {"model": "models/x"}}', b"\x00\xff", "ü" * 100_000]

    async def talk() -> None:
        async with (
            live(port) as there,
            connect(ws(service, f"{path}?key=k&a=%20"), max_size=None) as here,
        ):
            for message in messages:
                await here.send(message)
                assert await here.recv() == message
            assert there.paths == [f"{path}?key=k&a=%20"]
            await here.close(4001, "enough")
            await asyncio.wait_for(there.ended.wait(), GIVE_UP_S)
            assert there.ends == [(4001, "enough")]

    asyncio.run(talk())
    with service.client() as client:
        until(lambda: client.get("/api/metrics").json()["passed"], "it is counted")
        row = client.get("/api/metrics").json()["passed"]["live"]
    assert (row["calls"], row["failures"]) == (1, {})


def test_the_upstreams_end_is_the_callers(service: Service, port: int) -> None:
    """With its code and reason, by which Google says what was wrong with the setup."""

    async def talk() -> tuple[int | None, str | None]:
        async with live(port), connect(ws(service, GEMINI)) as here:
            await here.send("1007")
            with pytest.raises(ConnectionClosed):
                await here.recv()
            return here.close_code, here.close_reason

    assert asyncio.run(talk()) == (1007, "as you said")


def test_a_refusal_of_the_upstream_is_its_own(service: Service, port: int) -> None:
    """As a response of HTTP, before the caller is let in."""

    async def talk() -> int:
        def refuse(connection: ServerConnection, _request: Any) -> Any:
            return connection.respond(429, "later")

        async with live(port, process_request=refuse):
            with pytest.raises(InvalidStatus) as caught:
                async with connect(ws(service, GEMINI)):
                    pass
        return caught.value.response.status_code

    assert asyncio.run(talk()) == 429
    with pytest.raises(InvalidStatus, match="503"):
        asyncio.run(once(service))


async def once(service: Service, path: str = GEMINI, **options: Any) -> None:
    """Connect, and leave."""
    async with connect(ws(service, path), **options):
        pass


@pytest.mark.parametrize(
    "path",
    [
        "/ws/evil.example/x",
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService/../../v1beta",
        "/v1beta/models",
        "/elsewhere",
    ],
)
def test_no_other_websocket_is_passed_on(service: Service, path: str) -> None:
    """Nothing but the Live API's own paths."""
    with pytest.raises(InvalidStatus):
        asyncio.run(once(service, path))


def test_client_keys_and_the_services_key_hold(start: Start, port: int) -> None:
    """A page of another site is refused where the service pays, as by HTTP."""
    service = start(upstream=f"http://127.0.0.1:{port}", gemini_key=KEY, client_keys=CLIENT_KEYS)

    async def talk() -> Live:
        async with live(port) as there:
            with pytest.raises(InvalidStatus, match="401"):
                await once(service)
            await once(service, f"{GEMINI}?key={CLIENT_KEYS[0]}&x=1")
            await once(service, additional_headers={"x-goog-api-key": CLIENT_KEYS[0]})
            return there

    there = asyncio.run(talk())
    assert there.paths == [f"{GEMINI}?x=1", GEMINI]
    assert [headers["x-goog-api-key"] for headers in there.headers] == [KEY, KEY]


def test_a_page_of_another_site_is_refused_where_the_service_pays(start: Start, port: int) -> None:
    """Browsers open websockets to anywhere, with the page's origin."""
    service = start(upstream=f"http://127.0.0.1:{port}", gemini_key=KEY)

    async def talk() -> Live:
        async with live(port) as there:
            with pytest.raises(InvalidStatus, match="403"):
                await once(service, origin="https://evil.example")
            await once(service)
            return there

    assert len(asyncio.run(talk()).paths) == 1


def test_a_token_for_one_session_is_sent_as_it_is(start: Start, port: int) -> None:
    """And the service's key is not put in its place."""
    service = start(upstream=f"http://127.0.0.1:{port}", gemini_key=KEY)
    token = {"authorization": "Token auth_tokens/abc"}

    async def talk() -> Live:
        async with live(port) as there:
            await once(service, TOKENS, additional_headers=token)
            await once(service, f"{TOKENS}?access_token=auth_tokens/abc")
            return there

    there = asyncio.run(talk())
    assert there.headers[0]["authorization"] == "Token auth_tokens/abc"
    assert there.paths[1].endswith("?access_token=auth_tokens/abc")
    assert not any("x-goog-api-key" in headers for headers in there.headers)


def test_vertex_is_where_its_first_message_says(start: Start, port: int) -> None:
    """Its path does not say where the model is."""
    service = start(vertex_upstream=f"http://127.0.0.1:{port}/{{location}}")
    setup = {"setup": {"model": "projects/p/locations/europe-west4/publishers/google/models/x"}}

    async def talk() -> Live:
        async with live(port) as there, connect(ws(service, VERTEX)) as here:
            await here.send(json.dumps(setup))
            assert json.loads(await here.recv()) == setup
            return there

    assert asyncio.run(talk()).paths == [f"/europe-west4{VERTEX}"]


def test_google_genai_talks_live(
    service: Service, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own client; it speaks TLS to any base URL, which is taken off here."""
    genai = pytest.importorskip("google.genai")
    from google.genai._api_client import BaseApiClient

    monkeypatch.setattr(BaseApiClient, "_websocket_base_url", lambda *_: ws(service, ""))
    options = {"base_url": service.url, "timeout": 20_000}
    said: list[Any] = []

    async def model(connection: ServerConnection) -> None:
        said.append(json.loads(await connection.recv()))
        await connection.send(json.dumps({"setupComplete": {}}).encode())
        said.append(json.loads(await connection.recv()))
        answer = {"modelTurn": {"parts": [{"text": "hello"}]}, "turnComplete": True}
        await connection.send(json.dumps({"serverContent": answer}).encode())
        await connection.wait_closed()

    async def talk() -> str:
        async with serve(model, "127.0.0.1", port):
            client = genai.Client(api_key="callers-key", http_options=options)
            client._api_client._websocket_ssl_ctx = {}
            async with client.aio.live.connect(model="gemini-live", config={}) as session:
                await session.send_client_content(
                    turns={"role": "user", "parts": [{"text": "hi"}]}, turn_complete=True
                )
                return "".join([each.text or "" async for each in session.receive()])

    assert asyncio.run(talk()) == "hello"
    assert said[0]["setup"]["model"] == "models/gemini-live"
