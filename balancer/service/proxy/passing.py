"""Calls that no plan governs, passed through: bytes unchanged, both ways, as they come.

Nothing is held but what is on its way: a caller is read as fast as the upstream takes it, and the
upstream as fast as the caller does. There is no retry and no deadline of ours. How each went is
counted apart; an answer in JSON that says what it used is charged to the budget.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from typing import TYPE_CHECKING, Any

from ... import wire
from ...core.tiers import STANDARD
from ...runtime.bills import in_tier
from ...runtime.calls import Passage
from ...wire.tiers import usage_tier
from .answers import MODE_HEADER, Headers, error_reply
from .headers import downstream
from .large import read_json
from .passable import Passed
from .paths import api_of
from .upstream import Upstream, plain

if TYPE_CHECKING:
    import aiohttp

    from ...runtime.balancer import Balancer
    from .backgrounds import Backgrounds, Hearing
    from .coming import Coming
    from .uploads import Uploads

__all__ = ["Passing", "failure_of"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_BILLED = ("embeddings", "generation", "openai")
"""Kinds whose answers are bills; an interaction that is looked at again was billed before."""
_LARGEST_READ = 8 << 20
"""Bytes of an answer that is read for its usage; what is larger is passed on all the same."""
_LARGEST_ERROR = 1 << 16


class Passing:
    """Passes calls on.

    Args:
        balancer: that counts them.
        upstream: where they go.
        uploads: writes upload URLs anew.
        backgrounds: hears how interactions ended.
    """

    def __init__(
        self, balancer: Balancer, upstream: Upstream, uploads: Uploads, backgrounds: Backgrounds
    ) -> None:
        self._backgrounds = backgrounds
        self._balancer = balancer
        self._upstream = upstream
        self._uploads = uploads
        self._ending: set[asyncio.Task[None]] = set()

    async def serve(
        self,
        passed: Passed,
        scope: MutableMapping[str, Any],
        query: bytes,
        coming: Coming,
        send: Send,
    ) -> None:
        """Pass one call on.

        Args:
            passed: where it goes.
            scope: of ASGI.
            query: to be sent.
            coming: its body.
            send: of ASGI.
        """
        headers: Headers = list(scope["headers"])
        known = dict(headers)
        begun_s = time.monotonic()
        reading = _Reading(passed)
        failure: str | None = "abandoned"
        started = whole = False

        def count(failure: str | None, cost_nano_usd: int = 0) -> None:
            key = known.get(b"x-open-balancer-key")
            self._balancer.passed(
                Passage(
                    kind=passed.kind,
                    failure=failure,
                    seconds=time.monotonic() - begun_s,
                    nano_usd=cost_nano_usd,
                ),
                None if key is None else key.decode("latin-1"),
            )

        try:
            async with self._upstream.pass_on(
                passed,
                verb=scope["method"],
                query=query,
                headers=headers,
                body=coming if coming.expected else None,
                length=known.get(b"content-length"),
            ) as response:
                self._upstream.check(response)
                answer = downstream(response.raw_headers, as_is=True)
                answer = self._uploads.rewritten(answer, scope, known)
                answer.append((MODE_HEADER, self._balancer.decision.mode.label.encode()))
                reading.begin(response)
                hearing = self._backgrounds.hearing(passed.path, scope["method"], response)
                await send(
                    {"type": "http.response.start", "status": response.status, "headers": answer}
                )
                started = True
                async for data in _chunks(response):
                    reading.add(data)
                    if hearing is not None:
                        hearing.add(data)
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                whole = True
                # A caller who has all of it may leave before it is read.
                await asyncio.shield(self._kept(self._end(reading, hearing, count)))
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (OSError, _client_error()) as error:
            failure = "abandoned" if coming.gone else "cut" if started else "reset"
            if not (started or coming.gone):
                name = type(error).__name__
                reply = api_of(passed.path).said(
                    error_reply(503, f"open-Balancer: the upstream cannot be reached ({name}).")
                )
                length = (b"content-length", b"%d" % len(reply.body))
                head = [*reply.headers, length]
                await send({"type": "http.response.start", "status": 503, "headers": head})
                await send({"type": "http.response.body", "body": reply.body})
            # Otherwise the answer is left without its end, so that nobody takes it for whole.
        finally:
            if not whole:
                count(failure)

    async def close(self) -> None:
        """Let what is ending come to its end."""
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _end(
        self, reading: _Reading, hearing: Hearing | None, count: Callable[[str | None, int], None]
    ) -> None:
        """What an answer says, now that it is whole."""
        failure: str | None = None
        cost_nano_usd = 0
        # Whichever cannot be read, it is counted, and with what else is known of it.
        try:
            if hearing is not None:
                await hearing.end()
        finally:
            try:
                failure = reading.failure()
                cost_nano_usd = await reading.cost_nano_usd(self._balancer)
            finally:
                count(failure, cost_nano_usd)

    def _kept(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Done to its end, whoever leaves."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for data in response.content.iter_any():
        yield data


class _Reading:
    """Reads an answer along, as far as it is short."""

    __slots__ = ("_coding", "_kept", "_most", "_passed", "_status", "_tier")

    def __init__(self, passed: Passed) -> None:
        self._passed = passed
        self._kept: bytearray | None = None
        self._most = 0
        self._coding = ""
        self._status = 0
        self._tier: str | None = None

    def begin(self, response: aiohttp.ClientResponse) -> None:
        """It begins."""
        self._status = response.status
        self._tier = wire.header_tier(response.headers)
        self._coding = response.headers.get("content-encoding", "")
        is_json = "json" in response.headers.get("content-type", "").lower()
        if self._status >= 400:
            self._most = _LARGEST_ERROR
        elif self._status < 300 and is_json and self._passed.kind in _BILLED:
            self._most = _LARGEST_READ
        self._kept = bytearray() if self._most else None

    def add(self, data: bytes) -> None:
        """More of it."""
        if self._kept is not None:
            self._kept += data
            if len(self._kept) > self._most:
                self._kept = None

    def failure(self) -> str | None:
        """Kind of its failure, now that it is whole; None for none."""
        body = plain(bytes(self._kept or b""), self._coding, _LARGEST_ERROR)
        return failure_of(self._status, body)

    async def cost_nano_usd(self, balancer: Balancer) -> int:
        """What it says that it used, at the price of the model and the tier that served it."""
        if self._status >= 400 or not self._kept:
            return 0
        body = await read_json(bytes(self._kept), self._coding, _LARGEST_READ, b"usage")
        if not isinstance(body, dict):
            return 0
        if self._passed.path.endswith("/interactions"):
            answer = wire.interactions.read_answer(body, self._tier)
            usage, tier = answer.usage, answer.tier
        else:
            usage = wire.read_usage(body) or wire.chat.read_usage(body)
            tier = usage_tier(body) or self._tier or STANDARD
        named = body.get("modelVersion") or body.get("model") or self._passed.model
        card = balancer.catalog.priced(wire.bare_model(str(named)))
        if usage is None or card is None:
            return 0
        return max(0, usage.cost_nano_usd(in_tier(card, tier or STANDARD)))


def failure_of(status: int, body: bytes = b"") -> str | None:
    """Kind of a response by its status; None for one that is no failure."""
    return None if status < 400 else wire.read_error(status, body).kind


def _client_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError
