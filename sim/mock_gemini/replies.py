"""Sends responses: whole ones, and streams of events or of one array's elements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

__all__ = ["Gone", "Receive", "Scope", "Send", "Stream", "send_head", "send_json", "send_part"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_JSON = (b"content-type", b"application/json; charset=UTF-8")
_EVENTS = (b"content-type", b"text/event-stream")


class Gone(Exception):  # noqa: N818  # nobody is told
    """The client has left."""


async def send_head(
    send: Send, code: int, headers: Sequence[Header] = (), *, length: int | None = None
) -> None:
    """Send the head of a response in JSON, of a length if it is known."""
    said = [_JSON, *headers]
    if length is not None:
        said.append((b"content-length", b"%d" % length))
    await send({"type": "http.response.start", "status": code, "headers": said})


async def send_part(send: Send, body: bytes) -> None:
    """Send a part of a response, with more to come."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def send_json(send: Send, code: int, body: bytes, headers: Sequence[Header] = ()) -> None:
    """Send a whole response in JSON."""
    await send_head(send, code, headers, length=len(body))
    await send({"type": "http.response.body", "body": body})


class Stream:
    """A streamed response.

    Args:
        send: of the request.
        sse: whether it is of server-sent events, or else one JSON array.
    """

    __slots__ = ("_begun", "_send", "_sse", "_wrote")

    def __init__(self, send: Send, *, sse: bool) -> None:
        self._send = send
        self._sse = sse
        self._begun = False
        self._wrote = False

    async def begin(self, headers: Sequence[Header] = ()) -> None:
        """Send the head, once."""
        if not self._begun:
            self._begun = True
            kind = _EVENTS if self._sse else _JSON
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": [kind, *headers]}
            )

    async def write(self, line: str, headers: Sequence[Header] = ()) -> None:
        """Send one event, or one element; the head with the first, if it is still to send."""
        await self.begin(headers)
        if self._sse:
            part = f"data: {line}\r\n\r\n"
        else:
            part = f"{',' if self._wrote else '['}{line}\r\n"
        self._wrote = True
        await send_part(self._send, part.encode())

    async def end(self) -> None:
        """End the stream in order."""
        await self.begin()
        last = b"" if self._sse else b"]" if self._wrote else b"[]"
        await self._send({"type": "http.response.body", "body": last})
