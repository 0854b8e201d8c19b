"""The APIs whose calls are governed: each in its own spelling, by the same rules.

`balancer.wire` has the functions that read and edit a call, in three forms with the same names.
What the proxy says by itself is said in Gemini's form first (`answers`), and spelled here as the
clients of an API read it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ... import wire
from ...core.modes import Mode
from .answers import (
    EVENTS,
    FALLBACK_HEADER,
    FALLBACK_VERSION,
    JSON,
    Reply,
    error_of,
    static_reply,
)

__all__ = ["CHAT", "GENERATE", "INTERACTIONS", "Api", "Form", "Reader"]


class Reader(Protocol):
    """Reads an answer, as `balancer.wire.AnswerReader`."""

    def add(self, chunk: Any, /) -> None:
        """Take in a chunk, or a whole answer."""

    def answer(self) -> wire.Answer:
        """How it ended."""


class Form(Protocol):
    """One spelling of calls: `balancer.wire`, or a part of it."""

    @property
    def read_asked(self) -> Callable[..., wire.Asked]:
        """See `balancer.wire`."""

    @property
    def is_plausible(self) -> Callable[[Any], bool]:
        """See `balancer.wire`."""

    @property
    def shape_of(self) -> Callable[[Any], str]:
        """See `balancer.wire`."""

    @property
    def apply_bytes(self) -> Callable[[bytes, wire.Edits, Any], bytes]:
        """See `balancer.wire`."""

    @property
    def AnswerReader(self) -> Callable[..., Reader]:  # noqa: N802 - a class of each form
        """See `balancer.wire`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Api:
    """An API.

    Attributes:
        name: of it.
        form: how its calls are read and edited.
        wants_stream: whether a body asks for a stream; None: its path says so.
        spelled: what the proxy says of an error (`code`, `message`, `status`), as an object.
        answered: the static answer to a call, and its events.
        as_sent: its clients read every byte of a stream.
    """

    name: str
    form: Form
    wants_stream: Callable[[Any], bool] | None = None
    spelled: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    answered: Callable[[str, Any], tuple[Any, Iterable[dict[str, Any]]]] | None = None
    as_sent: bool = False

    def __repr__(self) -> str:
        return self.name

    def chunks(self, content_type: str, *, untouched: bool = False) -> wire.Chunks:
        """Finds the chunks of a stream.

        Args:
            content_type: of the response.
            untouched: every byte is passed on, whatever clients make of it.
        """
        return wire.chunks_of(content_type, as_sent=self.as_sent or untouched)

    def said(self, reply: Reply) -> Reply:
        """An error of ours as its clients read it."""
        if self.spelled is None:
            return reply
        body = self.spelled(json.loads(reply.body)["error"])
        # OpenAI's clients try again at every 503, unless they are told not to.
        headers = (
            [*reply.headers, (b"x-should-retry", b"false")] if reply.refusal else reply.headers
        )
        return replace(reply, body=json.dumps(body).encode(), headers=headers)

    def last_words(self, status: int, message: str, *, events: bool) -> bytes:
        """An error that ends a stream that has begun, so that nobody takes it for complete."""
        error = error_of(status, message)
        if self.spelled is not None:
            error = self.spelled(error["error"])
        body = json.dumps(error, separators=(",", ":")).encode()
        return b"data: " + body + b"\r\n\r\n" if events else b",\n" + body + b"]"

    def static(
        self, text: str, mode: Mode, body: Any, *, streamed: bool, events: bool, refusal: str
    ) -> Reply:
        """The plan's static answer in the form of a model's, and marked as none.

        Args:
            text: of it.
            mode: of the plan.
            body: of the call.
            streamed: whether it asks for a stream.
            events: whether that is one of server-sent events.
            refusal: why no model is asked; "" where none answered.
        """
        if self.answered is None:
            return static_reply(text, mode, streamed=streamed, events=events, refusal=refusal)
        whole, chunks = self.answered(text, body)
        raw = b"".join(map(_event, chunks)) + b"data: [DONE]\n\n" if streamed else _dump(whole)
        return Reply(
            status=200,
            body=raw,
            headers=[EVENTS if streamed else JSON, (FALLBACK_HEADER, b"static")],
            mode=mode,
            fallback=True,
            refusal=refusal,
        )


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _event(value: dict[str, Any]) -> bytes:
    kind = value.get("event_type")
    name = b"" if kind is None else b"event: " + str(kind).encode() + b"\n"
    return name + b"data: " + _dump(value) + b"\n\n"


def _chat_error(error: Mapping[str, Any]) -> dict[str, Any]:
    kind = "server_error" if error["code"] >= 500 else "invalid_request_error"
    return {"error": {**error, "type": kind, "param": None}}


def _chat_static(text: str, _body: Any) -> tuple[Any, Iterable[dict[str, Any]]]:
    now_s = int(time.time())
    chat = wire.chat
    whole = chat.static_answer(text, FALLBACK_VERSION, now_s)
    return whole, chat.static_events(text, FALLBACK_VERSION, now_s)


def _interaction_error(error: Mapping[str, Any]) -> dict[str, Any]:
    word = str(error["status"]).lower()
    flat = {"message": error["message"], "code": word, "status": error["status"]}
    return {"event_type": "error", "error": flat}


def _interaction_static(text: str, body: Any) -> tuple[Any, Iterable[dict[str, Any]]]:
    form = wire.interactions
    previous = form.previous_of(body)
    whole = form.static_answer(text, FALLBACK_VERSION, previous)
    return whole, form.static_events(text, FALLBACK_VERSION, previous)


GENERATE = Api(name="generate", form=wire)
"""generateContent and streamGenerateContent."""
CHAT = Api(
    name="chat",
    form=wire.chat,
    wants_stream=wire.chat.wants_stream,
    spelled=_chat_error,
    answered=_chat_static,
    as_sent=True,
)
"""OpenAI's chat completions."""
INTERACTIONS = Api(
    name="interactions",
    form=wire.interactions,
    wants_stream=wire.interactions.wants_stream,
    spelled=_interaction_error,
    answered=_interaction_static,
    as_sent=True,
)
"""Interactions."""
