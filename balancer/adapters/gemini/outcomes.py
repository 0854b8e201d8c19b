"""Reads google-genai's responses and exceptions as outcomes of attempts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from google.genai import errors, types
from pydantic import ValidationError

from balancer.runtime.attempts import Attempt
from balancer.runtime.calls import Outcome
from balancer.runtime.closed import Refusal
from balancer.wire import Answer, Sent, UpstreamError, Usage, header_tier, read_error, remedy

__all__ = ["answer_outcome", "error_outcome", "header_tier_of", "value"]

_RESET = {"TransportError", "ClientError", "OSError"}
_TIMEOUT = {"TimeoutException", "TimeoutError", "Timeout"}
_MALFORMED = {"DecodingError", "ContentDecodingError", "ContentEncodingError"}
_HTTP = {"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "requests", "google", "builtins"}


def value(response: types.GenerateContentResponse) -> dict[str, Any]:
    """As much of a response as a JSON value as `balancer.wire` reads of it."""
    feedback = response.prompt_feedback
    return {
        "candidates": [_candidate(candidate) for candidate in response.candidates or ()],
        "usageMetadata": _usage(response.usage_metadata),
        "modelVersion": response.model_version,
        "promptFeedback": None
        if feedback is None
        else {"blockReason": _word(feedback.block_reason)},
    }


def _candidate(candidate: types.Candidate) -> dict[str, Any]:
    parts = candidate.content.parts if candidate.content is not None else None
    return {
        "content": {"parts": [_said(part) for part in parts or ()]},
        "finishReason": _word(candidate.finish_reason),
        "index": candidate.index,
        "groundingMetadata": _grounding(candidate.grounding_metadata),
    }


def _grounding(metadata: types.GroundingMetadata | None) -> dict[str, Any] | None:
    if metadata is None:
        return None
    return {
        "webSearchQueries": metadata.web_search_queries,
        "imageSearchQueries": getattr(metadata, "image_search_queries", None),
        "groundingChunks": [_said(chunk) for chunk in metadata.grounding_chunks or ()],
    }


def _usage(metadata: types.GenerateContentResponseUsageMetadata | None) -> dict[str, Any]:
    usage = _said(metadata)
    for name, value in usage.items():
        if isinstance(value, list):
            usage[name] = [_said(detail) for detail in value]
    return usage


def _said(model: Any) -> dict[str, Any]:
    if model is None:
        return {}
    return {name: value for name, value in vars(model).items() if value is not None}


def _word(value: Any) -> Any:
    return getattr(value, "value", value)


def header_tier_of(response: types.GenerateContentResponse) -> str | None:
    """The service tier in the headers of a response: its usage has no place for it."""
    http = response.sdk_http_response
    headers = http.headers if http is not None else None
    return None if not headers else header_tier({k.lower(): v for k, v in headers.items()})


def answer_outcome(
    answer: Answer,
    usage: Usage | None,
    sent: Sent,
    attempt: Attempt,
    status: int = 200,
) -> Outcome:
    """An answer to what was sent, as the outcome of its attempt."""
    error = answer.error
    kind = sent.failure(answer)
    # An answer that is cut to nothing is billed, whoever's limit it was.
    billed = True if error is None and kind == "rejected" else None
    usage = usage or Usage()
    return Outcome(
        kind=kind,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        thinking_tokens=usage.thinking_tokens,
        billed=billed,
        surcharge_nano_usd=_surcharge(usage, answer, attempt),
        served_model=answer.model,
        served_tier=answer.tier,
        retry_after_s=(error.retry_after_s or 0.0) if error is not None else 0.0,
        status=status if error is None else error.code,
    )


def _surcharge(usage: Usage, answer: Answer, attempt: Attempt) -> int:
    return usage.surcharge_nano_usd(attempt.bill(answer.model, answer.tier).card)


def error_outcome(
    error: BaseException,
    sent: Sent,
    usage: Usage | None,
    answer: Answer,
    attempt: Attempt,
    *,
    begun: bool = False,
) -> Outcome | None:
    """An exception as the outcome of its attempt; None where the upstream has no part in it.

    Args:
        error: what the SDK raised, or the deadline's TimeoutError.
        sent: what went upstream.
        usage: that a stream had reported before.
        answer: what had come of it by then.
        attempt: that ends.
        begun: whether a stream had begun to answer, and so bills what it sent.
    """
    if type(error).__name__ == "ContinuationInterruptedError" and error.__cause__ is not None:
        error = error.__cause__  # of an interaction that took several calls
    usage = usage or Usage()
    refusal = None
    kind: str | None
    interaction = _of_interaction(error)
    if interaction is not None:
        kind, failure = interaction
        status, retry_after_s = (
            (0, 0.0) if failure is None else (failure.code, failure.retry_after_s or 0.0)
        )
        if failure is not None:
            kind = sent.refused(failure)
            if kind == "closed":
                refusal = Refusal(remedy=remedy(failure), message=failure.message, reply=error)
    elif isinstance(error, errors.APIError) and not isinstance(
        error, errors.UnknownApiResponseError
    ):
        failure = read_error(error.code or 0, error.details, _retry_after(error), now_s=time.time())
        kind = sent.refused(failure)
        status, retry_after_s = failure.code, failure.retry_after_s or 0.0
        if kind == "closed":
            refusal = Refusal(remedy=remedy(failure), message=failure.message, reply=error)
    else:
        kind, status, retry_after_s = _kind(error)
    if kind is None:
        return None
    if kind == "timeout" and status == 0:
        kind, begun = attempt.expired(), True
    return Outcome(
        kind=kind,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        thinking_tokens=usage.thinking_tokens,
        surcharge_nano_usd=_surcharge(usage, answer, attempt),
        served_model=answer.model,
        served_tier=answer.tier,
        billed=True if begun else None,
        retry_after_s=retry_after_s,
        status=status,
        refusal=refusal,
    )


def _of_interaction(error: BaseException) -> tuple[str, UpstreamError | None] | None:
    """An error of the SDK's interactions: its kind, and what the upstream said; None for another.

    By name: their classes have no public place.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GeminiNextGenAPIClientError" not in names:
        return None
    if "APIStatusError" in names:
        code = int(getattr(error, "status_code", 0) or 0)
        body = getattr(error, "body", None)
        return "internal", read_error(code, body, _retry_after(error), now_s=time.time())
    if "APITimeoutError" in names:
        return "timeout", None
    # One without a connection error's name came with a status of success and nothing to read.
    return ("reset" if "APIConnectionError" in names else "malformed"), None


def _kind(error: BaseException) -> tuple[str | None, int, float]:
    if isinstance(
        error, errors.UnknownApiResponseError | json.JSONDecodeError | UnicodeDecodeError
    ):
        return "malformed", 200, 0.0
    if isinstance(error, ValidationError):
        # Of a response it is the upstream's; of the arguments it is the caller's.
        malformed = "Response" in error.title
        return ("malformed" if malformed else None), 200, 0.0
    if isinstance(error, TimeoutError):
        return "timeout", 0, 0.0
    # By name, because which client sends is the SDK's choice, and none has to be installed.
    names = {
        kind.__name__ for kind in type(error).__mro__ if kind.__module__.split(".")[0] in _HTTP
    }
    if names & _TIMEOUT:
        return "timeout", 0, 0.0
    if names & _MALFORMED:
        return "malformed", 200, 0.0
    return ("reset" if names & _RESET else None), 0, 0.0


def _retry_after(error: BaseException) -> str | None:
    """The header of the response, whichever client it came through."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        if str(name).lower() == "retry-after":
            return str(value)
    return None
