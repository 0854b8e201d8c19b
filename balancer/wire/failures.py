"""What an error response means: its kind, and how long the upstream asks to wait.

Of a 429 the kind says whether the quota of the minute or of the day is spent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from .members import child, member

__all__ = ["UpstreamError", "error_of", "read_error"]

_MOST_DETAILS = 64
_MOST_MESSAGE = 4096
_MOST_BODY = 1 << 20
_MOST_DELAY_S = 86_400.0
_RETRY_IN = re.compile(r"retry in ((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)", re.IGNORECASE)
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)", re.IGNORECASE)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}
_STATUS_CODES = {
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "INTERNAL": 500,
    "DEADLINE_EXCEEDED": 504,
    "INVALID_REQUEST": 400,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "OVERLOADED": 503,
    "SERVICE_UNAVAILABLE": 503,
    "RATE_LIMIT_EXCEEDED": 429,
    "QUOTA_EXCEEDED": 429,
}
"""Of words in `status`, or in `code`, as the Interactions API has it: in small letters, or at the
end of a URI [S]. Which there are beside `invalid_request` [D] is assumed."""

_KINDS = {408: "timeout", 499: "timeout", 503: "overloaded", 504: "timeout"}
"""504 is the deadline that the caller sent along; 499 that the caller left."""

_CLOSING = {"BILLING_DISABLED", "SERVICE_DISABLED", "CONSUMER_SUSPENDED", "CONSUMER_INVALID"}
"""Reasons in an ErrorInfo that only the project's owner can mend."""

_CLOSED = re.compile(
    r"monthly spend|spend(ing)? cap|credits? (is|are|has been|have been) (depleted|exhausted)"
    r"|billing (account .*|is |has been |is not |must be |to be |)(disabled|enabled)"
    r"|has not been used in project|(project|consumer)\b.{0,120}\bsuspended",
    re.IGNORECASE | re.DOTALL,
)
"""The same in the words of messages that give no reason."""

_PASSING = re.compile(r"rolling|\d+[ -]?min(ute)?s?\b", re.IGNORECASE)
"""A limit on spending that is over in minutes closes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamError:
    """An error response.

    Attributes:
        kind: one of `balancer.core.observations.FAILURES`.
        reason: of the error's ErrorInfo, such as "API_KEY_INVALID"; "" where it has none.
        code: HTTP status, from the body where the response came with 200.
        message: the upstream's, shortened.
        retry_after_s: how long the upstream asks to wait; None where it says nothing. Means
            nothing for `quota_day`, which lasts until midnight Pacific.
    """

    kind: str
    reason: str = ""
    code: int
    message: str = ""
    retry_after_s: float | None = None


def read_error(
    status: int, body: Any, retry_after: str | None = None, *, now_s: float | None = None
) -> UpstreamError:
    """Kind of an error response and the delay it asks for; tolerates any shape.

    Args:
        status: of HTTP; below 400 for an error that came inside a stream.
        body: JSON value, or its text; a stream's errors come as a list of one.
        retry_after: the header, which Google does not send but a gateway may: seconds, or a
            date (RFC 9110, 10.2.3).
        now_s: wall time in seconds since 1970, which a date is counted from; None passes over
            dates.
    """
    error = _error(body)
    code = status if status >= 400 else _code(error)
    message = member(error, "message")
    message = message[:_MOST_MESSAGE] if isinstance(message, str) else ""
    return UpstreamError(
        reason=_reason(error),
        kind=_kind(code, error, message),
        code=code,
        message=message,
        retry_after_s=_delay_s(error, message, retry_after, now_s),
    )


def error_of(chunk: Any) -> dict[str, Any] | None:
    """The error that a chunk of a stream is, alone or as a list of one; None where it is none."""
    if isinstance(chunk, list) and chunk:
        chunk = chunk[0]
    return chunk if isinstance(chunk, dict) and isinstance(chunk.get("error"), dict) else None


def _error(body: Any) -> Any:
    if isinstance(body, str | bytes | bytearray):
        try:
            body = json.loads(body[:_MOST_BODY])
        except (ValueError, RecursionError):
            return {}
    if isinstance(body, list):
        body = body[0] if body else {}
    return child(body, "error") or body


def _code(error: Any) -> int:
    code = member(error, "code")
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
        return code
    word = member(error, "status") or code
    return _STATUS_CODES.get(str(word)[:256].rpartition("/")[2].upper(), 500)


def _kind(code: int, error: Any, message: str) -> str:
    if code < 500 and _is_closed(code, error, message):
        return "closed"
    if code == 429:
        return "quota_day" if _is_per_day(error, message) else "quota_minute"
    return _KINDS.get(code, "internal" if code >= 500 else "rejected")


def _is_closed(code: int, error: Any, message: str) -> bool:
    """Whether the project answers nobody until its owner has done something."""
    if code == 402 or any(member(detail, "reason") in _CLOSING for detail in _details(error)):
        return True
    return _CLOSED.search(message) is not None and _PASSING.search(message) is None


def _is_per_day(error: Any, message: str) -> bool:
    """Whether any limit that was hit is a daily one. Daily ones carry short delays too."""
    named = False
    for detail in _details(error):
        violations = member(detail, "violations")
        for violation in violations[:_MOST_DETAILS] if isinstance(violations, list) else ():
            quota = member(violation, "quotaId") or member(violation, "quotaMetric")
            if isinstance(quota, str):
                named = True
                squeezed = quota[:256].lower().replace("_", "").replace("-", "")
                if "perday" in squeezed:
                    return True
    return not named and re.search(r"per[ _-]?day|daily", message, re.IGNORECASE) is not None


def _reason(error: Any) -> str:
    reasons = (member(detail, "reason") for detail in _details(error))
    return next((reason[:64] for reason in reasons if isinstance(reason, str)), "")


def _details(error: Any) -> Iterator[Any]:
    details = member(error, "details")
    yield from details[:_MOST_DETAILS] if isinstance(details, list) else ()


def _delay_s(error: Any, message: str, header: str | None, now_s: float | None) -> float | None:
    for detail in _details(error):
        delay = member(detail, "retryDelay")
        delay_s = _duration_s(delay)
        if delay_s is not None:
            return delay_s
    match = _RETRY_IN.search(message)
    if match:
        return _duration_s(match[1])
    return None if header is None else _header_s(header.strip()[:64], now_s)


def _header_s(header: str, now_s: float | None) -> float | None:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", header):
        return min(float(header), _MOST_DELAY_S)
    try:
        date = parsedate_tz(header)
        at_s = None if date is None else mktime_tz(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at_s is None or now_s is None:
        return None
    return min(max(0.0, at_s - now_s), _MOST_DELAY_S)


def _duration_s(value: Any) -> float | None:
    """A duration as Google writes it: "36s", "36.429760048s", "1m2s", or seconds and nanos."""
    if isinstance(value, dict):
        seconds, nanos = value.get("seconds", 0), value.get("nanos", 0)
        try:
            return _bounded(float(seconds) + float(nanos) * 1e-9)
        except (TypeError, ValueError, OverflowError):
            return None
    if not isinstance(value, str):
        return None
    value = value[:64]
    parts = _PARTS.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        return None
    return _bounded(sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts))


def _bounded(seconds: float) -> float | None:
    return min(seconds, _MOST_DELAY_S) if seconds >= 0 else None
