"""What no plan governs goes through: bytes unchanged, both ways, as they come."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Iterator

import httpx
import pytest

from balancer.service.proxy.passable import find_passed
from tests.service.conftest import Service, Start
from tests.service.upstream import Connection, hang, response
from tests.waiting import GIVE_UP_S, until

# The SDK's own class, which aiohttp would rather not have.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

STRANGE = bytes(range(256)) * 4
_MOST_ON_THE_WAY = 64 << 20
"""Bytes that buffers of sockets hold, and more."""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1beta/files/abc", "files"),
        ("/v1beta/files/abc:download", "files"),
        ("/upload/v1beta/files", "files"),
        ("/download/v1beta/files/abc:download", "files"),
        ("/v1beta/cachedContents/1", "caches"),
        ("/v1beta/models/m:batchGenerateContent", "batches"),
        ("/v1beta/models/m:asyncBatchEmbedContent", "batches"),
        ("/v1beta/batches/1:cancel", "batches"),
        ("/v1beta/tunedModels/mine:transferOwnership", "tuning"),
        ("/v1beta/models/m/operations/1", "operations"),
        ("/v1beta/fileSearchStores/s/documents/d", "stores"),
        ("/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore", "stores"),
        ("/v1alpha/auth_tokens", "auth_tokens"),
        ("/v1beta/interactions/1/cancel", "interactions"),
        ("/v1beta/openai/embeddings", "embeddings"),
        ("/v1beta/openai/responses", "openai"),
        ("/v1beta/dynamic/x:generateContent", "generation"),
        ("/v1/models/veo:predictLongRunning", "generation"),
        ("/v2/whatever/comes", "other"),
        ("/v1/projects/p/locations/l-1/tuningJobs/1", "tuning"),
        ("/v1/projects/p/locations/l-1/reasoningEngines/1:query", "agents"),
    ],
)
def test_every_path_of_the_api_goes_through_as_it_was_written(
    service: Service, path: str, kind: str
) -> None:
    """With any verb, and what came back comes back."""
    service.script.say(response(200, STRANGE, "X-Upstream: yes"))
    with service.client() as client:
        for verb in ("GET", "POST", "PATCH", "DELETE", "PUT"):
            found = client.request(verb, f"{path}?a=%20b&c", content=STRANGE)
            assert (found.status_code, found.content) == (200, STRANGE)
            assert found.headers["x-upstream"] == "yes"
            asked = service.script.asked[-1]
            assert (asked.line, asked.body) == (f"{verb} {path}?a=%20b&c HTTP/1.1", STRANGE)
        passed = client.get("/api/metrics").json()["passed"]
    assert {name: row["calls"] for name, row in passed.items()} == {kind: 5}
    assert all(tick.offered == (0, 0, 0) for tick in service.seen)
    assert service.balancer.status().in_flight == 0


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("/v1beta/v1beta/files/x", "/v1beta/files/x"),
        ("/files/x", "/v1beta/files/x"),
        ("/v1beta/files/a%20b", "/v1beta/files/a%20b"),
        ("/v1beta/files/a%2Fb", "/v1beta/files/a%2Fb"),
        ("/v1beta/files/", "/v1beta/files/"),
    ],
)
def test_a_path_in_another_form(service: Service, given: str, sent: str) -> None:
    """As base URLs with and without a version make them; encoded segments stay encoded."""
    with service.client() as client:
        assert client.get(given).status_code == 200
    assert service.script.asked[-1].path == sent


def test_a_vertex_path_leads_to_its_location() -> None:
    """And to none that is not one of Google's names."""
    there = find_passed(b"/v1/projects/p/locations/europe-west4/cachedContents")
    assert there is not None
    assert (there.vertex, there.location) == (True, "europe-west4")
    everywhere = find_passed(b"/v1/projects/p/locations/global/cachedContents")
    assert everywhere is not None
    assert (everywhere.vertex, everywhere.location) == (True, "")
    assert find_passed(b"/v1/projects/p/locations/evil.example/cachedContents") is None
    assert find_passed(b"/v1/projects/p/locations/a%2fb/cachedContents") is None


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body(service: Service, status: int) -> None:
    """Keeps its status, and has none here either."""
    service.script.say(response(status, b"", 'ETag: "1"', length=False))
    with service.client() as client:
        found = client.get("/v1beta/files/x")
        again = client.get("/v1beta/files/x")
    assert (found.status_code, found.content, found.headers["etag"]) == (status, b"", '"1"')
    assert "transfer-encoding" not in found.headers
    assert again.status_code == status


def test_head(service: Service) -> None:
    """Its length is that of what GET would give."""
    service.script.say(b"HTTP/1.1 200 X\r\nContent-Length: 12345\r\n\r\n")
    with service.client() as client:
        found = client.head("/v1beta/files/x")
    assert (found.headers["content-length"], found.content) == ("12345", b"")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_any_coding_passes_as_it_is(service: Service, coding: str) -> None:
    """Whether we could read it or not, and the caller's wishes with it."""
    packed = gzip.compress(b"{}")
    service.script.say(response(200, packed, f"Content-Encoding: {coding}"))
    with (
        service.client(headers={"accept-encoding": f"{coding}, x"}) as client,
        client.stream("GET", "/v1beta/files/x:download") as found,
    ):
        assert b"".join(found.iter_raw()) == packed
        assert found.headers["content-encoding"] == coding
    assert service.script.asked[-1].headers["accept-encoding"] == f"{coding}, x"


