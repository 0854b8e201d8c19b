"""What no plan governs goes through: bytes unchanged, both ways, as they come."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from balancer import wire
from balancer.core.pricing import cost_nano_usd
from balancer.service.proxy import passing
from balancer.service.proxy.gateway import Gateway
from balancer.service.proxy.large import read_json
from balancer.service.proxy.passable import find_passed
from tests.service.conftest import KEY, Service, Start, serving
from tests.service.upstream import Connection, error, hang, response
from tests.waiting import until

genai = pytest.importorskip("google.genai")

# The SDK's own class, which aiohttp would rather not have.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

JSON = {"content-type": "application/json"}
CLIENT_KEYS = ("client-key-of-app-one", "client-key-of-app-two")
EMBED = "/v1beta/models/gemini-embedding-001:embedContent"
EMBEDDED = b'{"usageMetadata": {"promptTokenCount": 2000}}'
_MOST_ON_THE_WAY = 64 << 20
"""Bytes that buffers of sockets hold, and more."""
STRANGE = bytes(range(256)) * 4


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
    with service.client() as client, pytest.raises(httpx.ReadTimeout):
        client.get("/v1beta/files/x", timeout=0.3)
    service.run(asyncio.wait_for(service.script.hung_up.wait(), 10))
    with service.client() as client:
        until(lambda: "files" in client.get("/api/metrics").json()["passed"], "it is counted", 10)
        passed = client.get("/api/metrics").json()["passed"]
    assert passed["files"]["failures"] == {"abandoned": 1}


def embed(service: Service) -> None:
    """Have an answer that says what it used, and leave."""
    service.script.say(response(200, EMBEDDED, "Content-Type: application/json"))
    with service.client() as client:
        found = client.post(EMBED, json={})
        assert found.content == EMBEDDED


def test_an_answer_that_cannot_be_read_is_counted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps it from being read."""

    async def read_json(*_arguments: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(passing, "read_json", read_json)
    with contextlib.suppress(httpx.RemoteProtocolError):
        embed(service)
    with service.client() as client:
        assert counted(client, "embeddings", 1)["cost_usd"] == 0


def test_a_service_that_stops_counts_what_was_answered_before(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that are still read then, before the balancer closes."""
    closing = asyncio.Event()
    close = Gateway.close

    async def read_late(*arguments: Any) -> Any:
        await closing.wait()
        return await read_json(*arguments)

    async def close_late(gateway: Gateway) -> None:
        closing.set()
        await close(gateway)

    monkeypatch.setattr(passing, "read_json", read_late)
    monkeypatch.setattr(Gateway, "close", close_late)
    booked: list[tuple[int, bool]] = []
    with serving(directory) as service:
        balancer = service.balancer
        balancer.listeners.passages.add(
            lambda passage: booked.append((passage.nano_usd, balancer._control.health.closed))
        )
        embed(service)
    assert booked == [(300_000, False)]


def test_errors_are_counted_by_kind_and_never_as_generations(service: Service) -> None:
    """Of embeddings apart from all else."""
    service.script.say(
        error(429, "RESOURCE_EXHAUSTED"),
        error(503, "UNAVAILABLE"),
        error(400, "INVALID_ARGUMENT"),
        response(200, b'{"embedding": {}}', "Content-Type: application/json"),
    )
    with service.client() as client:
        for _ in range(4):
            client.post(EMBED, json={"content": {}})
        found = client.get("/api/metrics").json()
    row = found["passed"]["embeddings"]
    assert row["calls"] == 4
    assert row["failures"] == {"quota_minute": 1, "overloaded": 1, "rejected": 1}
    assert row["latency_p95_s"] > 0
    assert found["performance"]["requests"] == 0
    assert len(service.script.asked) == 4


def counted(client: httpx.Client, kind: str, calls: int) -> Any:
    """What was passed on, once so many calls are counted: a caller has an answer before that."""

    def look() -> Any:
        row = client.get("/api/metrics").json()["passed"].get(kind, {})
        return row if row.get("calls") == calls else None

    return until(look, "they are counted")


@pytest.mark.parametrize(
    ("path", "usage"),
    [
        ("models/gemini-embedding-001:embedContent", {"usageMetadata": {"promptTokenCount": 2000}}),
        (
            "openai/embeddings",
            {
                "usage": {"prompt_tokens": 2000, "total_tokens": 2000},
                "model": "gemini-embedding-001",
            },
        ),
    ],
)
def test_what_an_answer_says_that_it_used_is_booked(
    start: Start, path: str, usage: dict[str, Any]
) -> None:
    """At the price of the model, in the budget of everybody and of the tenant."""
    policy = "name: unchanged\nmodes: {normal: {model: null, fallback_models: [], thinking: null}}"
    service = start(policy=f"{policy}\nbudget: {{per_hour: $1}}")
    body = json.dumps(usage).encode()
    service.script.say(
        response(
            200, gzip.compress(body), "Content-Type: application/json", "Content-Encoding: gzip"
        )
    )
    with service.client() as client:
        client.post(f"/v1beta/{path}", json={}, headers={"accept-encoding": "gzip"})
        found = counted(client, "embeddings", 1)
    assert found["cost_usd"] == pytest.approx(2000 * 0.15e-6)
    assert service.balancer.ledger.headroom_nano_usd() == 10**9 - 300_000


GENERATED = {"usageMetadata": {"promptTokenCount": 1_000_000}, "modelVersion": "gemini-3.6-flash"}
INTERACTED = {
    "id": "i-1",
    "status": "completed",
    "model": "gemini-3.6-flash",
    "usage": {"total_input_tokens": 1_000_000, "total_output_tokens": 0, "total_tokens": 1_000_000},
}


@pytest.mark.parametrize("path", ["models/gemini-3.6-flash:predict", "interactions"])
@pytest.mark.parametrize("said", ["header", "body", ""])
def test_a_bill_has_the_prices_of_the_tier_that_served(
    service: Service, path: str, said: str
) -> None:
    """As the answer says it; where it says nothing, standard's. An interaction in its own form."""
    body = json.loads(json.dumps(INTERACTED if path == "interactions" else GENERATED))
    headers = ["Content-Type: application/json"]
    if said == "header":
        headers.append("x-gemini-service-tier: flex")
    elif said == "body":
        (body if path == "interactions" else body["usageMetadata"])["serviceTier"] = "flex"
    service.script.say(response(200, json.dumps(body).encode(), *headers))
    with service.client() as client:
        client.post("/api/brownout", json={"bypass": True, "reason": "so that it is passed on"})
        packed = gzip.compress(json.dumps({"model": "gemini-3.6-flash", "input": "x"}).encode())
        client.post(f"/v1beta/{path}", content=packed, headers={"content-encoding": "gzip"})
        found = counted(client, "generation", 1)
    card = service.balancer.catalog.priced("gemini-3.6-flash")
    assert card is not None
    prices = card.price_of("flex" if said else "standard")
    assert card.price_of("flex") != card.price
    assert found["cost_usd"] == pytest.approx(cost_nano_usd(prices, 1_000_000, 0, 0, 0) / 1e9)


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_answer_is_read_beside_the_event_loop(
    service: Service, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """And not at all where it says nothing of what was used, or becomes too large."""
    readers = []
    parse = wire.parse

    def observed(raw: bytes) -> Any:
        readers.append((len(raw), threading.get_ident()))
        return parse(raw)

    async def ident() -> int:
        return threading.get_ident()

    monkeypatch.setattr(wire, "parse", observed)
    path = "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    filling = {"embeddings": [0.5] * 100_000}
    used = {**filling, "usageMetadata": {"promptTokenCount": 2000}}
    # Its numbers are left out, as parsing them would hold up the loop from any thread.
    sizes = [len(json.dumps({**used, "embeddings": []}))]
    bodies = [json.dumps(used), json.dumps(filling)]
    if packed:
        bodies.append(json.dumps(used) + " " * (8 << 20))
    for text in bodies:
        raw = gzip.compress(text.encode()) if packed else text.encode()
        coding = "gzip" if packed else "identity"
        headers = ("Content-Type: application/json", f"Content-Encoding: {coding}")
        service.script.say(response(200, raw, *headers))
        with service.client() as client:
            client.post(path, json={})
    with service.client() as client:
        found = counted(client, "embeddings", len(bodies))
    assert found["cost_usd"] == pytest.approx(2000 * 0.15e-6)
    assert [size for size, _ in readers] == sizes
    assert service.run(ident()) not in {reader for _, reader in readers}


# --- who may --------------------------------------------------------------------------------


def test_client_keys_and_the_services_key_hold_for_all(start: Start) -> None:
    """As for governed calls; OpenAI's clients give theirs as a bearer, and Google gets ours so."""
    service = start(gemini_key=KEY, client_keys=CLIENT_KEYS)
    bearer = {"authorization": f"Bearer {CLIENT_KEYS[0]}"}
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/v1beta/files").status_code == 401
        assert client.get("/v1beta/files", params={"key": "x"}).status_code == 401
        assert service.script.asked == []
        assert client.get("/v1beta/files", params={"key": CLIENT_KEYS[1]}).status_code == 200
        assert client.get("/v1beta/openai/models", headers=bearer).status_code == 200
    files, models = service.script.asked
    assert (files.path, files.headers["x-goog-api-key"]) == ("/v1beta/files", KEY)
    assert models.headers["authorization"] == f"Bearer {KEY}"
    assert "x-goog-api-key" not in models.headers


def test_without_client_keys_the_services_key_serves_this_machine(start: Start) -> None:
    """No page in a browser, and nobody behind a proxy."""
    service = start(gemini_key=KEY)
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/v1beta/files").status_code == 200
        page = client.get("/v1beta/files", headers={"origin": "https://evil.example"})
        stranger = client.get("/v1beta/files", headers={"x-forwarded-for": "192.0.2.1"})
    assert (page.status_code, stranger.status_code) == (403, 401)
    assert len(service.script.asked) == 1


def test_the_rate_of_an_address_counts_all_calls(start: Start) -> None:
    """So many, whatever they are of."""
    service = start(proxied_per_s=0.2)
    with httpx.Client(base_url=service.url) as client:
        statuses = [client.get("/v1beta/files").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


# --- uploads --------------------------------------------------------------------------------


def upload_script(service: Service) -> None:
    """An upstream that takes a file in two steps, as Google does."""
    url = f"{service.script.url}/upload/v1beta/files?upload_id=abc&upload_protocol=resumable"
    there = {"file": {"name": "files/abc", "mimeType": "text/plain"}}
    service.script.say(
        response(200, b"", f"X-Goog-Upload-URL: {url}", "X-Goog-Upload-Status: active"),
        response(
            200,
            json.dumps(there).encode(),
            "Content-Type: application/json",
            "X-Goog-Upload-Status: final",
        ),
    )


@pytest.mark.parametrize("keys", [(), CLIENT_KEYS])
@pytest.mark.parametrize("asynchronously", [False, True])
def test_google_genai_uploads_a_file(
    start: Start, keys: tuple[str, ...], asynchronously: bool
) -> None:
    """Both steps through the proxy; the second comes without a key, and is let in all the same."""
    service = start(gemini_key=KEY, client_keys=keys)
    upload_script(service)
    options = {"base_url": service.url, "timeout": 20_000}
    how = {"file": io.BytesIO(STRANGE), "config": {"mime_type": "text/plain"}}

    async def later() -> Any:
        async with genai.Client(api_key=CLIENT_KEYS[0], http_options=options).aio as client:
            return await client.files.upload(**how)

    if asynchronously:
        found = asyncio.run(later())
    else:
        with genai.Client(api_key=CLIENT_KEYS[0], http_options=options) as client:
            found = client.files.upload(**how)
    assert found.name == "files/abc"
    begun, sent = service.script.asked
    assert begun.headers["x-goog-upload-command"] == "start"
    assert (sent.body, sent.headers["x-goog-upload-command"]) == (STRANGE, "upload, finalize")
    assert sent.path == "/upload/v1beta/files?upload_id=abc&upload_protocol=resumable"
    assert sent.headers["x-goog-api-key"] == KEY


def test_an_upload_url_is_good_for_itself_alone(start: Start) -> None:
    """What is signed is the whole URL, and a signature of nobody's is none."""
    service = start(gemini_key=KEY, client_keys=CLIENT_KEYS)
    upload_script(service)
    with httpx.Client() as client:
        key = {"x-goog-api-key": CLIENT_KEYS[0]}
        begun = client.post(f"{service.url}/upload/v1beta/files", headers=key)
        url = begun.headers["x-goog-upload-url"]
        assert url.startswith(f"{service.url}/upload/v1beta/files?upload_id=abc")
        other = url.replace("upload_id=abc", "upload_id=abd")
        elsewhere = url.replace("/upload/v1beta/files", "/v1beta/files")
        forged = re.sub("(open_balancer_upload=).*", r"\g<1>00", url)
        refused = [client.post(each, content=b"x") for each in (other, elsewhere, forged)]
        refused += [client.request(verb, url) for verb in ("GET", "DELETE", "PATCH")]
        taken = client.post(url, content=b"x")
    assert [found.status_code for found in refused] == [401] * 6
    assert taken.status_code == 200
    assert len(service.script.asked) == 2


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"host": "llm.example", "x-forwarded-proto": "https"}, "https://llm.example"),
        ({"x-forwarded-host": "llm.example", "x-forwarded-proto": "https"}, "https://llm.example"),
        ({"x-forwarded-for": "192.0.2.1"}, ""),
    ],
)
def test_an_upload_url_has_the_name_by_which_the_caller_came(
    start: Start, headers: dict[str, str], base: str
) -> None:
    """Behind something that ends TLS, as that says; where it says nothing, it stays Google's."""
    service = start(hosts=("llm.example",))
    upload_script(service)
    with httpx.Client() as client:
        found = client.post(f"{service.url}/upload/v1beta/files", headers=headers)
    url = found.headers["x-goog-upload-url"]
    assert url.startswith(f"{base or service.script.url}/upload/v1beta/files?")


# --- the kill switch ------------------------------------------------------------------------


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
