"""HTTP connections as the mock needs them: uvicorn's, with what is sent and lost under control.

uvicorn writes a response's head by itself, and each write is a segment of its own. Here head
and body leave in one send: of a whole response at once, which also spares looking at every
header, and of a stream because the head waits for the first part. And an application may lose
the connection as a failing peer does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

__all__ = ["ConnectionProtocol", "join_next", "reset", "write_whole"]

_CONNECTION = "open_balancer.connection"
_NO_LINGER = struct.pack("ii", 1, 0)


class _Joining:
    """A transport that can hold one write back until the next."""

    __slots__ = ("_held", "_joins", "_transport", "write_now")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""
        self._joins = False
        self.write_now = transport.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def join_next(self) -> None:
        """Let the next write leave with the one after it."""
        self._joins = True

    def write(self, data: bytes) -> None:
        """Write, or hold it back."""
        if self._joins:
            self._joins = False
            self._held = data
        elif self._held:
            data, self._held = self._held + data, b""
            self.write_now(data)
        else:
            self.write_now(data)

    def close(self) -> None:
        """Close, after what is still to be written."""
        if self._held:
            held, self._held = self._held, b""
            self.write_now(held)
        self._transport.close()


class ConnectionProtocol(HttpToolsProtocol):
    """Puts the connection into every request's scope."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connects."""
        super().connection_made(
            cast("asyncio.Transport", _Joining(cast("asyncio.Transport", transport)))
        )

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        scope: Any = self.scope
        scope[_CONNECTION] = self.transport


def join_next(scope: Any) -> None:
    """Let what is sent next leave together with what is sent after it."""
    scope[_CONNECTION].join_next()


def write_whole(send: Any, code: int, head: bytes, body: bytes) -> bool:
    """Write a whole response in one send, past uvicorn's own way to do it in two.

    Args:
        send: of the request.
        code: HTTP status.
        head: headers as lines, each with its line end, Content-Length included.
        body: the body.

    Returns:
        Whether it did: not where uvicorn is unlike what this knows, or has to wait.
    """
    cycle = getattr(send, "__self__", None)
    if not isinstance(cycle, RequestResponseCycle):
        return False
    if cycle.response_started or cycle.disconnected or cycle.flow.write_paused:
        return False
    lines = [STATUS_LINE[code]]
    for name, value in cycle.default_headers:
        lines += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    lines += (head, b"\r\n", body)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"".join(lines))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def reset(scope: Any) -> None:
    """Lose a request's connection: the client gets a TCP reset, not an orderly end."""
    transport = scope[_CONNECTION]
    connection = transport.get_extra_info("socket")
    # Closing without lingering sends RST, whatever is still to be sent.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
