"""Websockets of the Live API, passed through message by message.

The caller is let in once the upstream has let us in, so that a refusal comes as the upstream's own.
One message is held each way at most. Vertex AI's path does not say where it leads: where that
depends on the location, it is read from the first message, which names the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from ...runtime.calls import Passage
from .answers import Refusal, Reply, error_reply
from .callers import Callers
from .passable import Passed
from .passing import failure_of
from .upstream import Upstream

if TYPE_CHECKING:
    import aiohttp

    from ...runtime.balancer import Balancer

__all__ = ["Sockets", "refuse_socket"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SERVICE = r"[A-Za-z]+"
_GEMINI = re.compile(
    rf"/ws/google\.ai\.generativelanguage\.v\d+[a-z0-9]*\.{_SERVICE}[./](?P<method>{_SERVICE})"
)
_VERTEX = re.compile(rf"/ws/google\.cloud\.aiplatform\.v\d+[a-z0-9]*\.{_SERVICE}[./]{_SERVICE}")
_LOCATION = re.compile(r"projects/[^/\"]+/locations/([a-z][a-z0-9-]{0,39})/")
_TOKEN = re.compile(rb"(?:^|&)access_token=")
_GONE_WITHIN_S = 1.0
_FAREWELLS = {1005: 1000, 1006: 1011, 1015: 1011}
"""Codes that say how a connection ended and may not be sent (RFC 6455, 7.4.1)."""


class Sockets:
    """Passes websockets on.

    Args:
        balancer: that counts them.
        upstream: where they go.
        callers: who may.
        most: bytes of a message.
    """

    def __init__(self, balancer: Balancer, upstream: Upstream, callers: Callers, most: int) -> None:
        self._balancer = balancer
        self._upstream = upstream
        self._callers = callers
        self._most = most

    @staticmethod
    def find(path: str) -> Passed | None:
        """Where a path leads; None where it is none of the Live API's."""
        vertex = _VERTEX.fullmatch(path) is not None
        if not (vertex or _GEMINI.fullmatch(path)):
            return None
        return Passed(path=path, kind="live", vertex=vertex)

    async def serve(
        self, passed: Passed, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        """Serve one connection of ASGI."""
        known = dict(scope["headers"])
        begun_s = time.monotonic()
        failure: str | None = "abandoned"
        try:
            await receive()
            own_key = self._upstream.own_key(passed)
            self._callers.check(scope, known, own_key=own_key)
            failure = await self._pass_on(passed, scope, known, receive, send)
        except Refusal as refusal:
            failure = "rejected"
            reply = error_reply(refusal.status, refusal.message, headers=refusal.headers)
            await refuse_socket(scope, receive, send, reply)
        finally:
            seconds = time.monotonic() - begun_s
            self._balancer.passed(Passage(kind=passed.kind, failure=failure, seconds=seconds))

    async def _pass_on(
        self,
        passed: Passed,
        scope: MutableMapping[str, Any],
        known: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
    ) -> str | None:
        """Until either side ends it; how the upstream failed, if it did."""
        import aiohttp

        query = scope["query_string"]
        protocols = tuple(scope.get("subprotocols", ()))
        first = None
        if passed.vertex and self._upstream.needs_location:
            await send({"type": "websocket.accept", "subprotocol": (*protocols, None)[0]})
            first = await receive()
            if first["type"] != "websocket.receive":
                return "abandoned"
            passed = _located(passed, first)
        # A token that Google gave for one session is its bearer's right to it, in place of a key.
        bearer = known.get(b"authorization", b"").lower()
        token = bearer.startswith(b"token ") or _TOKEN.search(query) is not None
        try:
            there = await self._upstream.connect(
                passed,
                query=query,
                headers=list(scope["headers"]),
                protocols=protocols,
                own_key=self._upstream.own_key(passed) and not token,
                most=self._most,
            )
        except (OSError, aiohttp.ClientError) as error:
            status = getattr(error, "status", None)
            refused = isinstance(status, int) and status >= 400
            why = f"refused it ({status})" if refused else "cannot be reached"
            reply = error_reply(
                status if refused else 503,  # type: ignore[arg-type]  # a number, as was looked at
                f"open-Balancer: the upstream {why}.",
            )
            if first is None:
                await refuse_socket(scope, receive, send, reply)
            else:
                await send({"type": "websocket.close", "code": 1011, "reason": why})
            return failure_of(reply.status) if refused else "reset"
        async with there:
            if first is None:
                await send({"type": "websocket.accept", "subprotocol": there.protocol})
            else:
                await _up(there, first)
            return await _both_ways(there, receive, send)


async def _both_ways(
    there: aiohttp.ClientWebSocketResponse, receive: Receive, send: Send
) -> str | None:
    up = asyncio.create_task(_upward(there, receive))
    down = asyncio.create_task(_downward(there, send))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        if up.done() and not down.done():
            # What is still on its way from the upstream has nobody to go to.
            code, reason = up.result()
            await there.close(code=code, message=reason.encode()[:123])
            return None
        return await down
    finally:
        up.cancel()
        down.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _upward(there: aiohttp.ClientWebSocketResponse, receive: Receive) -> tuple[int, str]:
    """From the caller to the upstream; with what the caller ended it."""
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            code = message.get("code") or 1000
            return _FAREWELLS.get(code, code), message.get("reason") or ""
        if there.closed:
            # The upstream has ended it, and how is told to the caller by the other direction.
            await asyncio.Event().wait()
        await _up(there, message)


async def _up(there: aiohttp.ClientWebSocketResponse, message: Mapping[str, Any]) -> None:
    text = message.get("text")
    if text is not None:
        await there.send_str(text)
    else:
        await there.send_bytes(message["bytes"])


async def _downward(there: aiohttp.ClientWebSocketResponse, send: Send) -> str | None:
    """From the upstream to the caller, its end too."""
    import aiohttp

    while True:
        message = await there.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
        else:
            break
    code = there.close_code or 1006
    reason = message.extra if message.type is aiohttp.WSMsgType.CLOSE else ""
    await send(
        {"type": "websocket.close", "code": _FAREWELLS.get(code, code), "reason": reason or ""}
    )
    return "cut" if code == 1006 else None


def _located(passed: Passed, first: Mapping[str, Any]) -> Passed:
    """The same, where the model is that the first message names."""
    said = first.get("text") or (first.get("bytes") or b"").decode("utf-8", "replace")
    found = _LOCATION.search(said)
    location = found[1] if found else ""
    return Passed(
        path=passed.path,
        kind=passed.kind,
        vertex=True,
        location="" if location == "global" else location,
    )


async def refuse_socket(
    scope: MutableMapping[str, Any], receive: Receive, send: Send, reply: Reply
) -> None:
    """Before it was let in: as a response of HTTP, where the server can give one."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    await send(
        {"type": "websocket.http.response.start", "status": reply.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": reply.body})
    # uvicorn calls it an error where the application returns before the connection is gone.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GONE_WITHIN_S):
            await receive()
            await receive()
