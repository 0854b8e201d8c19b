"""One governed call: attempt by attempt, until an answer may go to the caller.

The runtime's `Request` says what to try and when; this makes the calls. Whole answers are
read before anything is sent, streams up to their first chunk: until then another attempt, or
another model, can take over without the caller's noticing.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ... import wire
from ...runtime.calls import Outcome
from .answers import Headers, Reply, error_reply, no_price_reply, shed_reply
from .apis import INTERACTIONS, Reader
from .backgrounds import Background, Backgrounds
from .callers import given_key
from .headers import downstream
from .large import read_answer
from .outcomes import error_as_sent, outcome_of, refused_outcome
from .reading import Call
from .upstream import TooLarge, Upstream, plain

if TYPE_CHECKING:
    import aiohttp

    from ...runtime.attempts import Attempt
    from ...runtime.balancer import Balancer
    from ...runtime.requests import Request

__all__ = ["Exchange", "Stream"]

_LARGEST_ERROR = 1 << 20
"""Bytes that an error is unpacked to, to be read; it is short, or none of Gemini's."""


@dataclass(slots=True, kw_only=True)
class Stream:
    """A stream whose first chunk is here.

    Attributes:
        response: of the upstream, open.
        attempt: to be finished when it ends.
        reader: what was read of the answer so far.
        chunks: finds chunks in the bytes; what it has read already is still to be passed on.
        ends_at: when its deadline is, on the event loop's clock; None is never.
    """

    response: aiohttp.ClientResponse
    attempt: Attempt
    reader: Reader
    chunks: wire.Chunks
    ends_at: float | None


