"""The proxy as an ASGI application: checks a caller, makes the call, passes on what comes.

It is plain ASGI, without a framework: what it adds to a call's latency is the point.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from ..access import Peer, check_browser, matches
from ..limits import Rates
from ..problems import Problem
from ..settings import Settings
from .answers import MODE_HEADER, Headers, Refusal, Reply, error_chunk, error_reply
from .exchange import Exchange, Stream, outcome_of
from .headers import downstream
from .paths import COLLECTIONS, METHODS, Target, find_target, looks_like_gemini
from .reading import Call, Gone, Receive, has_key, read_body, read_call
from .repeats import Repeats
from .upstream import Upstream

if TYPE_CHECKING:
    from ...runtime.balancer import Balancer

__all__ = ["Gateway"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger("balancer.service.proxy")


class Gateway:
    """Serves the paths of the Gemini API.

    Args:
        balancer: whose plans govern the calls.
        settings: of the service.
    """

    def __init__(self, balancer: Balancer, settings: Settings) -> None:
        self._balancer = balancer
        self._settings = settings
        self._rates = Rates(settings.proxied_per_s)
        self._upstream = Upstream(settings)
        self._repeats = Repeats(balancer.clock.now_s, balancer.clock.speed)

    def open(self) -> None:
        """Begin; inside the event loop."""
        self._upstream.open()

    async def close(self) -> None:
        """End."""
        await self._upstream.close()

    @staticmethod
    def serves(path: str) -> Target | None:
        """What a path asks of the proxy; None where it is not the proxy's."""
        return find_target(path) if any(word in path for word in COLLECTIONS) else None

    @staticmethod
    def is_gemini(path: str) -> bool:
        """Whether a path is of the Gemini API's kind, served or not."""
        return looks_like_gemini(path)

    @staticmethod
    async def refuse(send: Send) -> None:
        """Answer a call of a method that the proxy does not have, in the form its client reads."""
        await _send(
            send,
            error_reply(
                404,
                "this proxy has no such method; it serves models, models/M, and of a model "
                f"{METHODS.replace('|', ', ')}",
            ),
        )

    async def generate(self, call: Call) -> Reply:
        """Make a whole call for the service itself: the one path that there is for plans."""
        exchange = Exchange(self._balancer, self._upstream, call)
        try:
            reply = await exchange.run()
        finally:
            exchange.request.close()
        assert isinstance(reply, Reply)
        return _with_mode(reply, exchange)

    async def serve(
        self, target: Target, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        """Serve one request of ASGI."""
        try:
            headers: Headers = list(scope["headers"])
            known = dict(headers)
            self._check(target, scope, known)
            raw = await read_body(receive, known, self._settings.largest_body)
            if target.governed:
                query = scope["query_string"]
                call = await read_call(target, raw, query, headers, known)
                await _while_there(receive, self._govern(call, send))
            else:
                await _while_there(receive, self._pass(target, scope, headers, raw, send))
        except Refusal as refusal:
            await _send(send, error_reply(refusal.status, refusal.message, headers=refusal.headers))
        except Gone:
            return

    # --- who is asking ------------------------------------------------------------------

    def _check(
        self, target: Target, scope: MutableMapping[str, Any], known: dict[bytes, bytes]
    ) -> None:
        if scope["method"] != target.verb:
            raise Refusal(405, f"expected {target.verb}", [(b"allow", target.verb.encode())])
        client = scope.get("client")
        peer = Peer(
            client[0] if client else None,
            {name.decode("latin-1"): value.decode("latin-1") for name, value in known.items()},
        )
        wait_s = self._rates.wait_s(peer.address)
        if wait_s:
            raise Refusal(
                429,
                f"too many calls from this address. Please retry in {wait_s:.3f}s.",
                [(b"retry-after", b"%d" % (int(wait_s) + 1))],
            )
        if self._settings.client_keys:
            given = known.get(b"x-goog-api-key", b"").decode("latin-1")
            given = given or has_key(scope["query_string"]) or ""
            # All are compared, so that the time does not tell which one was near.
            found = [matches(given, key) for key in self._settings.client_keys]
            if not any(found):
                raise Refusal(401, "API key not valid: it is none of this service's client keys.")
        elif self._upstream.own_key(target):
            # The service's key pays: no page in a browser may spend it, and no stranger.
            try:
                check_browser(peer, named_local=self._settings.token is None)
            except Problem as problem:
                raise Refusal(problem.status, problem.message) from None
            if not peer.local:
                raise Refusal(
                    401,
                    "this service pays for its callers and has no client keys, so that only "
                    "this machine may call; set OPEN_BALANCER_CLIENT_KEYS where it runs",
                )

    # --- governed calls -----------------------------------------------------------------

    async def _govern(self, call: Call, send: Send) -> None:
        mode = self._balancer.decision.mode
        failure = self._repeats.failure(call, mode)
        if failure is not None:
            await _send(send, failure)
            return
        exchange = Exchange(self._balancer, self._upstream, call)
        try:
            found = await exchange.run()
            if isinstance(found, Stream):
                self._repeats.answered()
                await self._stream(found, exchange, call, send)
            else:
                reply = _with_mode(found, exchange)
                await _send(send, self._repeats.over(call, mode, exchange.request, reply))
        finally:
            exchange.request.close()

    async def _stream(self, stream: Stream, exchange: Exchange, call: Call, send: Send) -> None:
        """Pass on chunk by chunk, and read along."""
        response = stream.response
        mode = exchange.request.plan.mode.label.encode()
        headers = [*downstream(response.raw_headers), (MODE_HEADER, mode)]
        reader, chunks = stream.reader, stream.chunks
        content = response.content
        attempt = stream.attempt
        try:
            await send(
                {"type": "http.response.start", "status": response.status, "headers": headers}
            )
            last, ended = b"", False
            failure: str | None = None
            try:
                async with asyncio.timeout_at(stream.ends_at):
                    while True:
                        if passed := chunks.passed():
                            await send(_part(passed))
                        if ended:
                            break
                        data = await content.readany()
                        ended = not data
                        for value in chunks.close() if ended else chunks.feed(data):
                            reader.add(value)
            except TimeoutError:
                failure = "timeout"
                message = "open-Balancer: the stream outlasted the plan's deadline."
                last = error_chunk(504, message, events=call.events)
            except (OSError, _client_error()) as error:
                failure = "reset"
                message = f"open-Balancer: the upstream broke off ({type(error).__name__})."
                last = error_chunk(503, message, events=call.events)
        except BaseException:
            # The caller left; it is charged what the upstream had reported by then. Where that was
            # an error, the caller left for it.
            so_far = reader.answer()
            end = attempt.abandon if so_far.error is None else attempt.finish
            end(outcome_of(so_far, response.status, exchange.sent, attempt))
            raise
        finally:
            # Read to its end, the connection has gone back to the pool already.
            response.close()
        outcome = outcome_of(reader.answer(), response.status, exchange.sent, attempt, failure)
        attempt.finish(outcome)
        await send(_part(last, more=False))

    # --- what goes through --------------------------------------------------------------

    async def _pass(
        self,
        target: Target,
        scope: MutableMapping[str, Any],
        headers: Headers,
        raw: bytes,
        send: Send,
    ) -> None:
        """A method that no plan governs."""
        try:
            async with (
                asyncio.timeout(self._balancer.settings.timeout_s),
                self._upstream.send(
                    target,
                    model=target.model,
                    query=scope["query_string"],
                    headers=headers,
                    body=raw if target.verb == "POST" else None,
                ) as response,
            ):
                body = await response.read()
                reply = Reply(
                    status=response.status, body=body, headers=downstream(response.raw_headers)
                )
        except TimeoutError:
            reply = error_reply(504, "open-Balancer: the upstream did not answer in time.")
        except (OSError, _client_error()) as error:
            name = type(error).__name__
            reply = error_reply(503, f"open-Balancer: the upstream cannot be reached ({name}).")
        mode = self._balancer.decision.mode.label.encode()
        reply.headers.append((MODE_HEADER, mode))
        await _send(send, reply)


def _part(body: bytes, *, more: bool = True) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def _with_mode(reply: Reply, exchange: Exchange) -> Reply:
    mode = exchange.request.plan.mode
    headers = [*reply.headers, (MODE_HEADER, mode.label.encode())]
    return Reply(
        status=reply.status,
        body=reply.body,
        headers=headers,
        mode=mode,
        fallback=reply.fallback,
        refusal=reply.refusal,
    )


async def _send(send: Send, reply: Reply) -> None:
    headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send(_part(reply.body, more=False))


async def _while_there(receive: Receive, work: Awaitable[None]) -> None:
    """Do it for as long as the caller is there; then it is cancelled, and accounted so.

    Raises:
        Gone: the caller left.
    """
    task = asyncio.current_task()
    assert task is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        await work
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise Gone from None
        raise
    finally:
        watcher.cancel()


def _client_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError
