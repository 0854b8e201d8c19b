"""Sends responses: whole ones, and streams of events or of one array's elements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from .connections import join_next, write_whole

__all__ = [
    "Gone",
    "Header",
    "Receive",
    "Scope",
    "Send",
    "Stream",
    "send_head",
    "send_json",
    "send_part",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_JSON = (b"content-type", b"application/json; charset=UTF-8")
_EVENTS = (b"content-type", b"text/event-stream")


class Gone(Exception):  # noqa: N818  # nobody is told
    """The client has left."""


async def send_head(
    scope: Scope, send: Send, code: int, headers: Sequence[Header] = (), *, length: int
) -> None:
    """Send the head of a response in JSON; it leaves with the first part of the body."""
    said = [_JSON, *headers, (b"content-length", b"%d" % length)]
    join_next(scope)
    await send({"type": "http.response.start", "status": code, "headers": said})


async def send_part(send: Send, body: bytes) -> None:
    """Send a part of a response, with more to come."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def send_json(
    scope: Scope, send: Send, code: int, body: bytes, headers: Sequence[Header] = ()
) -> None:
    """Send a whole response in JSON."""
    lines = b"".join([b"%s: %s\r\n" % header for header in headers])
    head = b"%s: %s\r\n%scontent-length: %d\r\n" % (*_JSON, lines, len(body))
    if write_whole(send, code, head, body):
        return
    await send_head(scope, send, code, headers, length=len(body))
    await send({"type": "http.response.body", "body": body})


class Stream:
    """A streamed response.

    Args:
        scope, send: of the request.
        sse: whether it is of server-sent events, or else one JSON array.
    """

    __slots__ = ("_begun", "_scope", "_send", "_sse", "_wrote")

    def __init__(self, scope: Scope, send: Send, *, sse: bool) -> None:
        self._scope = scope
        self._send = send
        self._sse = sse
        self._begun = False
        self._wrote = False

    async def write(self, line: str, headers: Sequence[Header] = ()) -> None:
        """Send one event, or one element; the head with the first."""
        await self._begin(headers)
        if self._sse:
            part = f"data: {line}\r\n\r\n"
        else:
            part = f"{',' if self._wrote else '['}{line}\r\n"
        self._wrote = True
        await send_part(self._send, part.encode())

    async def end(self) -> None:
        """End the stream in order."""
        await self._begin(())
        last = b"" if self._sse else b"]" if self._wrote else b"[]"
        await self._send({"type": "http.response.body", "body": last})

    async def _begin(self, headers: Sequence[Header]) -> None:
        if not self._begun:
            self._begun = True
            kind = _EVENTS if self._sse else _JSON
            join_next(self._scope)
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": [kind, *headers]}
            )
