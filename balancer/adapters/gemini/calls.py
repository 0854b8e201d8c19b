"""One call of an application, attempt by attempt, without input or output of its own.

The same for blocking and asynchronous clients, for whole answers and for streams: whoever
drives it makes the attempt that `next` describes, says how it went, waits as long as `delay_s`
says, and goes on until there is no next one.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, Self

from google.genai import types

from balancer.runtime.attempts import Attempt
from balancer.runtime.calls import Outcome, Score
from balancer.runtime.requests import Request
from balancer.wire import AnswerReader, Usage, read_answer

from .editing import Sending
from .given import Given, Wrapping
from .options import CallOptions
from .outcomes import answer_outcome, error_outcome, header_tier_of, usage_of_calls, value
from .served import Served, mark
from .shed import ShedError, static_response

__all__ = ["Call"]

logger = logging.getLogger("balancer")


class Call:
    """See the module.

    Args:
        wrapping: of the client.
        model, contents, config: the caller's arguments.
        options: the caller's, beside them.

    Raises:
        pydantic.ValidationError: the config is none.
    """

    def __init__(
        self,
        wrapping: Wrapping,
        model: str,
        contents: Any,
        config: types.GenerateContentConfigOrDict | None,
        options: CallOptions | None,
    ) -> None:
        self._wrapping = wrapping
        self._given = Given(wrapping, model, contents, config, options)
        self._request: Request | None = None
        self._attempt: Attempt | None = None
        self._made = 0
        self._reader = AnswerReader()
        self._error: BaseException | None = None
        self._response: types.GenerateContentResponse | None = None
        self._held: list[types.GenerateContentResponse] = []
        self._spent: Usage | None = None
        self.released = False
        self.served: Served | None = None

    @property
    def request(self) -> Request:
        """The balancer's; it is received when the call is entered."""
        assert self._request is not None
        return self._request

    def __enter__(self) -> Self:
        said = self._given.said
        self._request = self._wrapping.balancer.request(
            said.level,
            key=said.key,
            index=said.request,
            asked=self._given.reserved(),
            session=said.session,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # An attempt under way is abandoned: its caller cancelled it, or closed the stream, and is
        # charged what the upstream had reported by then.
        if self._attempt is not None and self._attempt.under_way:
            answer, sent = self._reader.answer(), self._given.sent
            self._attempt.abandon(answer_outcome(answer, self._usage(), sent, self._attempt))
        self.request.close()

    # --- attempts -----------------------------------------------------------------------

    def next(self) -> Sending | None:
        """The next attempt, begun; None when there is none."""
        attempt = self.request.start()
        if attempt is None:
            return None
        self._attempt = attempt
        self._made += 1
        self._error = self._response = None
        self._reader = AnswerReader()
        self._held = []
        self._spent = None
        return self._given.sending(self.request, attempt)

    def failed(self, error: BaseException) -> None:
        """The attempt raised.

        Raises:
            BaseException: the error itself, where the upstream has no part in it.
        """
        assert self._attempt is not None
        begun = self.released or bool(self._held)
        sent, so_far = self._given.sent, self._reader.answer()
        outcome = error_outcome(error, sent, self._usage(), so_far, self._attempt, begun=begun)
        if outcome is None:
            self.request.close()
            raise error
        # A refusal of what we made of a call is not for its caller.
        self._error = None if outcome.kind == "edited" else error
        self._attempt.finish(outcome)

    def answered(self, response: types.GenerateContentResponse) -> None:
        """The attempt gave a whole answer."""
        assert self._attempt is not None
        answer = read_answer(value(response), header_tier_of(response))
        self._response = response
        usage = usage_of_calls(response, answer.usage) if self._given.automatic else answer.usage
        outcome = answer_outcome(answer, usage, self._given.sent, self._attempt)
        self._attempt.finish(outcome)

    # --- streams ------------------------------------------------------------------------

    def chunk(self, chunk: types.GenerateContentResponse) -> list[types.GenerateContentResponse]:
        """The attempt gave a chunk.

        Returns:
            The chunks to hand out. Until one of them holds something, none is: a stream that
            ends before that can still be made anew.
        """
        assert self._attempt is not None
        first = not (self._held or self.released)
        if self._given.automatic and self._reader.finished:
            # The SDK has called functions, and this is the answer to another call.
            self._spent = self._usage()
            first = True
        if first:
            self._reader = AnswerReader(tier=header_tier_of(chunk))
        body = value(chunk)
        self._reader.add(body)
        self._held.append(chunk)
        if not self.released and not _holds_something(body):
            return []
        if not self.released:
            self._attempt.first_token()
            self.released = True
        return self._release()

    def _release(self) -> list[types.GenerateContentResponse]:
        how = self._served(None)
        held, self._held = self._held, []
        for chunk in held:
            mark(chunk, how)
        return held

    def _usage(self) -> Usage | None:
        usage = self._reader.usage
        if self._spent is None or usage is None:
            return usage or self._spent
        return self._spent + usage

    def ended(self) -> None:
        """The attempt's stream ended by itself."""
        assert self._attempt is not None
        answer, sent = self._reader.answer(), self._given.sent
        self._attempt.finish(answer_outcome(answer, self._usage(), sent, self._attempt))

    # --- between attempts, and the end --------------------------------------------------

    def delay_s(self) -> float | None:
        """Wall seconds until the next attempt; None when there is none."""
        if self.released or not self.request.enforced:
            self.request.close()
            return None
        delay_s = self.request.next_delay_s()
        return None if delay_s is None else self._wrapping.balancer.clock.wall_s(delay_s)

    def result(self) -> types.GenerateContentResponse:
        """What the caller gets in the end.

        An answer that counts as failed (empty, malformed) is still handed out where there is
        nothing better: it is what the SDK would give.

        Raises:
            ShedError: the request was refused and there is no static answer.
            Exception: the last attempt's.
        """
        fallback = self._fallback()
        if fallback is not None:
            return fallback
        if self._error is not None:
            raise self._error
        if self._response is None:
            raise self._refusal()
        quality = self._score(self._response)
        self.served = self._served(_kind(self.request.last), quality)
        mark(self._response, self.served)
        return self._response

    def rest(self) -> list[types.GenerateContentResponse]:
        """What is left to hand out of a stream when there is nothing more to come.

        Raises:
            ShedError, Exception: as `result`.
        """
        fallback = None if self.released else self._fallback()
        if fallback is not None:
            return [fallback]
        if self._error is not None:
            raise self._error
        if self._refused_edit() or not self._made:
            raise self._refusal()
        held = self._release()
        self.served = self._served(_kind(self.request.last))
        for chunk in held:
            mark(chunk, self.served)
        return held

    def _fallback(self) -> types.GenerateContentResponse | None:
        """The static answer, where there is no other."""
        text = self.request.static_fallback
        if self.request.answered or text is None:
            return None
        response = static_response(text, chat=self._wrapping.chat)
        self.served = Served(
            mode=self.request.plan.mode, model="", attempts=self._made, fallback=True
        )
        mark(response, self.served)
        return response

    def _refused_edit(self) -> bool:
        """Whether the last attempt was refused for what we made of it, and none came after."""
        last = self.request.last
        return not self.released and last is not None and last.kind == "edited"

    def _refusal(self) -> Exception:
        """Why there is nothing to hand out: ours, or the provider's of a project it has closed."""
        request = self.request
        if request.closed is not None and isinstance(request.closed.reply, Exception):
            return request.closed.reply.with_traceback(None)
        return ShedError(
            request.refusal or "budget",
            request.plan.mode,
            request.priority,
            self._wrapping.balancer.decision.reasons,
            request.model,
        )

    def _served(self, outcome: str | None, quality: float | None = None) -> Served:
        assert self._attempt is not None
        return Served(
            mode=self.request.plan.mode,
            model=self._attempt.model,
            attempts=self._made,
            outcome=outcome,
            quality=quality,
        )

    def _score(self, response: types.GenerateContentResponse) -> float | None:
        scorer = self._wrapping.scorer
        if scorer is None or not self.request.answered:
            return None
        try:
            quality = float(scorer(self._given.arguments, response))
        except Exception:
            logger.exception("the scorer failed; the call is not affected")
            return None
        request, attempt = self.request, self._attempt
        assert attempt is not None
        self._wrapping.balancer.scored(
            Score(
                mode=request.plan.mode,
                model=attempt.model,
                priority=request.priority,
                key=request.key,
                index=request.index,
                quality=quality,
            )
        )
        return quality


def _kind(outcome: Outcome | None) -> str | None:
    return outcome.kind if outcome is not None else None


def _holds_something(body: dict[str, Any]) -> bool:
    return any(candidate["content"]["parts"] for candidate in body["candidates"])
