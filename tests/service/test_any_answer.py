"""Whatever an upstream sends, its caller gets an answer, and the service goes on."""

from __future__ import annotations

import gzip
import json
import random
import socket
from typing import Any

import httpx
import pytest

from balancer.service.bounds import Bounds
from balancer.service.proxy.large import read_answer
from balancer.service.proxy.upstream import TooLarge
from tests.service.conftest import KEY, UNCHANGED, Service, Start
from tests.service.upstream import Connection, Writer, answer, body_of, response
from tests.waiting import GIVE_UP_S

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
CHAT = "/v1beta/openai/chat/completions"
PASSED = "/v1beta/cachedContents"
BODY = {"contents": [{"parts": [{"text": "hi"}]}]}
PATHS = (PATH, STREAM, STREAM.partition("?")[0], CHAT, PASSED)
WHOLE = json.dumps(body_of("hi")).encode()
SMALL = Bounds(answer_size=4096)

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
HOSTILE = {
    "nothing": b"",
    "no http": b"\x16\x03\x01\x00\x00",
    "no status": b"HTTP/1.1\r\n\r\n",
    "status 0": b"HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n",
    "status 42": b"HTTP/1.1 42 X\r\nContent-Length: 0\r\n\r\n",
    "status 101": b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "status 600": response(600, b"{}"),
    "status 999": response(999, b"{}"),
    "status 204 with a body": response(204, WHOLE),
    "status 304": b"HTTP/1.1 304 X\r\n\r\n",
    "a control byte": response(200, WHOLE, "X-Odd: a\x01b"),
    "a null byte": response(200, WHOLE, "X-Odd: a\x00b"),
    "a bare return": response(200, WHOLE, "X-Odd: a\rX: b"),
    "delete": response(200, WHOLE, "X-Odd: a\x7fb"),
    "a control byte in a failure": response(503, b"{}", "Retry-After: \x02"),
    "a header without a name": response(200, WHOLE, ": a"),
    "a header with a space": response(200, WHOLE, "X Odd: a"),
    "a folded header": response(200, WHOLE, "X: a\r\n b"),
    "eight bits": response(200, WHOLE, "X-Odd: \xff\xfe"),
    "a long header": response(200, WHOLE, "X-Odd: " + "a" * 100_000),
    "many headers": response(200, WHOLE, *(f"X-{number}: a" for number in range(5000))),
    "a long status line": b"HTTP/1.1 200 " + b"X" * 100_000 + b"\r\n\r\n",
    "two lengths": response(200, WHOLE, "Content-Length: 3"),
    "a negative length": response(200, b"", "Content-Length: -1", length=False),
    "a length that is none": response(200, b"", "Content-Length: many", length=False),
    "a length beyond all": response(200, b"", f"Content-Length: {10**30}", length=False),
    "less than its length": response(200, WHOLE, f"Content-Length: {2**20}", length=False),
    "a length and chunks": response(200, b"2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
    "chunks that are none": response(200, b"zz\r\n", "Transfer-Encoding: chunked", length=False),
    "a chunk beyond all": response(
        200, b"fffffffffffffffff\r\n", "Transfer-Encoding: chunked", length=False
    ),
    "no gzip": response(200, b"no gzip", "Content-Encoding: gzip"),
    "half a gzip": response(200, gzip.compress(WHOLE)[:-9], "Content-Encoding: gzip"),
    "an unknown coding": response(200, WHOLE, "Content-Encoding: zstd"),
    "no json": response(200, b"<html>", "Content-Type: application/json"),
    "no utf-8": response(200, b'{"a": "\xff"}', "Content-Type: application/json"),
    "half a surrogate": response(200, json.dumps(body_of("\ud800")).encode()),
    "nesting": response(200, b"[" * 200_000),
    "a number": response(200, b"1" * 10_000),
    "not a number": response(200, WHOLE.replace(b": 10", b": NaN")),
    "huge figures": response(200, WHOLE.replace(b": 10", b": 1e400")),
    "a list": response(200, b"[[], 1, null]"),
    "other members": response(200, b'{"candidates": {"a": 1}, "usageMetadata": [], "error": 7}'),
    "odd members": response(
        200, b'{"candidates": [{"content": {"parts": [3, null, {"text": 4}]}}]}'
    ),
    "an odd error": response(500, b'{"error": {"code": "x", "details": [3], "message": []}}'),
    "events without end": EVENTS + b"\r\ndata: " + b"a" * 100_000,
    "an event that is none": EVENTS
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\n\x00\xff\n\r\n0\r\n\r\n",
    "packed events": EVENTS + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"data: {}\n\n"),
    "a redirect": response(302, b"", "Location: \x02http://evil.example/"),
    "a cookie": response(200, WHOLE, "Set-Cookie: \x03=;;;=; expires=never"),
}


def once(raw: bytes) -> Writer:
    """This, and the end of the connection."""

    async def write(connection: Connection) -> None:
        await connection.write(raw)
        connection.writer.close()

    return write


