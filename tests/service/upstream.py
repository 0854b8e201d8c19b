"""A scripted upstream on a port of its own: it answers as told, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Asked",
    "Connection",
    "Script",
    "answer",
    "body_of",
    "error",
    "hang",
    "response",
    "scripted_upstream",
    "sse",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived, to the byte."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Of the request line, with the query."""
        return self.line.split(" ")[1]

    @property
    def json(self) -> Any:
        """Value of the body."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Connection:
    """To the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send."""
        self.writer.write(data)
        await self.writer.drain()


Writer = Callable[[Connection], Awaitable[None]]


@dataclass(slots=True)
class Script:
    """What to answer, in order; the last one is repeated.

    An answer is raw bytes, or a function that writes to the connection as it likes. `pieces` are
    those of bodies that come in chunks; where it `stalls`, nothing is read after the head,
    and the connection ends when that is set.
    """

    url: str = ""
    answers: list[bytes | Writer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    pieces: list[bytes] = field(default_factory=list)
    stalls: asyncio.Event | None = None

    def say(self, *answers: bytes | Writer) -> None:
        """Answer like this from now on."""
        self.answers[:] = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while (asked := await self._read(reader)) is not None:
                self.asked.append(asked)
                found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if isinstance(found, bytes):
                    writer.write(found)
                    await writer.drain()
                else:
                    await found(Connection(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.hung_up.set()
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked | None:
        head = await reader.readline()
        if not head:
            return None
        headers: dict[str, str] = {}
        while (line := (await reader.readline()).strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if self.stalls is not None:
            await self.stalls.wait()
            return None
        if "transfer-encoding" in headers:
            body = await self._chunked(reader)
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Asked(head.decode().strip(), headers, body)

    async def _chunked(self, reader: asyncio.StreamReader) -> bytes:
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            self.pieces.append(parts[-1])
            await reader.readline()
        await reader.readline()
        return b"".join(parts)


@asynccontextmanager
async def scripted_upstream() -> AsyncIterator[Script]:
    """Runs for the time of the block."""
    script = Script(answers=[answer("hello")])
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    script.url = f"http://{host}:{port}"
    try:
        yield script
    finally:
        server.close()


def response(status: int, body: bytes, *headers: str, length: bool = True) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status} X", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def body_of(text: str, *, finish: str | None = "STOP", prompt: int = 10, output: int = 5) -> Any:
    """A body, or a chunk, as Gemini writes it."""
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": prompt,
            "candidatesTokenCount": output,
            "totalTokenCount": prompt + output,
        },
        "modelVersion": "gemini-2.5-flash",
        "somethingNew": 1.50,
    }


def answer(text: str, **known: Any) -> bytes:
    """A complete answer; with space and numbers as no JSON library would write them."""
    body = json.dumps(body_of(text, **known), indent=3).encode()
    return response(200, body, "Content-Type: application/json; charset=UTF-8", "X-Upstream: yes")


def error(status: int, word: str, message: str = "no", *details: Any) -> bytes:
    """An error."""
    body = {"error": {"code": status, "message": message, "status": word, "details": list(details)}}
    return response(status, json.dumps(body).encode(), "Content-Type: application/json")


async def hang(connection: Connection) -> None:
    """Say nothing more until the other side hangs up."""
    await connection.reader.read()


def sse(*chunks: Any, pause_s: float = 0.0, after: Writer | None = None) -> Writer:
    """A stream of server-sent events, one write each."""

    async def write(connection: Connection) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        await connection.write(head + b"\r\n\r\n")
        for chunk in chunks:
            data = b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"
            await connection.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            if pause_s:
                await asyncio.sleep(pause_s)
        if after is not None:
            await after(connection)
            return
        await connection.write(b"0\r\n\r\n")

    return write
