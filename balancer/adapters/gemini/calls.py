"""One call of an application, attempt by attempt, without input or output of its own.

The same for blocking and asynchronous clients, for whole answers and for streams: whoever
drives it makes the attempt that `next` describes, says how it went, waits as long as `delay_s`
says, and goes on until there is no next one.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from google.genai import errors

from balancer.runtime.attempts import Attempt
from balancer.runtime.calls import Outcome, Score
from balancer.runtime.requests import Request
from balancer.wire import Answer, Usage

from .given import Given, Wrapping
from .outcomes import answer_outcome, error_outcome
from .served import Served, mark
from .shed import ShedError

__all__ = ["WrappedCall"]

logger = logging.getLogger("balancer")


class WrappedCall:
    """See the module.

    Args:
        wrapping: of the client.
        given: what its caller gave.

    Attributes:
        traffic: what is sent for the attempt, as whoever sends it sees it.
        released: nothing is made anew, as a chunk has been handed out or functions were called.
        served: how it was served, once that is known.
    """

    def __init__(self, wrapping: Wrapping, given: Given) -> None:
        self._wrapping = wrapping
        self._given = given
        self._request: Request | None = None
        self._attempt: Attempt | None = None
        self._made = 0
        self.traffic = given.traffic()
        self._reader = given.reader()
        self._error: BaseException | None = None
        self._response: Any = None
        self._held: list[Any] = []
        self._spent: Usage | None = None
        self._detached = False
        self.released = False
        self.served: Served | None = None

    @property
    def request(self) -> Request:
        """The balancer's; it is received when the call is entered."""
        assert self._request is not None
        return self._request

    def __enter__(self) -> Self:
        options = self._given.options
        self._request = self._wrapping.balancer.request(
            options.level,
            key=options.key,
            index=options.request,
            asked=self._given.asked,
            session=options.session,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._detached:
            return  # its outcome comes later
        # An attempt under way is abandoned: its caller cancelled it, or closed the stream, and is
        # charged what the upstream had reported by then.
        if self._attempt is not None and self._attempt.under_way:
            if self.traffic.nothing:
                self.request.withdraw()
                return
            self._abandon()
        self.request.close()

    def _abandon(self) -> None:
        assert self._attempt is not None
        answer, sent = self._so_far(), self._given.sent
        self._attempt.abandon(answer_outcome(answer, self._usage(), sent, self._attempt))

    # --- attempts -----------------------------------------------------------------------

    def next(self) -> Any:
        """The next attempt as it is to be sent, begun; None when there is none."""
        attempt = self.request.start()
        if attempt is None:
            return None
        self._attempt = attempt
        if self._given.untimed:
            attempt.detach()
        self._made += 1
        self.traffic = self._given.traffic()
        self._error = self._response = None
        self._reader = self._given.reader()
        self._held = []
        self._spent = None
        return self._given.sending(self.request, attempt)

    def failed(self, error: BaseException) -> None:
        """The attempt raised.

        Raises:
            BaseException: the error itself, where the upstream has no part in it.
        """
        assert self._attempt is not None
        if self._detached:
            # Only the connection is lost. What was begun goes on, and is not begun again.
            self._error = error
            return
        if self.traffic.nothing and not isinstance(error, errors.APIError):
            self.request.withdraw()
            raise error
        usage = self._usage() or self._given.spent_in(error)
        begun = self.released or bool(self._held) or usage is not None
        sent, so_far = self._given.sent, self._so_far()
        outcome = error_outcome(error, sent, usage, so_far, self._attempt, begun=begun)
        if outcome is None:
            if usage is not None:
                self._abandon()
            self.request.close()
            raise error
        if self._has_called() and outcome.kind == "timeout" and self.traffic.in_functions:
            outcome = replace(outcome, kind="rejected")
        # A refusal of what we made of a call is not for its caller.
        self._error = None if outcome.kind == "edited" and not self.released else error
        self._attempt.finish(outcome)

    def _has_called(self) -> bool:
        """Whether the SDK may have called functions, which must not be called again: the attempt is
        the last one.
        """
        called = self._given.automatic and self.traffic.called
        self.released = self.released or called
        return called

    def answered(self, response: Any) -> None:
        """The attempt gave a whole answer, or the word that it will be given later."""
        assert self._attempt is not None
        self._response = response
        self._has_called()
        body = self._given.value(response)
        if self._detaches(body):
            return
        answer = self._given.read(body, self._given.tier_of(response))
        # Of the calls that the SDK makes by itself it reports the last one's alone.
        usage = (self.traffic.usage if self._given.automatic else None) or answer.usage
        outcome = answer_outcome(answer, usage, self._given.sent, self._attempt)
        self._attempt.finish(outcome)

    # --- answers that come later --------------------------------------------------------

    def _detaches(self, body: Any) -> bool:
        """Whether the outcome is to be asked for later; from then on it is waited for by name."""
        name = self._given.later(body)
        if name and not self._detached:
            assert self._attempt is not None
            self._attempt.detach()
            self._detached = True
            self._wrapping.watched.add(name, self)
        return self._detached

    def settle(self, body: Any) -> None:
        """How it ended in the end, as it says when it is asked for."""
        assert self._attempt is not None
        answer = self._given.read(body)
        self._attempt.finish(answer_outcome(answer, answer.usage, self._given.sent, self._attempt))
        self.request.close()

    def give_up(self) -> None:
        """Nobody will know how it ended."""
        self.request.close()

    # --- streams ------------------------------------------------------------------------

    def chunk(self, chunk: Any) -> list[Any]:
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
            self._reader = self._given.reader(self._given.tier_of(chunk))
        body = self._given.value(chunk)
        self._reader.add(body)
        self._held.append(chunk)
        detached = self._detaches(body)
        if not (self.released or detached or self._given.holds(body, self._reader)):
            return []
        if not self.released:
            self._attempt.first_token()
            self.released = True
        return self._release()

    def pause(self) -> None:
        """A chunk was handed out, and the next one is not asked for yet."""
        assert self._attempt is not None
        self._attempt.pause()

    def resume(self) -> None:
        """It is."""
        assert self._attempt is not None
        self._attempt.resume()

    def _release(self) -> list[Any]:
        how = self._served(None)
        chunks, self._held = self._held, []
        for chunk in chunks:
            mark(chunk, how)
        return chunks

    def _usage(self) -> Usage | None:
        """What the attempt has used by now, as far as it was reported."""
        usage = self._reader.usage
        if self._spent is None or usage is None:
            return usage or self._spent or self.traffic.usage
        return self._spent + usage

    def _so_far(self) -> Answer:
        """What has come of the attempt by now."""
        return self.traffic.answer or self._reader.answer()

    def ended(self) -> None:
        """The attempt's stream ended by itself."""
        assert self._attempt is not None
        if self._detached and not self._reader.finished:
            return
        if self._detached:
            self._wrapping.watched.forget(self)
        answer, sent = self._reader.answer(), self._given.sent
        self._attempt.finish(answer_outcome(answer, self._usage(), sent, self._attempt))

    # --- between attempts, and the end --------------------------------------------------

    def delay_s(self) -> float | None:
        """Wall seconds until the next attempt; None when there is none."""
        if self._detached and self._attempt is not None and self._attempt.under_way:
            return None
        if self.released or not self.request.enforced:
            self.request.close()
            return None
        delay_s = self.request.next_delay_s()
        return None if delay_s is None else self._wrapping.balancer.clock.wall_s(delay_s)

    def result(self) -> Any:
        """What the caller gets in the end.

        An answer that counts as failed (empty, malformed) is still handed out where there is
        nothing better: it is what the SDK would give.

        Raises:
            ShedError: the request was refused and there is no static answer.
            Exception: the last attempt's.
        """
        fallback = self._fallback()
        if fallback:
            return fallback[0]
        if self._error is not None:
            raise self._error
        if self._response is None:
            raise self._refusal()
        quality = self._score(self._response)
        self.served = self._served(_kind(self.request.last), quality)
        mark(self._response, self.served)
        return self._response

    def rest(self) -> list[Any]:
        """What is left to hand out of a stream when there is nothing more to come.

        Raises:
            ShedError, Exception: as `result`.
        """
        fallback = [] if self.released else self._fallback(streamed=True)
        if fallback:
            return fallback
        if self._error is not None:
            raise self._error
        if self._refused_edit() or not self._made:
            raise self._refusal()
        chunks = self._release()
        self.served = self._served(_kind(self.request.last))
        for chunk in chunks:
            mark(chunk, self.served)
        return chunks

    def _fallback(self, *, streamed: bool = False) -> list[Any]:
        """The static answer, whole or in chunks, where there is no other."""
        text = self.request.static_fallback
        if self.request.answered or text is None or self._detached:
            return []
        self.served = Served(
            mode=self.request.plan.mode, model="", attempts=self._made, fallback=True
        )
        responses = self._given.static(text, streamed=streamed)
        for response in responses:
            mark(response, self.served)
        return responses

    def _refused_edit(self) -> bool:
        """Whether the last attempt was refused for what we made of it, and none came after."""
        last = self.request.last
        return not self.released and last is not None and last.kind == "edited"

    def _refusal(self) -> Exception:
        """Why there is nothing to hand out: ours, or the provider's of a project it has closed."""
        request = self.request
        if request.closed is not None and isinstance(request.closed.reply, Exception):
            return _another(request.closed.reply)
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

    def _score(self, response: Any) -> float | None:
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


def _another(error: Exception) -> Exception:
    """The same error for another caller, without what the one before had at hand.

    A copy of google-genai's errors is of their base class.
    """
    kind = type(error)
    made = kind.__new__(kind, *error.args)
    made.__dict__.update(error.__dict__)
    return made
