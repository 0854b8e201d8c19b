"""Acts a call's fate out: waits, answers, streams, fails as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol

from balancer.core.tiers import PROVISIONED, SERVED_TIERS

from ..plant.quota import (
    MODEL_PROVISIONED,
    MODEL_TOKENS,
    PROJECT_REQUESTS,
    PROJECT_SPEND,
    PROJECT_TOKENS,
)
from .answers import Answer, Chunk, answer_of
from .bodies import Body
from .connections import reset
from .counters import Counters
from .refusals import (
    Refusal,
    provisioned_exceeded,
    quota_day,
    quota_minute,
    spend_limit,
    unavailable,
)
from .replies import Gone, Header, Receive, Scope, Send, Stream, send_head, send_json, send_part
from .settings import Settings
from .wall_upstream import Fate, ModelEntry, WallUpstream

__all__ = ["GENERATION", "Acting", "Form"]

_NO_JSON = "<!DOCTYPE html><title>502 Bad Gateway</title>"
_FLUSH_S = 0.002


class Form(Protocol):
    """How an API says what becomes of a call.

    Attributes:
        methods: names of a whole call and of a streamed one, to be counted by.
    """

    methods: tuple[str, str]

    def answer(self, fate: Fate, body: Body, model: str, *, vertex: bool) -> Told:
        """Of a call that was worked on."""

    def refusal(self, refusal: Refusal) -> str:
        """The body of an error response."""

    def error_inside(self, refusal: Refusal) -> str:
        """The same inside a stream."""

    def stream(self, scope: Scope, send: Send, *, sse: bool) -> Parts:
        """A streamed response."""


class Told(Protocol):
    """An answer."""

    def whole(self) -> str:
        """The response of a unary call."""

    def chunks(self) -> Iterator[Chunk]:
        """The parts of a stream."""


class Parts(Protocol):
    """A streamed response."""

    async def write(self, line: str, headers: Sequence[Header] = ()) -> None:
        """Send a part."""

    async def end(self) -> None:
        """End it."""


class _Generation:
    """The words of generateContent."""

    methods = ("generateContent", "streamGenerateContent")

    def answer(self, fate: Fate, body: Body, model: str, *, vertex: bool) -> Answer:
        return answer_of(fate, body, model, vertex=vertex)

    def refusal(self, refusal: Refusal) -> str:
        return refusal.body().decode()

    error_inside = refusal

    def stream(self, scope: Scope, send: Send, *, sse: bool) -> Stream:
        return Stream(scope, send, sse=sse)


GENERATION = _Generation()


class Acting:
    """One call of a model, from its fate to its end.

    Args:
        settings: speed, and whether there are waits at all.
        upstream: that holds the call.
        counters: to count it in.
        model: which is called.
        vertex: whether in the form of Vertex AI.
        body: what was asked.
        began: time of the loop at which it was.
        fate: what becomes of it.
        scope, receive, send: of the request.
        form: the API's words.
    """

    __slots__ = (
        "_began",
        "_body",
        "_counters",
        "_fate",
        "_form",
        "_loop",
        "_model",
        "_receive",
        "_scope",
        "_send",
        "_settings",
        "_upstream",
        "_vertex",
    )

    def __init__(
        self,
        *,
        settings: Settings,
        upstream: WallUpstream,
        counters: Counters,
        model: ModelEntry,
        vertex: bool,
        body: Body,
        began: float,
        fate: Fate,
        scope: Scope,
        receive: Receive,
        send: Send,
        form: Form,
    ) -> None:
        self._form = form
        self._loop = asyncio.get_running_loop()
        self._began = began
        self._settings = settings
        self._upstream = upstream
        self._counters = counters
        self._model = model
        self._vertex = vertex
        self._body = body
        self._fate = fate
        self._scope = scope
        self._receive = receive
        self._send = send

    async def run(self, sse: bool | None) -> None:
        """Act it out.

        Args:
            sse: None for a unary call, else whether a stream is of events or one array.
        """
        self._counters.began(self._model.name)
        left = True
        try:
            if sse is None:
                await self._unary()
            else:
                await self._stream(sse=sse)
            left = False
        except Gone:
            return
        finally:
            self._counters.ended(
                self._model.name,
                self._form.methods[sse is not None],
                self._fate,
                self._body,
                left=left,
            )
            self._release(left=left)

    def run_unseen(self) -> None:
        """Act it out with nobody waiting: it is worked on, and counts when it ends."""
        self._counters.began(self._model.name)
        until_s = self._fate.holds_s if self._settings.latency else 0.0
        self._loop.call_at(self._began + until_s / self._settings.speed, self._end_unseen)

    def _end_unseen(self) -> None:
        name, method = self._model.name, self._form.methods[0]
        self._counters.ended(name, method, self._fate, self._body, left=self._fate.hangs)
        self._upstream.end(self._fate)

    def _release(self, *, left: bool) -> None:
        """A call that its client no longer sees is worked on to its end, as in the simulator."""
        fate = self._fate
        if (left or fate.outcome == "reset") and self._settings.latency:
            done = self._began + fate.holds_s / self._settings.speed
            if done > self._loop.time():
                self._loop.call_at(done, self._upstream.end, fate)
                return
        self._upstream.end(fate)

    # --- waiting --------------------------------------------------------------------------

    async def _wait(self, until_s: float) -> None:
        """Wait for a second of the call.

        Raises:
            Gone: the client left first.
        """
        if not self._settings.latency:
            return
        at = self._began + until_s / self._settings.speed
        if at <= self._loop.time():
            return
        try:
            async with asyncio.timeout_at(at):
                await self._receive()  # there is nothing to come but that the client leaves
        except TimeoutError:
            return
        raise Gone

    async def _hang(self) -> None:
        await self._receive()
        raise Gone

    async def _lose(self) -> None:
        """Reset the connection, once what was written has gone out."""
        await asyncio.sleep(_FLUSH_S)
        reset(self._scope)
        await self._receive()

    # --- unary ----------------------------------------------------------------------------

    async def _unary(self) -> None:
        fate = self._fate
        if fate.hangs:
            await self._hang()
        if self._settings.latency:
            await self._wait(fate.duration_s)
        outcome = fate.outcome
        if outcome in (None, "empty", "cut"):
            await self._whole(200, self._answer().whole())
        elif outcome == "malformed":
            text = self._answer().whole()
            await self._whole(200, text[: len(text) // 2] if fate.inside else _NO_JSON)
        elif outcome == "reset":
            if fate.inside:
                raw = self._answer().whole().encode()
                await send_head(self._scope, self._send, 200, self._headers(), length=len(raw))
                await send_part(self._send, raw[: len(raw) // 2])
            await self._lose()
        else:
            refusal = self._refusal()
            await self._whole(refusal.code, self._form.refusal(refusal))

    async def _whole(self, code: int, text: str) -> None:
        await send_json(self._scope, self._send, code, text.encode(), self._headers())

    def _headers(self) -> tuple[tuple[bytes, bytes], ...]:
        took_ms = int((self._loop.time() - self._began) * 1000)
        timing = (b"server-timing", b"gfet4t7; dur=%d" % took_ms)
        if not self._fate.served:
            return (timing,)
        tier = SERVED_TIERS[self._fate.served_tier]
        if tier == PROVISIONED:
            return timing, (b"x-vertex-ai-llm-request-type", b"dedicated")
        return timing, (b"x-gemini-service-tier", tier.encode())

    def _answer(self) -> Told:
        # A model that has ended is answered for by its successor, which says so.
        name = self._model.card.name
        return self._form.answer(self._fate, self._body, name, vertex=self._vertex)

    def _refusal(self) -> Refusal:
        fate = self._fate
        outcome = fate.outcome or "internal"
        if outcome not in ("quota_minute", "quota_day"):
            return unavailable(outcome)
        if fate.refuser == MODEL_PROVISIONED:
            return provisioned_exceeded()
        spending = self._upstream.spending()
        if fate.refuser == PROJECT_SPEND and spending is not None:
            return spend_limit(spending.usd, fate.retry_after_s)
        shared = fate.refuser in (PROJECT_REQUESTS, PROJECT_TOKENS)
        limits = self._upstream.limits(None if shared else self._model)
        name = None if shared else self._model.name
        if outcome == "quota_day":
            return quota_day(name, limits.rpd, fate.retry_after_s)
        tokens = fate.refuser in (MODEL_TOKENS, PROJECT_TOKENS)
        limit = limits.tpm if tokens else limits.rpm
        return quota_minute(name, limit, fate.retry_after_s, tokens=tokens)

    # --- streams --------------------------------------------------------------------------

    async def _stream(self, *, sse: bool) -> None:
        fate = self._fate
        if fate.outcome is not None and not fate.served:
            await self._wait(fate.duration_s)
            refusal = self._refusal()
            body = self._form.refusal(refusal)
            await self._whole(refusal.code, body if sse else f"[{body}]")
            return
        stream = self._form.stream(self._scope, self._send, sse=sse)
        early = not fate.inside and fate.outcome in ("reset", "malformed")
        if not early and not (fate.hangs and not fate.inside):
            await self._chunks(stream)
        if fate.hangs:
            await self._hang()
        await self._wait(fate.duration_s)
        if fate.outcome == "reset":
            await self._lose()
            return
        if fate.outcome == "malformed" and early:
            await stream.write(_NO_JSON)
        elif fate.outcome in ("overloaded", "internal", "timeout"):
            await stream.write(self._form.error_inside(self._refusal()))
        await stream.end()

    async def _chunks(self, stream: Parts) -> None:
        """Send the parts of the answer when they are due; a malformed one breaks in the last."""
        last = ""
        for chunk in self._answer().chunks():
            if last:
                await stream.write(last, self._headers())
            await self._wait(chunk.at_s)
            last = chunk.body
            if self._fate.outcome != "malformed":
                await stream.write(last, self._headers())
                last = ""
        if last:
            await stream.write(last[: len(last) // 2])
