"""What the runtime is told of a response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ... import wire
from ...runtime.calls import Outcome
from ...runtime.closed import Refusal
from .answers import Reply

if TYPE_CHECKING:
    from ...runtime.attempts import Attempt

__all__ = ["error_as_sent", "outcome_of", "refused_outcome"]


def error_as_sent(code: int, error: dict[str, Any]) -> Reply:
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
        return refused_outcome(error, sent, status, reply)
    kind = failure or sent.failure(answer)
    wrong = error is not None or kind == "rejected"
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
        billed=True if failure is not None or (answer.usage is not None and wrong) else None,
        retry_after_s=0.0 if error is None else error.retry_after_s or 0.0,
        status=status,
    )


def refused_outcome(
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