class Exchange:
    """Makes one call.

    Args:
        balancer: whose plan governs it.
        upstream: where it goes.
        call: what was asked.
        backgrounds: of interactions whose outcome is told later.

    Attributes:
        background: waits for an outcome that is told later, so that nothing is to be closed.
        left: its caller has. The upstream goes on with a whole answer and bills it, so that is
            awaited: it alone says what the call came to.
        request: of the runtime.
        sent: what went upstream last.
        trying: an attempt is under way.
    """

    __slots__ = (
        "_api", "_backgrounds", "_balancer", "_call", "_form", "_upstream",
        "background", "left", "request", "sent", "trying",
    )  # fmt: skip

    def __init__(
        self,
        balancer: Balancer,
        upstream: Upstream,
        call: Call,
        backgrounds: Backgrounds | None = None,
    ) -> None:
        self._backgrounds = backgrounds
        self.background: Background | None = None
        self.left = self.trying = False
        self._balancer = balancer
        self._upstream = upstream
        self._call = call
        self._api = call.target.api
        self._form = self._api.form
        own_key = upstream.own_key(call.target)
        clock, form = balancer.clock, self._form
        asked = wire.completed(
            call.asked,
            balancer.catalog,
            timeout_s=None if call.timeout_s is None else call.timeout_s * clock.speed,
            plausible=form.is_plausible(call.body),
            project=_project(call, own_key=own_key),
            shape=partial(form.shape_of, call.body),
        )
        self.sent = wire.Sent(asked=asked, own_key=own_key)
        self.request: Request = balancer.request(
            call.priority, key=call.key, index=call.index, session=call.session, asked=asked
        )

    async def run(self) -> Reply | Stream:
        """The answer: a whole reply, or a stream that has begun. Whoever gets a stream reads it
        to its end and finishes its attempt; `request.close` is the caller's in any case.
        """
        request = self.request
        if request.shed:
            return self._refused()
        if request.closed is not None and isinstance(request.closed.reply, Reply):
            return request.closed.reply
        reply = None
        # Who left in between is not made another attempt for.
        while not self.left and (attempt := request.start()) is not None:
            self.trying = True
            outcome, result = await self._try(attempt)
            self.trying = False
            if isinstance(result, Stream) or self.background or self.left:
                return result
            if not request.enforced:
                return result
            # A refusal of what we made of a call is not for its caller.
            reply = None if outcome.kind == "edited" else result
            delay_s = request.next_delay_s()
            if delay_s is None:
                break
            if delay_s > 0:
                await asyncio.sleep(self._balancer.clock.wall_s(delay_s))
        if reply is not None and (request.answered or request.unjudged):
            return reply
        text = request.static_fallback
        if text is not None:
            return self._static(text, "")
        # Without a reply, a budget refused what would have been the next attempt.
        return reply or self._api.said(shed_reply("budget", request.plan.mode))

    def _refused(self) -> Reply:
        request = self.request
        if request.refusal == "no_price":
            return self._api.said(no_price_reply(request.model, request.plan.mode))
        text = request.static_fallback
        if text is not None:
            return self._static(text, request.refusal)
        return self._api.said(shed_reply(request.refusal, request.plan.mode))

    def _static(self, text: str, refusal: str) -> Reply:
        call = self._call
        mode = self.request.plan.mode
        return self._api.static(
            text, mode, call.body, streamed=call.streamed, events=call.events, refusal=refusal
        )

    async def _try(self, attempt: Attempt) -> tuple[Outcome, Reply | Stream]:
        mode = self.request.plan.mode
        loop = asyncio.get_running_loop()
        timeout_s = attempt.timeout_s
        if self.sent.asked.as_is:
            # An agent works as long as it likes, which says nothing of how the upstream is.
            attempt.detach()
            timeout_s = None
        ends_at = None
        if timeout_s is not None and self.request.enforced:
            ends_at = loop.time() + self._balancer.clock.wall_s(timeout_s)
        result: Reply | Stream
        raw: bytes | None = None
        deadline = asyncio.timeout_at(ends_at)
        try:
            async with deadline:
                response = await self._send(attempt)
                self._upstream.check(response)
                if self._call.streamed and response.status < 300:
                    outcome, result = await self._begin_stream(attempt, response, ends_at)
                else:
                    async with response:
                        raw = await self._upstream.whole(response)
            # It was in time, however long it takes to read.
            if raw is not None:
                outcome, result = await self._whole(response, raw, attempt)
        except TooLarge:
            outcome = Outcome(kind="malformed", status=response.status)
            message = "open-Balancer: the upstream's answer is larger than what is taken of one."
            result = self._api.said(error_reply(502, message, mode=mode))
        except TimeoutError:
            kind = attempt.expired() if deadline.expired() else "timeout"
            outcome = Outcome(kind=kind, billed=True)
            whose = "plan's" if kind == "timeout" else "call's own"
            message = f"open-Balancer: the upstream did not answer within the {whose} deadline."
            result = self._api.said(error_reply(504, message, mode=mode))
        except _connection_errors() as error:
            outcome = Outcome(kind="reset")
            message = f"open-Balancer: the connection to the upstream failed ({_name(error)})."
            result = self._api.said(error_reply(503, message, mode=mode))
        if not (isinstance(result, Stream) or self.background):
            end = attempt.abandon if self.left and outcome.kind is None else attempt.finish
            end(outcome)
        return outcome, result

    def close(self) -> None:
        """Nothing more will be tried."""
        if self.background is None:
            self.request.close()

    def watch(self, attempt: Attempt, value: Any) -> None:
        """Wait for the outcome of an attempt, where it goes on in the background.

        Args:
            attempt: under way.
            value: a resource, or an event about it.
        """
        form, sent = wire.interactions, self.sent
        watching = self._backgrounds is not None and self.background is None
        if not (watching and form.is_background(self._call.body)):
            return
        holder = value.get("interaction", value) if isinstance(value, dict) else None
        name = form.id_of(holder)
        if not (name and form.is_pending(holder)):
            return
        attempt.detach()
        self.background = Background(
            self.request, attempt, lambda said: outcome_of(said, 200, sent, attempt)
        )
        assert self._backgrounds is not None
        self._backgrounds.watched.add(name, self.background)

    def told_later(self, reader: Reader) -> bool:
        """Whether the outcome is yet to be told, after a stream that ended."""
        if self.background is None:
            return False
        if not (isinstance(reader, wire.interactions.AnswerReader) and reader.finished):
            return True
        assert self._backgrounds is not None
        self._backgrounds.watched.forget(self.background)
        self.background = None
        return False

    def _headers(self, response: aiohttp.ClientResponse) -> Headers:
        return downstream(response.raw_headers)

    async def _send(self, attempt: Attempt) -> aiohttp.ClientResponse:
        call, asked, request = self._call, self.sent.asked, self.request
        model, body = call.target.model, call.raw
        if request.enforced or attempt.is_held:
            plan = wire.plan_attempt(asked, request.plan.strategy, self._balancer.catalog, attempt)
            model = plan.edits.model or model
            body = self._form.apply_bytes(body, plan.edits, call.body)
            changed = model != call.target.model or body != call.raw
            self.sent = plan.sent(changed=changed, own_key=self.sent.own_key)
        attempt.sent = wire.bare_model(model or "")
        extra = []
        if call.index is not None:
            extra = [
                (b"x-open-balancer-request", str(call.index).encode()),
                (b"x-open-balancer-attempt", str(attempt.number).encode()),
            ]
        return await self._upstream.send(
            call.target,
            model=model,
            query=call.query,
            headers=call.headers,
            body=body,
            streamed=call.streamed,
            deadline_s=call.timeout_s,
            extra=extra,
        )

    async def _begin_stream(
        self, attempt: Attempt, response: aiohttp.ClientResponse, ends_at: float | None
    ) -> tuple[Outcome, Reply | Stream]:
        tier = wire.header_tier(response.headers)
        reader = self._form.AnswerReader(streamed=True, tier=tier)
        content_type = response.headers.get("content-type", "")
        chunks = self._api.chunks(content_type, untouched=not self.request.enforced)
        try:
            while True:
                data = await response.content.readany()
                values = chunks.feed(data) if data else chunks.close()
                for value in values:
                    reader.add(value)
                    if self._api is INTERACTIONS:
                        self.watch(attempt, value)
                if values or not data:
                    break
        except BaseException:
            response.close()
            raise
        answer = reader.answer()
        begun = values and answer.error is None and values[0] is not None
        if begun or (not self.request.enforced and values):
            attempt.first_token()
            stream = Stream(
                response=response,
                attempt=attempt,
                reader=reader,
                chunks=chunks,
                ends_at=ends_at,
            )
            return Outcome(), stream
        response.close()
        # An error in place of the first chunk, or nothing at all: as good as not begun.
        error = next((each for value in values if (each := wire.error_of(value))), None)
        if error is not None and answer.error is not None:
            reply = error_as_sent(answer.error.code, error)
        else:
            message = "open-Balancer: the upstream's stream ended before its first chunk."
            reply = self._api.said(error_reply(503, message))
        return outcome_of(answer, response.status, self.sent, attempt, reply=reply), reply

    async def _whole(
        self, response: aiohttp.ClientResponse, raw: bytes, attempt: Attempt
    ) -> tuple[Outcome, Reply]:
        coding = response.headers.get("content-encoding", "")
        status = response.status
        reply = Reply(status=status, body=raw, headers=self._headers(response))
        if status < 300:
            value = await read_answer(raw, coding, self._upstream.bounds)
            if self._api is INTERACTIONS:
                self.watch(attempt, value)
            tier = wire.header_tier(response.headers)
            reader = self._form.AnswerReader(streamed=False, tier=tier)
            reader.add(value)
            answer = reader.answer()
            error = wire.error_of(value) if self.request.enforced else None
            if error is not None and answer.error is not None:
                # An error under a status of success, which clients take for an empty answer.
                reply = error_as_sent(answer.error.code, error)
            return outcome_of(answer, status, self.sent, attempt, reply=reply), reply
        retry_after = response.headers.get("retry-after")
        said = plain(raw, coding, _LARGEST_ERROR)
        refused = wire.read_error(max(400, status), said, retry_after, now_s=time.time())
        return refused_outcome(refused, self.sent, status, reply), reply


def _project(call: Call, *, own_key: bool) -> str:
    """Whose bill a call goes on: the service's, or that of whoever's key or project it names."""
    if own_key:
        return ""
    if call.target.project:
        return f"project {call.target.project}"
    return wire.project_of(given_key(call.query, dict(call.headers)))


def _connection_errors() -> tuple[type[BaseException], ...]:
    import aiohttp

    return aiohttp.ClientError, ConnectionError, OSError


def _name(error: BaseException) -> str:
    return type(error).__name__
