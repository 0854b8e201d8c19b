"""Raw requests over a socket, and what comes back, however wrong either is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

__all__ = ["Answered", "ask", "connection", "head", "read_response", "refused_well"]

HOST = "127.0.0.1"
_LARGEST_READ = 1 << 16
_MOST = 64 << 20
"""Bytes of an answer that are read; what is longer has no end."""
_EMPTY = (204, 304)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back.

    Attributes:
        status: of HTTP; 0 where nothing came that is a response.
        headers: lower case, the last of each name.
        body: decoded, as far as it came.
        whole: whether it came to its end.
        ended: whether the connection was ended, by either.
        seconds: wall seconds it took.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool
    ended: bool
    seconds: float


@contextlib.asynccontextmanager
async def connection(
    port: int, most: int = _LARGEST_READ
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, closed at the end whatever became of it.

    Args:
        port: on this machine.
        most: bytes that are taken before they are read, here and by the system.
    """
    raw = socket.socket()
    raw.setblocking(False)
    if most < _LARGEST_READ:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, most)
    await asyncio.get_running_loop().sock_connect(raw, (HOST, port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=most)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask(port: int, pieces: Sequence[bytes], *, within_s: float = 20.0) -> Answered:
    """Send these, and read one response.

    Args:
        port: on this machine.
        pieces: sent one by one, for as long as somebody takes them.
        within_s: when to read no more.
    """
    begun = time.monotonic()
    data, ended = bytearray(), False

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()

    async with connection(port) as (reader, writer):
        # Who is refused may be told so before all is sent.
        sending = asyncio.create_task(send())
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(within_s):
                while not (ended or len(data) > _MOST or _over(data)):
                    more = await reader.read(_LARGEST_READ)
                    data += more
                    ended = not more
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    status, headers, body, whole = read_response(bytes(data), ended=ended)
    return Answered(
        status=status,
        headers=headers,
        body=body,
        whole=whole,
        ended=ended,
        seconds=time.monotonic() - begun,
    )


def _over(data: bytearray) -> bool:
    """Whether this looks like the end of a response; without a look at all of a large one."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return False
    status, headers = _head(bytes(data[:end]))
    if status < 200:
        return read_response(bytes(data), ended=False)[3]
    if "chunked" in headers.get("transfer-encoding", ""):
        return data.endswith(b"0\r\n\r\n")
    length = headers.get("content-length")
    return status in _EMPTY or (length is not None and len(data) - end >= int(length))


def _head(data: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers; 0 where it is no head of a response."""
    first, *lines = data.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        return 0, {}
    pairs = (line.partition(":") for line in lines)
    return int(words[1]), {name.lower(): value.strip() for name, _, value in pairs}


def read_response(data: bytes, *, ended: bool) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, headers, body, and whether it is whole.

    Args:
        data: that came.
        ended: and no more will.
    """
    status, body = 0, data
    while status < 200:  # those before it are not yet the response
        top, found, body = body.partition(b"\r\n\r\n")
        status, headers = _head(top)
        if not (found and status):
            return 0, {}, b"", False
    if status in _EMPTY:
        return status, headers, b"", True
    if "chunked" in headers.get("transfer-encoding", ""):
        return status, headers, *_chunks(body)
    if "content-length" in headers:
        length = int(headers["content-length"])
        return status, headers, body[:length], len(body) >= length
    return status, headers, body, ended


def _chunks(data: bytes) -> tuple[bytes, bool]:
    found: list[bytes] = []
    at = 0
    while (end := data.find(b"\r\n", at)) >= 0:
        length, begin = int(data[at:end], 16), end + 2
        if length == 0:
            return b"".join(found), data.startswith(b"\r\n", begin)
        found.append(data[begin : begin + length])
        at = begin + length + 2
    return b"".join(found), False


def refused_well(found: Answered) -> bool:
    """Whether a refusal has the form that Gemini's errors have."""
    try:
        value = json.loads(found.body)
    except ValueError:
        return False
    # Where a stream of events was asked for in JSON, it is a list.
    first = value[0] if isinstance(value, list) and value else value
    error = first.get("error") if isinstance(first, dict) else None
    if not isinstance(error, dict):
        return False
    return error.get("code") == found.status and bool(error.get("message"))


def head(*lines: str, path: str = "/healthz", verb: str = "GET", host: str = HOST) -> bytes:
    """Of a request."""
    return "\r\n".join([f"{verb} {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode(
        "latin-1"
    )
