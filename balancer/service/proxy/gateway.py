"""The proxy as an ASGI application: checks a caller, makes the call, passes on what comes.

It is plain ASGI, without a framework: what it adds to a call's latency is the point.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..bodies import Bodies, Held
from ..settings import Settings
from ..stopping import Stopped, Stopping
from .answers import MODE_HEADER, Headers, Refusal, Reply, error_reply, stopped_reply
from .backgrounds import Backgrounds
from .callers import Callers
from .coming import Coming, while_there
from .exchange import Exchange, Stream
from .headers import downstream
from .outcomes import outcome_of
from .passable import Passed, find_passed, looks_like_gemini, of_interaction, passed_of
from .passing import Passing
from .paths import COLLECTIONS, Target, api_of, find_target
from .reading import Call, Gone, Receive, is_readable, read_body, read_call
from .repeats import Repeats
from .sockets import Sockets
from .uploads import Uploads
from .upstream import Upstream

if TYPE_CHECKING:
    from ...runtime.balancer import Balancer

__all__ = ["Gateway"]

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger("balancer.service.proxy")
_PIECE = 1 << 18
_UNPLAIN = (
    "this path leads nowhere: its segments are to be plain, with none that is empty, '.' or '..', "
    "a location to be one of Google's, and that of a generation as Google writes it"
)
_NOT_PASSED = (
    "this proxy is set to pass on nothing but what it knows (OPEN_BALANCER_PASSING=off): models, "
    "models/M, and of a model generateContent, streamGenerateContent, countTokens, embedContent, "
    "batchEmbedContents; openai/chat/completions, interactions, interactions/ID and its cancel"
)


_AWAITED_S = 60.0
"""How long a whole answer is awaited whose caller has left."""


class Gateway:
    """Serves the paths of the Gemini API.

    Args:
        balancer: whose plans govern the calls.
        settings: of the service.
        stopping: whether it stops.

    Attributes:
        bodies: of the requests under way.
    """

    def __init__(
        self, balancer: Balancer, settings: Settings, stopping: Stopping | None = None
    ) -> None:
        self.bodies = Bodies(settings.bounds.bodies_size)
        self._stopping = stopping or Stopping()
        self._balancer = balancer
        self._settings = settings
        self._callers = Callers(settings)
        self._upstream = Upstream(settings)
        self._uploads = Uploads(settings)
        self._backgrounds = Backgrounds()
        self._passing = Passing(balancer, self._upstream, self._uploads, self._backgrounds)
        self._sockets = Sockets(balancer, self._upstream, self._callers, settings.largest_body)
        self._repeats = Repeats(balancer.clock.now_s, balancer.clock.speed)

    def open(self) -> None:
        """Begin; inside the event loop."""
        self._upstream.open()

    async def close(self) -> None:
        """End."""
        await self._passing.close()
        await self._upstream.close()

    def find(self, scope: Scope) -> Target | Passed | Refusal | None:
        """What a request asks of the proxy: a governed call, one to be passed on, or one of the
        API's kind that is neither; None where it is not the proxy's.
        """
        path: str = scope["path"]
        target = find_target(path) if any(word in path for word in COLLECTIONS) else None
        if target is not None and scope["method"] == target.verb:
            return target if target.governed else passed_of(target)
        if not looks_like_gemini(path):
            return None
        if target is not None and target.governed:
            return Refusal(405, f"expected {target.verb}", [(b"allow", target.verb.encode())])
        passed = find_passed(scope.get("raw_path") or quote(path).encode())
        if not (self._settings.passing or (passed and of_interaction(passed, scope["method"]))):
            return Refusal(404, _NOT_PASSED)
        return passed or Refusal(404, _UNPLAIN)

    async def serve_socket(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Serve a websocket of ASGI; False for one that is not the API's."""
        passed = self._sockets.find(scope["path"]) if self._settings.passing else None
        if passed is not None:
            await self._sockets.serve(passed, scope, receive, send)
        return passed is not None

    async def generate(self, call: Call) -> Reply:
        """Make a whole call for the service itself: the one path that there is for plans."""
        exchange = Exchange(self._balancer, self._upstream, call)
        try:
            with self._stopping.call():
                reply = await exchange.run()
        except Stopped:
            reply = stopped_reply()
        finally:
            exchange.close()
        assert isinstance(reply, Reply)
        return _with_mode(reply, exchange)

    async def serve(
        self, found: Target | Passed | Refusal, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one request of ASGI, of which `find` says what it is."""
        api = found.api if isinstance(found, Target) else api_of(scope["path"])
        sending = _Sending(send)
        try:
            with self._stopping.call():
                await self._answer(found, scope, receive, sending)
        except Refusal as refusal:
            reply = error_reply(refusal.status, refusal.message, headers=refusal.headers)
            await _send(send, api.said(reply))
        except Stopped:
            if not sending.begun:
                await _send(send, api.said(stopped_reply()))
        except Gone:
            return
        except Exception:
            # A bug of ours; its caller gets an answer that it can read all the same.
            if sending.begun:
                raise
            _log.exception("a call failed")
            await _send(send, api.said(error_reply(500, "open-Balancer: the proxy failed.")))

    async def _answer(
        self, found: Target | Passed | Refusal, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if isinstance(found, Refusal):
            raise found
        if isinstance(found, Passed):
            await self._pass(found, scope, receive, send)
        else:
            with self.bodies.one() as held:
                await self._serve_governed(found, scope, receive, send, held)

    # --- what goes through --------------------------------------------------------------

    async def _pass(self, passed: Passed, scope: Scope, receive: Receive, send: Send) -> None:
        """A call that no plan governs."""
        known = dict(scope["headers"])
        invited, query = self._uploads.known(passed.path.encode(), scope["query_string"])
        # Files are sent there, and nothing else is done.
        invited = invited and scope["method"] in ("POST", "PUT")
        self._callers.check(scope, known, own_key=self._upstream.own_key(passed), invited=invited)
        await self._pass_on(passed, scope, query, Coming(receive, known), send)

    async def _pass_on(
        self, passed: Passed, scope: Scope, query: bytes, coming: Coming, send: Send
    ) -> None:
        await while_there(coming, self._passing.serve(passed, scope, query, coming, send))

    # --- governed calls -----------------------------------------------------------------

    async def _serve_governed(
        self, target: Target, scope: Scope, receive: Receive, send: Send, held: Held
    ) -> None:
        headers: Headers = list(scope["headers"])
        known, query = dict(headers), scope["query_string"]
        self._callers.check(scope, known, own_key=self._upstream.own_key(target))
        most = self._settings.largest_body
        # While the kill switch is on, nothing is refused for what we cannot read.
        bypassed = bool(self._balancer.bypassed)
        if bypassed and not is_readable(known, most):
            await self._pass_on(passed_of(target), scope, query, Coming(receive, known), send)
            return
        raw = await read_body(receive, known, most, held)
        try:
            call = await read_call(target, raw, query, headers, known)
        except Refusal:
            if not bypassed:
                raise
            coming = Coming(receive, known, raw)
            await self._pass_on(passed_of(target), scope, query, coming, send)
            return
        leaving = _Leaving()
        work = self._govern(call, send, leaving)
        await while_there(Coming.read(receive), work, leaving.patience_s)

    async def _govern(self, call: Call, send: Send, leaving: _Leaving) -> None:
        mode = self._balancer.decision.mode
        failure = self._repeats.failure(call, mode) if self._balancer.enforced else None
        if failure is not None:
            await _send(send, failure)
            return
        exchange = Exchange(self._balancer, self._upstream, call, self._backgrounds)
        leaving.exchange = None if call.streamed else exchange
        try:
            found = await exchange.run()
            leaving.exchange = None
            if isinstance(found, Stream):
                self._repeats.answered()
                await self._stream(found, exchange, call, send)
            else:
                reply = _with_mode(found, exchange)
                await _send(send, self._repeats.over(call, mode, exchange.request, reply))
        finally:
            exchange.close()

    async def _stream(self, stream: Stream, exchange: Exchange, call: Call, send: Send) -> None:
        """Pass on chunk by chunk, and read along."""
        response = stream.response
        mode = exchange.request.plan.mode.label.encode()
        headers = [*downstream(response.raw_headers), (MODE_HEADER, mode)]
        reader, chunks = stream.reader, stream.chunks
        content = response.content
        attempt, ends_at = stream.attempt, stream.ends_at
        loop = asyncio.get_running_loop()
        try:
            await send(
                {"type": "http.response.start", "status": response.status, "headers": headers}
            )
            last, ended = b"", False
            failure: str | None = None
            try:
                while True:
                    if passed := chunks.passed():
                        # How long the caller takes to read is nothing of the upstream's.
                        sent = loop.time()
                        attempt.pause()
                        await send(_part(passed))
                        attempt.resume()
                        ends_at = None if ends_at is None else ends_at + loop.time() - sent
                    if ended:
                        break
                    async with asyncio.timeout_at(ends_at):
                        data = await content.readany()
                    ended = not data
                    for value in chunks.close() if ended else chunks.feed(data):
                        reader.add(value)
            except TimeoutError:
                failure = attempt.expired()
                whose = "plan's" if failure == "timeout" else "call's own"
                message = f"open-Balancer: the stream outlasted the {whose} deadline."
                last = call.target.api.last_words(504, message, events=call.events)
            except (OSError, _client_error()) as error:
                failure = "reset"
                message = f"open-Balancer: the upstream broke off ({type(error).__name__})."
                last = call.target.api.last_words(503, message, events=call.events)
        except BaseException:
            # The caller left; it is charged what the upstream had reported by then. Where that was
            # an error, the caller left for it.
            if exchange.told_later(reader):
                raise
            so_far = reader.answer()
            end = attempt.abandon if so_far.error is None else attempt.finish
            end(outcome_of(so_far, response.status, exchange.sent, attempt))
            if self._stopping.over:
                message = "open-Balancer: the service stops."
                last = call.target.api.last_words(503, message, events=call.events)
                await send(_part(last, more=False))
            raise
        finally:
            # Read to its end, the connection has gone back to the pool already.
            response.close()
        if exchange.told_later(reader):
            if failure is None:
                await send(_part(b"", more=False))
            return  # or it breaks off, so that the caller goes on from where it was
        outcome = outcome_of(reader.answer(), response.status, exchange.sent, attempt, failure)
        attempt.finish(outcome)
        if failure is not None and not exchange.request.enforced:
            return  # it breaks off here as it did there
        await send(_part(last, more=False))


class _Sending:
    """Sends to the caller, and knows whether anything was."""

    __slots__ = ("_send", "begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    def __call__(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        self.begun = True
        return self._send(message)


class _Leaving:
    """What becomes of a call whose caller leaves."""

    __slots__ = ("exchange",)

    def __init__(self) -> None:
        self.exchange: Exchange | None = None  # that is to be awaited

    def patience_s(self) -> float:
        """How long it is awaited."""
        if self.exchange is None:
            return 0.0
        self.exchange.left = True
        return _AWAITED_S if self.exchange.trying else 0.0


def _part(body: bytes, *, more: bool = True) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def _with_mode(reply: Reply, exchange: Exchange) -> Reply:
    mode = exchange.request.plan.mode
    headers = [*reply.headers, (MODE_HEADER, mode.label.encode())]
    return replace(reply, headers=headers, mode=mode)


async def _send(send: Send, reply: Reply) -> None:
    headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    # A large one piece by piece, so that others have their turn between.
    first = 0
    while len(reply.body) - first > _PIECE:
        await send(_part(reply.body[first : first + _PIECE]))
        first += _PIECE
    await send(_part(reply.body[first:], more=False))


def _client_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError
