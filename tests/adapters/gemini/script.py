"""A server that plays a script, one reply a request, and keeps what it was asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["Received", "Reply", "Script", "chunk", "error", "quota", "whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent for one request.

    Attributes:
        status: of HTTP.
        body: JSON value, or bytes as they are, or None: nothing is sent.
        chunks: of a stream, in place of a body; bytes are sent as they are.
        gap_s: wait before the body, and before every chunk after the first.
        headers: lines of the response's head, beside what is always there.
        then: "" end properly, "reset" the connection, or "hang" until the script is over.
    """

    status: int = 200
    body: Any = None
    chunks: Sequence[Any] | None = None
    gap_s: float = 0.0
    headers: Sequence[str] = ()
    then: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came in one request; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Any


def whole(text: str | None = "Hello.", reason: str = "STOP", **usage: int) -> dict[str, Any]:
    """A whole answer."""
    content: dict[str, Any] = {"role": "model"}
    if text is not None:
        content["parts"] = [{"text": text}]
    counts = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, **usage}
    return {
        "candidates": [{"content": content, "finishReason": reason, "index": 0}],
        "usageMetadata": counts,
        "modelVersion": "gemini-2.5-flash",
    }


def chunk(text: str | None, reason: str | None = None, **usage: int) -> dict[str, Any]:
    """A chunk of a stream."""
    found = whole(text, reason or "", **usage)
    if reason is None:
        del found["candidates"][0]["finishReason"]
    return found


def error(code: int, status: str = "UNAVAILABLE", message: str = "overloaded") -> Reply:
    """An error response."""
    return Reply(status=code, body={"error": {"code": code, "message": message, "status": status}})


def quota(name: str, delay: str) -> Reply:
    """A 429 with its details."""
    kind = "type.googleapis.com/google.rpc."
    details = [
        {"@type": f"{kind}QuotaFailure", "violations": [{"quotaId": name}]},
        {"@type": f"{kind}RetryInfo", "retryDelay": delay},
    ]
    body = {
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": details,
    }
    return Reply(status=429, body={"error": body})


@dataclass(slots=True)
class Script:
    """Serves on the loopback interface while it is entered; past its end it answers "Hello."."""

    replies: list[Reply] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    url: str = ""
    asked: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = json.loads(self.rfile.read(length) or b"null")
                headers = {name.lower(): text for name, text in self.headers.items()}
                script.received.append(Received(path=self.path, headers=headers, body=body))
                script.asked.set()
                script.play(self)

            do_GET = do_DELETE = do_POST  # noqa: N815 - as the server looks for them

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                """A client that has gone is no error here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def play(self, handler: BaseHTTPRequestHandler) -> None:
        """Send the next reply."""
        place = len(self.received) - 1
        if place < len(self.replies):
            reply = self.replies[place]
        elif "stream" in handler.path:
            reply = Reply(chunks=[chunk("Hel"), chunk("lo.", "STOP")])
        else:
            reply = Reply(body=whole())
        if reply.chunks is not None:
            self._stream(handler, reply, reply.chunks)
        elif reply.body is not None:
            self._over.wait(reply.gap_s)
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            head = f"HTTP/1.1 {reply.status} X\r\ncontent-type: application/json\r\n"
            head += f"content-length: {len(raw)}\r\n"
            head += "".join(f"{line}\r\n" for line in reply.headers) + "\r\n"
            handler.wfile.write(head.encode() + raw)
        self._finish(handler, reply)

    def _stream(self, handler: BaseHTTPRequestHandler, reply: Reply, chunks: Sequence[Any]) -> None:
        handler.wfile.write(
            f"HTTP/1.1 {reply.status} X\r\ncontent-type: text/event-stream\r\n"
            "transfer-encoding: chunked\r\n\r\n".encode()
        )
        for place, piece in enumerate(chunks):
            if place:
                self._over.wait(reply.gap_s)
            data = (
                piece if isinstance(piece, bytes) else f"data: {json.dumps(piece)}\r\n\r\n".encode()
            )
            handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        if not reply.then:
            handler.wfile.write(b"0\r\n\r\n")

    def _finish(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.then == "hang":
            self._over.wait(30)
        if reply.then:
            handler.close_connection = True
        if reply.then == "reset":
            handler.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            handler.connection.close()
