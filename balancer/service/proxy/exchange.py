"""One governed call: attempt by attempt, until an answer may go to the caller.

The runtime's `Request` says what to try and when; this makes the calls. Whole answers are
read before anything is sent, streams up to their first chunk: until then another attempt, or
another model, can take over without the caller's noticing.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ... import wire
from ...core.strategy import Strategy
from ...runtime.calls import Asked, Outcome
from ...runtime.closed import Refusal
from .answers import Headers, Reply, error_reply, no_price_reply, shed_reply, static_reply
from .headers import downstream
from .reading import Call, has_key
from .upstream import Upstream, plain

if TYPE_CHECKING:
    import aiohttp

    from ...runtime.attempts import Attempt
    from ...runtime.balancer import Balancer
    from ...runtime.requests import Request

__all__ = ["Exchange", "Stream", "outcome_of"]


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
    reader: wire.AnswerReader
    chunks: wire.Chunks
    ends_at: float | None


class Exchange:
    """Makes one call.

    Args:
        balancer: whose plan governs it.
        upstream: where it goes.
        call: what was asked.

    Attributes:
        request: of the runtime.
        sent: what went upstream last.
    """

    __slots__ = ("_asked", "_balancer", "_call", "_upstream", "request", "sent")

    def __init__(self, balancer: Balancer, upstream: Upstream, call: Call) -> None:
        self._balancer = balancer
        self._upstream = upstream
        self._call = call
        # A dated version of a model goes by its family's name, and is sent as it was written.
        card = wire.find_card(balancer.catalog, call.asked.model)
        asked = call.asked
        if card is not None:
            asked = replace(
                asked,
                model=card.name,
                usual_thinking=card.default_thinking,
                ended=balancer.catalog.known(asked.model) is not card,
            )
        self._asked = asked
        self.sent = wire.Sent(asked=asked, own_key=upstream.own_key(call.target))
        speed = balancer.clock.speed
        self.request: Request = balancer.request(
            call.priority,
            key=call.key,
            index=call.index,
            session=call.session,
            asked=Asked(
                model=asked.model or None,
                prompt_tokens=asked.prompt_tokens,
                output_cap_tokens=asked.output_cap_tokens,
                min_output_tokens=asked.min_output_tokens or 0,
                thinking=asked.thinking,
                timeout_s=None if call.timeout_s is None else call.timeout_s * speed,
                structured=asked.tearable,
                free_text=asked.free_text and wire.is_plausible(call.body),
                pinned=asked.pinned,
                needs=asked.needs,
                project=_project(call, own_key=self.sent.own_key),
                shape=partial(wire.shape_of, call.body),
                media=asked.media,
                fees=asked.fees,
                service_tier=asked.service_tier,
                takes_tiers=asked.takes_tiers,
            ),
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
        while (attempt := request.start()) is not None:
            outcome, found = await self._try(attempt)
            if isinstance(found, Stream):
                return found
            if not request.enforced:
                return found
            # A refusal of what we made of a call is not for its caller.
            reply = None if outcome.kind == "edited" else found
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
        return reply or shed_reply("budget", request.plan.mode)

    def _refused(self) -> Reply:
        request = self.request
        if request.refusal == "no_price":
            return no_price_reply(request.model, request.plan.mode)
        text = request.static_fallback
        if text is not None:
            return self._static(text, request.refusal)
        return shed_reply(request.refusal, request.plan.mode)

    def _static(self, text: str, refusal: str) -> Reply:
        call = self._call
        mode = self.request.plan.mode
        return static_reply(
            text, mode, streamed=call.target.streamed, events=call.events, refusal=refusal
        )

    async def _try(self, attempt: Attempt) -> tuple[Outcome, Reply | Stream]:
        call = self._call
        mode = self.request.plan.mode
        loop = asyncio.get_running_loop()
        timeout_s = attempt.timeout_s
        ends_at = None
        if timeout_s is not None and self.request.enforced:
            ends_at = loop.time() + self._balancer.clock.wall_s(timeout_s)
        found: Reply | Stream
        try:
            async with asyncio.timeout_at(ends_at):
                response = await self._send(attempt)
                if call.target.streamed and response.status < 300:
                    outcome, found = await self._begin_stream(attempt, response, ends_at)
                else:
                    async with response:
                        raw = await response.read()
                        outcome, found = self._whole(response, raw, attempt)
        except TimeoutError:
            outcome = Outcome(kind="timeout")
            message = "open-Balancer: the upstream did not answer within the plan's deadline."
            found = error_reply(504, message, mode=mode)
        except _connection_errors() as error:
            outcome = Outcome(kind="reset")
            message = f"open-Balancer: the connection to the upstream failed ({_name(error)})."
            found = error_reply(503, message, mode=mode)
        if not isinstance(found, Stream):
            attempt.finish(outcome)
        return outcome, found

    def _headers(self, response: aiohttp.ClientResponse) -> Headers:
        return downstream(response.raw_headers)

    def _edits(self, attempt: Attempt) -> wire.Edits:
        if not self.request.enforced:
            return wire.Edits()
        strategy, asked = self.request.plan.strategy, self._asked
        if attempt.as_written:
            strategy = Strategy()
        card = wire.find_card(self._balancer.catalog, attempt.model)
        priced, tier = attempt.card, attempt.tier
        if attempt.thinking_tokens is None or priced is None:
            return wire.edits(strategy, card, asked, tier=tier)
        held, limit = attempt.output_cap_tokens, priced.output_limit_tokens
        return wire.edits_within(strategy, card, asked, held=held, limit=limit, tier=tier)

    async def _send(self, attempt: Attempt) -> aiohttp.ClientResponse:
        call = self._call
        edits = self._edits(attempt)
        model = edits.model or call.target.model
        attempt.sent = wire.bare_model(model or "")
        body = wire.apply_bytes(call.raw, edits, call.body)
        changed = not attempt.as_written and (model != call.target.model or body != call.raw)
        self.sent = replace(self.sent, change=edits, changed=changed)
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
            deadline_s=call.timeout_s,
            extra=extra,
        )

    async def _begin_stream(
        self, attempt: Attempt, response: aiohttp.ClientResponse, ends_at: float | None
    ) -> tuple[Outcome, Reply | Stream]:
        reader = wire.AnswerReader(streamed=True, tier=wire.header_tier(response.headers))
        chunks = wire.chunks_of(response.headers.get("content-type", ""))
        try:
            while True:
                data = await response.content.readany()
                values = chunks.feed(data) if data else chunks.close()
                for value in values:
                    reader.add(value)
                if values or not data:
                    break
        except BaseException:
            response.close()
            raise
        answer = reader.answer()
        if values and answer.error is None and values[0] is not None:
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
            reply = _error_as_sent(answer.error.code, error)
        else:
            message = "open-Balancer: the upstream's stream ended before its first chunk."
            reply = error_reply(503, message)
        return outcome_of(answer, response.status, self.sent, attempt, reply=reply), reply

    def _whole(
        self, response: aiohttp.ClientResponse, raw: bytes, attempt: Attempt
    ) -> tuple[Outcome, Reply]:
        text = plain(raw, response.headers.get("content-encoding", ""))
        status = response.status
        reply = Reply(status=status, body=raw, headers=self._headers(response))
        if status < 300:
            value = wire.parse(text)
            answer = wire.read_answer(value, wire.header_tier(response.headers))
            error = wire.error_of(value) if self.request.enforced else None
            if error is not None and answer.error is not None:
                # An error under a status of success, which clients take for an empty answer.
                reply = _error_as_sent(answer.error.code, error)
            return outcome_of(answer, status, self.sent, attempt, reply=reply), reply
        retry_after = response.headers.get("retry-after")
        refused = wire.read_error(max(400, status), text, retry_after, now_s=time.time())
        return _refused(refused, self.sent, status, reply), reply


def _error_as_sent(code: int, error: dict[str, Any]) -> Reply:
    """The upstream's error out of a stream, in the form of one that came without."""
    body = json.dumps(error).encode()
    headers = [(b"content-type", b"application/json; charset=UTF-8")]
    return Reply(status=code if 400 <= code < 600 else 503, body=body, headers=headers)


