"""Answers as no upstream should give them, by the hundred."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

__all__ = ["EVENT", "GOOD", "Pieces", "Reply", "replies"]

Pieces = Callable[[], AsyncIterator[bytes]]
Reply = bytes | Pieces
"""All that comes, at once; or what comes piece by piece, until the other side hangs up."""

_CONTROLS = [*range(0x20), 0x7F]
_JSON = "Content-Type: application/json"
_SSE = "Content-Type: text/event-stream"


def answer_body(text: str = "hello", **more: Any) -> dict[str, Any]:
    """What Gemini answers."""
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    return {"candidates": [candidate], "usageMetadata": usage, **more}


def reply(
    body: bytes, *lines: str, status: str = "200 OK", length: int | str | None = None
) -> bytes:
    """A response, whose length may be said to be another one."""
    said = f"Content-Length: {len(body) if length is None else length}"
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, said, "", ""]).encode("latin-1") + body


WHOLE = json.dumps(answer_body()).encode()
EVENT = b"data: " + WHOLE + b"\r\n\r\n"
GOOD = {False: reply(WHOLE, _JSON), True: reply(EVENT, _SSE)}


def _chunked(*chunks: bytes, kind: str = _JSON, end: bytes = b"0\r\n\r\n") -> bytes:
    top = f"HTTP/1.1 200 OK\r\n{kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return top + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks) + end


def _endless(first: bytes, more: bytes, pause_s: float = 0.0) -> Pieces:
    async def pieces() -> AsyncIterator[bytes]:
        yield first
        while True:
            yield more
            await asyncio.sleep(pause_s)

    return pieces


def _packed(coding: str, data: bytes) -> bytes:
    if coding == "gzip":
        return gzip.compress(data, 9)
    return zlib.compress(data, 9)


def replies(bomb_mb: int) -> Mapping[str, Reply]:
    """By what is wrong with them.

    Args:
        bomb_mb: that compressed ones are unpacked to.
    """
    found: dict[str, Reply] = {}
    for byte in _CONTROLS:
        control = chr(byte)
        found[f"0x{byte:02x} in a header's value"] = reply(WHOLE, _JSON, f"X: a{control}b")
        found[f"0x{byte:02x} in a header's name"] = reply(WHOLE, _JSON, f"X{control}Y: a")
        found[f"0x{byte:02x} in a reason"] = reply(WHOLE, _JSON, status=f"200 O{control}K")
        found[f"0x{byte:02x} in a type"] = reply(WHOLE, f"{_JSON}{control}; a")
    for length in ("-1", "abc", "", "5, 5", "1e3", "0x10", "99999999999999999999", "+5", " "):
        found[f"length {length!r}"] = reply(WHOLE, _JSON, length=length)
    for off in (-40, -1, 1, 1000, 10**9):
        found[f"{off:+} bytes"] = reply(WHOLE, _JSON, length=len(WHOLE) + off)
        found[f"{off:+} bytes of events"] = reply(EVENT, _SSE, length=len(EVENT) + off)
    for share in range(10):
        cut = len(GOOD[False]) * share // 10
        found[f"cut after {share}0 %"] = GOOD[False][:cut]
        found[f"events cut after {share}0 %"] = GOOD[True][:cut]
        chunked = _chunked(EVENT, EVENT, kind=_SSE)
        found[f"chunks cut after {share}0 %"] = chunked[: len(chunked) * share // 10]
    for end in (
        b"zz\r\n",
        b"-5\r\n",
        b"",
        b"5\r\nab",
        b"ffffffffffffffffff\r\n",
        b"0\r\nX: " + b"a" * 90_000,
        b"0;" + b"a" * 90_000,
        b"\r\n\r\n",
    ):
        found[f"chunks end in {end[:8]!r}"] = _chunked(WHOLE, end=end)
        found[f"chunks of events end in {end[:8]!r}"] = _chunked(EVENT, kind=_SSE, end=end)
    for status in ("000", "099", "99", "600", "999", "abc", "", "-200", "2000", "200.5", "20O OK"):
        found[f"status {status!r}"] = reply(WHOLE, _JSON, status=status)
    for status in (
        "204 X",
        "205 X",
        "206 X",
        "304 X",
        "301 X",
        "302 X",
        "307 X",
        "401 X",
        "418 X",
        "429 X",
        "500 X",
        "502 X",
        "503 X",
        "504 X",
        "511 X",
    ):
        location = "Location: file:///etc/passwd"
        for what, body in (("JSON", WHOLE), ("HTML", b"<h1>no</h1>"), ("nothing", b"")):
            found[f"{status[:3]} with {what}"] = reply(body, _JSON, location, status=status)
    found |= {
        "nothing": b"",
        "an empty line": b"\r\n\r\n",
        "HTTP/0.9": b"hello",
        "SSH": b"SSH-2.0-x\r\n",
        "TLS": b"\x15\x03\x01\x00\x02\x02\x28",
        "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        "100 a thousand times": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + GOOD[False],
        "101": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + bytes(99),
        "103": b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n" + GOOD[False],
        "two answers": GOOD[False] * 2,
        "no end of the head": b"HTTP/1.1 200 OK\r\nX: a\r\n",
        "bare line feeds": GOOD[False].replace(b"\r\n", b"\n"),
        "a large header": reply(WHOLE, _JSON, "X: " + "a" * 200_000),
        "10,000 headers": reply(WHOLE, _JSON, *(f"X-{n}: a" for n in range(10_000))),
        "1,000 cookies": reply(WHOLE, _JSON, *(f"Set-Cookie: a{n}=b" for n in range(1000))),
        "two types": reply(WHOLE, _JSON, _SSE),
        "no type": reply(WHOLE),
        "a wrong type": reply(WHOLE, "Content-Type: a/b"),
        "length and chunks": reply(b"5\r\nhello\r\n0\r\n\r\n", _JSON, "Transfer-Encoding: chunked"),
        "headers of a hop": reply(
            WHOLE, _JSON, "Connection: x, close", "X: 1", "Keep-Alive: 1", "TE: a", "Upgrade: h2c"
        ),
        "our own headers": reply(
            WHOLE, _JSON, "x-open-balancer-mode: evil", "x-open-balancer-x: y"
        ),
    }
    for coding in ("gzip", "deflate", "br", "cow", "gzip, gzip", "identity"):
        found[f"plain, said to be {coding}"] = reply(WHOLE, _JSON, f"Content-Encoding: {coding}")
    for coding in ("gzip", "deflate"):
        packed = _packed(coding, WHOLE)
        line = f"Content-Encoding: {coding}"
        found[f"{coding}, cut"] = reply(packed[:-9], _JSON, line)
        found[f"{coding}, changed"] = reply(packed[:9] + b"\x00\xff" + packed[11:], _JSON, line)
        found[f"{coding}, and more"] = reply(packed + b"more", _JSON, line)
        bomb = _packed(coding, b'{"candidates": [' + b" " * (bomb_mb << 20))
        found[f"a bomb of {coding}"] = reply(bomb, _JSON, line)
        found[f"a bomb of {coding} in events"] = reply(bomb, _SSE, line)
        found[f"a bomb of {coding} in an error"] = reply(bomb, _JSON, line, status="429 X")
        nested = _packed(coding, bomb)
        found[f"a bomb in {coding}"] = reply(nested, _JSON, f"{line}, {coding}")
    found |= _values()
    top = f"HTTP/1.1 200 OK\r\n{_JSON}\r\n\r\n".encode()
    events = f"HTTP/1.1 200 OK\r\n{_SSE}\r\n\r\n".encode()
    piece = b" " * (1 << 16)
    found |= {
        "an endless body": _endless(top, piece),
        "an endless event": _endless(events, piece),
        "endless events": _endless(events, EVENT * 200, 0.02),
        "endless chunks": _endless(_chunked(end=b""), b"10000\r\n" + piece + b"\r\n"),
        "endless headers": _endless(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n" * 10_000),
        "an endless header": _endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * (1 << 16)),
        "an endless error": _endless(top.replace(b"200", b"429"), piece),
        "a body drop by drop": _endless(top, b" ", 0.2),
        "events drop by drop": _endless(events, b"d", 0.2),
        "a head drop by drop": _endless(b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.2),
        "silence": _endless(b"", b"", 0.2),
        "silence after the head": _endless(top, b"", 0.2),
        "silence after an event": _endless(events + EVENT, b"", 0.2),
        "interim answers without end": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    }
    return found


def _values() -> dict[str, Reply]:
    """Answers that are HTTP, and hold what no answer should."""
    bodies: dict[str, bytes] = {
        "no JSON": b"hello",
        "half of it": WHOLE[:30],
        "nothing": b"",
        "zeros": bytes(1000),
        "deep lists": b"[" * 100_000,
        "deep objects": b'{"a":' * 50_000,
        "no UTF-8": b'{"a": "\xff"}',
        "half a character": b'{"a": "\\ud800"}',
        "NaN": b'{"usageMetadata": {"promptTokenCount": NaN}}',
        "a long number": b'{"usageMetadata": {"promptTokenCount": ' + b"9" * 5000 + b"}}",
        "a mark": b"\xef\xbb\xbf" + WHOLE,
        "two values": WHOLE + WHOLE,
    }
    wrong: tuple[Any, ...] = (None, True, -1, 1e308, 10**30, "x", [], {}, [None], {"a": []})
    for value in wrong:
        bodies[f"all is {value!r}"] = json.dumps(value).encode()
        for name in ("candidates", "usageMetadata", "promptFeedback", "modelVersion", "error"):
            bodies[f"{name} is {value!r}"] = json.dumps({**answer_body(), name: value}).encode()
        for name in (
            "promptTokenCount",
            "candidatesTokenCount",
            "thoughtsTokenCount",
            "cachedContentTokenCount",
            "serviceTier",
        ):
            usage = {**answer_body()["usageMetadata"], name: value}
            bodies[f"{name} is {value!r}"] = json.dumps(answer_body(usageMetadata=usage)).encode()
        for name in ("content", "finishReason", "index"):
            candidate = {**answer_body()["candidates"][0], name: value}
            bodies[f"{name} is {value!r}"] = json.dumps(
                answer_body(candidates=[candidate])
            ).encode()
        for name in ("code", "message", "status", "details"):
            error = {
                "code": 503,
                "message": "m",
                "status": "UNAVAILABLE",
                "details": [],
                name: value,
            }
            bodies[f"an error whose {name} is {value!r}"] = json.dumps({"error": error}).encode()
    found: dict[str, Reply] = {}
    for name, body in bodies.items():
        found[name] = reply(body, _JSON)
        found[f"{name}, as an event"] = reply(b"data: " + body + b"\r\n\r\n", _SSE)
        found[f"{name}, after an event"] = reply(EVENT + b"data: " + body + b"\r\n\r\n", _SSE)
        found[f"{name}, as an error"] = reply(body, _JSON, status="503 X")
    return found
