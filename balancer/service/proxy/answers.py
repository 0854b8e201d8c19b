"""Answers that the proxy gives by itself, in the form that Gemini's clients understand."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.modes import Mode
from ...runtime.calls import no_price

__all__ = [
    "EVENTS",
    "FALLBACK_HEADER",
    "FALLBACK_VERSION",
    "JSON",
    "MODE_HEADER",
    "REPEAT_HEADER",
    "Headers",
    "Refusal",
    "Reply",
    "error_of",
    "error_reply",
    "no_price_reply",
    "shed_reply",
    "static_reply",
    "stopped_reply",
]

MODE_HEADER = b"x-open-balancer-mode"
FALLBACK_HEADER = b"x-open-balancer-fallback"
REPEAT_HEADER = b"x-open-balancer-repeat"
FALLBACK_VERSION = "open-balancer/static-fallback"
"""`modelVersion` of an answer that no model gave."""

Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json; charset=UTF-8")
EVENTS = (b"content-type", b"text/event-stream")
_WAITS_S = {"shed": 10.0, "limits": 1.0, "budget": 60.0}
"""How long a refused caller is asked to wait: a mode lasts a while, a place is free soon, and
a budget's window rolls slowly."""

_WHY = {
    "shed": "the service sheds load to stay up",
    "limits": "too many calls are in flight",
    "budget": "the budget does not afford this call",
}
_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    431: "INVALID_ARGUMENT",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Refusal(Exception):  # noqa: N818 - the caller's mistake, not ours
    """A call that is refused before it goes anywhere.

    Args:
        status: of HTTP.
        message: what was found, and what was expected.
        headers: to be sent along.
    """

    def __init__(self, status: int, message: str, headers: Headers | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.headers = headers or []


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole response.

    Attributes:
        status: of HTTP.
        body: as it goes over the wire.
        headers: without the length.
        mode: that served it; None where no plan was made.
        fallback: it is the static answer.
        refusal: why it was shed, or "".
    """

    status: int
    body: bytes
    headers: Headers = field(default_factory=list)
    mode: Mode | None = None
    fallback: bool = False
    refusal: str = ""


def error_reply(
    status: int,
    message: str,
    *,
    details: list[Mapping[str, Any]] | None = None,
    headers: Headers | None = None,
    mode: Mode | None = None,
    refusal: str = "",
    word: str | None = None,
) -> Reply:
    """An error in Gemini's form; its word is the status's unless given."""
    body = json.dumps(error_of(status, message, details, word)).encode()
    return Reply(
        status=status,
        body=body,
        headers=[JSON, *(headers or [])],
        mode=mode,
        refusal=refusal,
    )


def error_of(
    status: int,
    message: str,
    details: list[Mapping[str, Any]] | None = None,
    word: str | None = None,
) -> dict[str, Any]:
    """The same as a value."""
    word = word or _WORDS.get(status, "UNKNOWN")
    error = {"code": status, "message": message, "status": word, "details": details or []}
    return {"error": error}


def shed_reply(reason: str, mode: Mode) -> Reply:
    """The refusal of a call: 503, with how long to wait."""
    wait_s = _WAITS_S[reason]
    details: list[Mapping[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason.upper(),
            "domain": "open-balancer",
            "metadata": {"mode": mode.label},
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait_s:g}s"},
    ]
    return error_reply(
        503,
        f"open-Balancer: {_WHY[reason]} (mode {mode.label}). Please retry in {wait_s:g}s.",
        details=details,
        headers=[(b"retry-after", str(math.ceil(wait_s)).encode())],
        mode=mode,
        refusal=reason,
    )


def stopped_reply() -> Reply:
    """To a call that the service does not finish, because it stops; another one may."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}
    return error_reply(
        503,
        "open-Balancer: the service stops. Please retry in 1s.",
        details=[info],
        headers=[(b"retry-after", b"1"), (b"connection", b"close")],
    )


def no_price_reply(model: str, mode: Mode) -> Reply:
    """The refusal of a call that no budget can keep to; no client should try it again as it is."""
    details: list[Mapping[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "NO_PRICE",
            "domain": "open-balancer",
            "metadata": {"mode": mode.label, "model": model},
        }
    ]
    return error_reply(
        400,
        f"open-Balancer: {no_price(model)}.",
        details=details,
        mode=mode,
        refusal="no_price",
        word="FAILED_PRECONDITION",
    )


def static_reply(text: str, mode: Mode, *, streamed: bool, events: bool, refusal: str) -> Reply:
    """The plan's static answer in the form of a model's, and marked as none."""
    answer = {
        "candidates": [
            {
                "content": {"parts": [{"text": text}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0},
        "modelVersion": FALLBACK_VERSION,
    }
    body = json.dumps(answer, separators=(",", ":")).encode()
    if streamed:
        body = b"data: " + body + b"\r\n\r\n" if events else b"[" + body + b"]"
    return Reply(
        status=200,
        body=body,
        headers=[EVENTS if streamed and events else JSON, (FALLBACK_HEADER, b"static")],
        mode=mode,
        fallback=True,
        refusal=refusal,
    )