def test_a_compressed_body_goes_up_as_it_is(service: Service) -> None:
    """Nothing of it is read."""
    packed = gzip.compress(b"{}")
    with service.client() as client:
        client.post("/v1beta/files", content=packed, headers={"content-encoding": "gzip"})
    asked = service.script.asked[-1]
    assert (asked.body, asked.headers["content-encoding"]) == (packed, "gzip")


def test_a_download_comes_as_it_comes(service: Service) -> None:
    """The first piece is here before the upstream has written the second."""
    heard = asyncio.Event()

    async def slowly(connection: Connection) -> None:
        await connection.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await heard.wait()
        await connection.write(b"3\r\ntwo\r\n0\r\n\r\n")

    service.script.say(slowly)
    with service.client() as client, client.stream("GET", "/v1beta/files/x:download") as found:
        pieces = found.iter_raw()
        assert next(pieces) == b"one"
        service.loop.call_soon_threadsafe(heard.set)
        assert b"".join(pieces) == b"two"


def test_an_upload_goes_up_as_it_comes(service: Service) -> None:
    """The upstream has the first piece before the caller has written the second."""

    def pieces() -> Iterator[bytes]:
        yield b"one"
        until(lambda: service.script.pieces == [b"one"], "the first piece is there")
        yield b"two"

    with service.client() as client:
        found = client.post("/upload/v1beta/files", content=pieces())
    assert found.status_code == 200
    assert service.script.asked[-1].body == b"onetwo"


def test_a_caller_is_read_no_faster_than_the_upstream(service: Service) -> None:
    """What a caller sends is not held: while the upstream reads nothing, nobody can write."""
    sent = 0

    async def upload() -> None:
        nonlocal sent
        host, port = service.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = "POST /upload/v1beta/files HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n"
        writer.write(head.encode())
        piece = bytes(1 << 20)
        with contextlib.suppress(TimeoutError):
            while sent < _MOST_ON_THE_WAY:
                writer.write(piece)
                await asyncio.wait_for(writer.drain(), 0.5)
                sent += len(piece)
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    service.script.stalls = asyncio.Event()
    asyncio.run(upload())
    service.loop.call_soon_threadsafe(service.script.stalls.set)
    assert sent < _MOST_ON_THE_WAY


def test_an_answer_that_breaks_off_breaks_off_here(service: Service) -> None:
    """Nobody takes it for whole, and it is counted as a failure."""

    async def break_off(connection: Connection) -> None:
        await connection.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        connection.writer.close()

    service.script.say(break_off)
    with service.client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/v1beta/files/x:download")
        passed = client.get("/api/metrics").json()["passed"]
    assert passed["files"]["failures"] == {"cut": 1}


def test_an_upstream_that_is_away_is_said_so(start: Start) -> None:
    """In the form that Google's clients read."""
    service = start(upstream="http://127.0.0.1:9")
    with service.client() as client:
        found = client.get("/v1beta/files/x")
        passed = client.get("/api/metrics").json()["passed"]
    assert (found.status_code, found.json()["error"]["status"]) == (503, "UNAVAILABLE")
    assert passed["files"]["failures"] == {"reset": 1}


def test_a_caller_who_leaves_takes_the_call_along(service: Service) -> None:
    """The upstream is hung up on."""
    service.script.say(hang)
    service.leave("GET", "/v1beta/files/x", b"", lambda: service.script.asked)
    service.run(asyncio.wait_for(service.script.hung_up.wait(), GIVE_UP_S))
    with service.client() as client:
        until(lambda: "files" in client.get("/api/metrics").json()["passed"], "it is counted")
        passed = client.get("/api/metrics").json()["passed"]
    assert passed["files"]["failures"] == {"abandoned": 1}


def test_the_kill_switch_lets_through_even_what_we_cannot_read(service: Service) -> None:
    """Compressed, no JSON, too long, with odd headers: the upstream says what is wrong with it."""
    path = "/v1beta/models/gemini-3.6-flash:generateContent"
    packed = gzip.compress(b"{}")
    with service.client() as client:
        client.post("/api/brownout", json={"bypass": True, "reason": "a drill"})
        for body, headers in (
            (packed, {"content-encoding": "gzip"}),
            (b"no json", {}),
            (b"{}", {"x-open-balancer-priority": "odd"}),
        ):
            assert client.post(path, content=body, headers=headers).status_code == 200
            assert service.script.asked[-1].body == body
        found = client.get("/api/metrics").json()
        ready = client.get("/readyz").json()
    assert found["passed"]["generation"]["calls"] == 3
    assert found["brownout"]["bypass"] is True
    assert ready["bypass"] == "a drill"
