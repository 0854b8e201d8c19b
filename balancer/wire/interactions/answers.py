"""How an interaction ended, from its resource or from the events of its stream.

A status says it, and not a finish reason:

- `completed`, `requires_action` (functions are to be called), `requires_continuation` (more may be
  asked for) and `incomplete` (a limit was reached) are answers, as long as there is something in
  them;
- `failed` is the error that it names, or else one inside the service;
- `cancelled` and `budget_exceeded` with nothing said are its caller's doing;
- `queued`, `in_progress` and `idle` are not the end: of one in the background the next `GET` tells.
  A stream that ends there was cut.

Which of the statuses can follow which is not documented; the words are google-genai 3.6.1's [S].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..answers import Answer
from ..failures import UpstreamError, error_of, read_error
from ..members import member
from ..models import bare_model
from ..tiers import read_tier
from ..usage import Usage
from .usage import read_usage

__all__ = ["AnswerReader", "id_of", "is_pending", "read_answer", "resume_token", "status_of"]

_PENDING = ("", "queued", "in_progress", "idle")
_CALLERS = ("cancelled", "budget_exceeded")
_SAID = ("text", "data", "uri", "arguments")
_NOT_SAID = ("thought_summary", "thought_signature", "text_annotation")
_BLOCKED = re.compile(r"safety|block|prohibit|recitation|policy", re.IGNORECASE)
_MOST_ERRORS = 8
_MOST_NAME = 256


def status_of(body: Any) -> str:
    """Status of an interaction; "" where none is said."""
    status = member(body, "status")
    return status[:64] if isinstance(status, str) else ""


def is_pending(body: Any) -> bool:
    """Whether an interaction is still under way, so that its outcome is not known yet."""
    return status_of(body) in _PENDING[1:]


def id_of(body: Any) -> str:
    """Name of an interaction, "" where none is said: of its resource, or of an event about it."""
    holder = member(body, "interaction") or body
    name = member(holder, "id") or member(body, "interactionId")
    return name if isinstance(name, str) else ""


def resume_token(event: Any) -> str:
    """What `last_event_id` of a later `GET ...?stream=true` goes on from; "" where none is said."""
    token = member(event, "eventId")
    return token if isinstance(token, str) else ""


class AnswerReader:
    """Reads an interaction event by event; its size does not grow with the answer.

    The same as `balancer.wire.AnswerReader`, for the events and resources of the other API. Where
    google-genai goes on by itself after `requires_continuation`, the calls that make up the
    answer follow each other in one stream, and their usage is added up.

    Args:
        streamed: a stream that ends without a status that ends it was cut.
        tier: service tier that the answer's headers say; its resource goes before.

    Attributes:
        event_id: of the last event that says one: where a later `GET` goes on from.
    """

    __slots__ = (
        "_blocked",
        "_content",
        "_error",
        "_malformed",
        "_model",
        "_over",
        "_spent",
        "_status",
        "_streamed",
        "_tier",
        "_usage",
        "event_id",
    )

    def __init__(self, *, streamed: bool = True, tier: str | None = None) -> None:
        self._streamed = streamed
        self._model = ""
        self._tier = tier or ""
        self._usage: Usage | None = None
        self._spent: Usage | None = None
        self._content = False
        self._blocked = False
        self._malformed = False
        self._over = False
        self._status = ""
        self._error: UpstreamError | None = None
        self.event_id = ""

    @property
    def usage(self) -> Usage | None:
        """What was used by now, as far as it was reported; None where nothing was."""
        if self._spent is None or self._usage is None:
            return self._usage or self._spent
        return self._spent + self._usage

    @property
    def finished(self) -> bool:
        """Whether it has said how it ended."""
        return self._over

    @property
    def content(self) -> bool:
        """Whether anything for the caller was seen."""
        return self._content

    def add(self, event: Any) -> None:
        """Take in an event, or a whole resource: a JSON value, None where it did not parse."""
        kind = member(event, "eventType")
        error = error_of(event)
        if error is not None or kind == "error":
            self._error = read_error(0, error or {})
            return
        if not isinstance(event, dict):
            self._malformed = True
            return
        self.event_id = resume_token(event) or self.event_id
        if kind is None:
            self._resource(event)
        elif kind == "interaction.created":
            if self._over:
                self._spent, self._usage, self._over = self.usage, None, False
        elif kind == "step.start":
            self._step(member(event, "step"))
        elif kind == "step.delta":
            self._content = self._content or _says(member(event, "delta"))
        elif kind == "interaction.completed":
            self._resource(member(event, "interaction"))
        elif kind == "interaction.status_update":
            self._ends(status_of(event))
        self._usage = read_usage(event) or self._usage

    def _resource(self, body: Any) -> None:
        if not isinstance(body, dict):
            self._malformed = True
            return
        steps = member(body, "steps")
        for step in steps if isinstance(steps, list) else ():
            self._step(step)
        self._usage = read_usage(body) or self._usage
        self._tier = read_tier(member(body, "serviceTier")) or self._tier
        model = member(body, "model")
        if isinstance(model, str) and model:
            self._model = bare_model(model[:_MOST_NAME])
        status = status_of(body)
        self._ends(status)
        if status == "failed":
            self._failed(_error_in(body))

    def _ends(self, status: str) -> None:
        self._status = status or self._status
        self._over = self._over or status not in _PENDING

    def _step(self, step: Any) -> None:
        kind = member(step, "type")
        if kind == "function_call":
            self._content = True
        elif kind == "model_output":
            content = member(step, "content")
            said = content if isinstance(content, list) else [content]
            self._content = self._content or any(map(_says, said))
            error = member(step, "error")
            self._blocked = self._blocked or (
                error is not None and _BLOCKED.search(str(member(error, "message"))) is not None
            )

    def _failed(self, error: UpstreamError) -> None:
        if _BLOCKED.search(error.message) and error.kind in ("internal", "rejected"):
            # A filter said no, as it would again.
            self._blocked = True
        else:
            self._error = error

    def answer(self) -> Answer:
        """How it ended, once there is nothing more to come."""
        limited = self._status in ("incomplete", "requires_continuation")
        return Answer(
            failure=self._failure(),
            finish_reason="MAX_TOKENS" if limited else self._status.upper(),
            blocked=self._blocked,
            usage=self.usage,
            error=self._error,
            model=self._model,
            tier=self._tier,
        )

    def _failure(self) -> str | None:
        if self._error is not None:
            return self._error.kind
        if self._malformed:
            return "malformed"
        if self._blocked:
            return None
        if self._status == "failed":
            return "internal"
        if self._status == "cancelled" or (self._status in _CALLERS and not self._content):
            return "rejected"
        if not self._over:
            return "cut" if self._streamed or self._status else "malformed"
        return None if self._content or self._status == "requires_continuation" else "empty"


def read_answer(body: Any, tier: str | None = None) -> Answer:
    """How an interaction ended that came whole; one that `is_pending` has not.

    Args:
        body: the JSON value of the response; None where it did not parse.
        tier: as `AnswerReader` has it.
    """
    reader = AnswerReader(streamed=False, tier=tier)
    reader.add(body)
    return reader.answer()


def _says(content: Any) -> bool:
    """Whether a content or a delta is something for the caller."""
    if not isinstance(content, Mapping) or member(content, "type") in _NOT_SAID:
        return False
    return any(content.get(name) for name in _SAID)


def _error_in(body: dict[str, Any]) -> UpstreamError:
    """What a failed interaction says of itself."""
    errors = member(body, "errors")
    for error in errors[:_MOST_ERRORS] if isinstance(errors, list) else ():
        if isinstance(error, dict):
            return read_error(0, {"error": error})
    return read_error(500, {})