def outcome_of(
    answer: wire.Answer,
    status: int,
    sent: wire.Sent,
    attempt: Attempt,
    failure: str | None = None,
    *,
    reply: Reply | None = None,
) -> Outcome:
    """What the runtime is told of an answer.

    Args:
        answer: what was read of it.
        status: of HTTP.
        sent: what it answers.
        attempt: that got it.
        failure: what ended it early, if anything did.
        reply: the same as it goes to the caller; None for what has gone already.
    """
    usage = answer.usage or wire.Usage()
    error = answer.error
    if error is not None and failure is None and answer.usage is None:
        return _refused(error, sent, status, reply)
    kind = failure or sent.failure(answer)
    early = error is not None or failure is not None
    return Outcome(
        kind=kind,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        thinking_tokens=usage.thinking_tokens,
        surcharge_nano_usd=usage.surcharge_nano_usd(attempt.bill(answer.model, answer.tier).card),
        served_model=answer.model,
        served_tier=answer.tier,
        # What was sent of a stream is billed, whatever ended it, and so is an empty answer.
        billed=True if answer.usage is not None and (early or kind == "rejected") else None,
        retry_after_s=0.0 if error is None else error.retry_after_s or 0.0,
        status=status,
    )


def _refused(
    error: wire.UpstreamError, sent: wire.Sent, status: int, reply: Reply | None
) -> Outcome:
    """What the runtime is told of an error response."""
    kind = sent.refused(error)
    refusal = None
    if kind == "closed":
        refusal = Refusal(remedy=wire.remedy(error), message=error.message, reply=reply)
    return Outcome(
        kind=kind, retry_after_s=error.retry_after_s or 0.0, status=status, refusal=refusal
    )


def _project(call: Call, *, own_key: bool) -> str:
    """Whose bill a call goes on: the service's, or that of whoever's key or project it names."""
    if own_key:
        return ""
    if call.target.project:
        return f"project {call.target.project}"
    given = dict(call.headers).get(b"x-goog-api-key") or (has_key(call.query) or "").encode()
    return wire.project_of(given)


def _connection_errors() -> tuple[type[BaseException], ...]:
    import aiohttp

    return aiohttp.ClientError, ConnectionError, OSError


def _name(error: BaseException) -> str:
    return type(error).__name__