def answered(service: Service, path: str, prompt: str = "hi") -> bytes:
    """The whole of what comes, which begins with a status."""
    host, port = service.url.removeprefix("http://").split(":")
    verb = "GET" if path == PASSED else "POST"
    body = (
        json.dumps(BODY | {"model": "m", "messages": [], "labels": {"of": prompt}}).encode()
        if verb == "POST"
        else b""
    )
    head = f"{verb} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    with socket.create_connection((host, int(port)), timeout=GIVE_UP_S) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        found = b""
        while data := connection.recv(1 << 16):
            found += data
    assert found.startswith(b"HTTP/1.1 "), (path, found)
    status, body = int(found.split()[1]), found.partition(b"\r\n\r\n")[2]
    assert 200 <= status < 600
    if status >= 500 and b"open-Balancer" in body and path != CHAT:
        assert json.loads(body)["error"]["code"] == status, (path, found)
    assert not (status == 500 and b"open-Balancer" in body), (path, found)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_every_caller_gets_an_answer(start: Start, name: str, caplog: Any) -> None:
    """Governed or not, streamed or whole; and nothing is a bug of ours."""
    service = start(policy=UNCHANGED)
    service.script.say(once(HOSTILE[name]))
    for path in PATHS:
        answered(service, path)
    assert [r for r in caplog.records if r.exc_info] == []
    service.script.say(answer("well again"))
    assert b"well again" in answered(service, PATH, "another")


@pytest.mark.parametrize("seed", range(4))
def test_so_does_every_caller_of_a_broken_one(start: Start, seed: int, caplog: Any) -> None:
    """Answers with some of their bytes changed."""
    service = start(policy=UNCHANGED)
    draws = random.Random(seed)
    for _ in range(25):
        raw = bytearray(draws.choice([answer("hi"), *HOSTILE.values()])[:4000])
        for _ in range(draws.randrange(8)):
            if raw:
                raw[draws.randrange(len(raw))] = draws.randrange(256)
        service.script.say(once(bytes(raw)))
        answered(service, draws.choice(PATHS))
    assert [r for r in caplog.records if r.exc_info] == []


def test_headers_that_nobody_may_send_stay_behind(service: Service) -> None:
    """The rest of the answer is the upstream's."""
    service.script.say(once(response(200, WHOLE, "X-Odd: a\x01b", "X-Good: yes")))
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert (found.status_code, found.content) == (200, WHOLE)
    assert found.headers["x-good"] == "yes"
    assert "x-odd" not in found.headers


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("path", [PATH, CHAT])
def test_an_answer_that_is_too_large_is_not_held(start: Start, path: str, told: bool) -> None:
    """Whether it says its length or not."""
    service = start(bounds=SMALL)
    body = json.dumps(body_of("x" * 5000)).encode()
    plain = response(200, body)
    chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    service.script.say(once(plain if told else b"HTTP/1.1 200 OK\r\n" + chunks))
    with service.client() as client:
        found = client.post(path, json=BODY | {"messages": []})
        assert found.status_code == 502
        assert "larger than what is taken" in found.json()["error"]["message"]
        # What no plan governs is not held, so that it may be of any size.
        assert len(client.get("/v1beta/files/x").content) == len(body)


def test_a_compressed_one_is_not_unpacked_beyond_its_bounds(start: Start) -> None:
    """Neither beyond its size nor beyond the ratio."""
    service = start(bounds=Bounds(answer_size=3 << 20, answer_ratio=50))
    headers = {"accept-encoding": "gzip"}
    with service.client(headers=headers) as client:
        for size, status in ((4 << 20, 502), (2 << 20, 502), (1_000_000, 200)):
            packed = gzip.compress(json.dumps(body_of("x" * size)).encode())
            service.script.say(response(200, packed, "Content-Encoding: gzip"))
            assert client.post(PATH, json=BODY | {"labels": {"size": size}}).status_code == status


@pytest.mark.parametrize("text", [b"[" + b"1," * (9 << 20) + b"1]", b'["' + b'a","' * (2 << 20)])
def test_an_answer_of_many_parts_is_not_parsed(text: bytes) -> None:
    """Parsing it would hold up all other calls."""
    import asyncio

    with pytest.raises(TooLarge):
        asyncio.run(read_answer(text, "", Bounds()))


def test_the_services_own_calls_stand_it_too(start: Start) -> None:
    """What comes of them is a text, or a refusal."""
    service = start(gemini_key=KEY)
    with service.client() as client:
        for name in (
            "half a surrogate",
            "nesting",
            "no json",
            "odd members",
            "huge figures",
            "a list",
        ):
            service.script.say(once(HOSTILE[name]))
            found: httpx.Response = client.post("/api/test-llm", json={"prompt": "hi"})
            assert found.status_code in (200, 400, 404, 429, 503, 504), (name, found.text)
