"""What an answer is: complete, empty, cut or malformed, and what it used.

A prompt that was blocked and an answer that a safety filter stopped are complete outcomes:
the model was there, did its work and said no, and would say no again. Counting them as
failures would let one user's prompts brown out an application for all, and retry in vain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from .failures import UpstreamError, error_of, read_error
from .members import member
from .models import bare_model
from .tiers import usage_tier
from .usage import Usage, read_searches, read_usage

__all__ = ["Answer", "AnswerReader", "read_answer"]

_BLOCKED = re.compile(
    "LANGUAGE|SPII|.*(SAFETY|RECITATION|BLOCK|PROHIBITED|ARMOR|POLICY)", re.DOTALL
)
"""Finish reasons with which the model, or a filter before or behind it, declines: SAFETY,
BLOCKLIST, IMAGE_PROHIBITED_CONTENT, MODEL_ARMOR and what else will be called so."""

_MALFORMED = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"}
"""Finish reasons of output that nobody can use; it is billed."""

_UNFINISHED = {"", "FINISH_REASON_UNSPECIFIED", "None"}
_NO_CONTENT = {"thought", "thoughtSignature", "thought_signature", "text"}
_MOST_CANDIDATES = 64
_MOST_NAME = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a call ended.

    Attributes:
        failure: None for a complete answer, else one of
            `balancer.core.observations.FAILURES`: "cut", "empty", "malformed", or the kind
            of an error that came inside a stream.
        finish_reason: the first candidate's; "" where there was none.
        blocked: whether the prompt or the answer was blocked.
        usage: None where none was reported.
        error: the error inside a stream.
        model: own name of the model that answered; "" where it does not say.
        tier: service tier that it was served in, likewise; `balancer.core.tiers.PROVISIONED` too.
    """

    failure: str | None
    finish_reason: str = ""
    blocked: bool = False
    usage: Usage | None = None
    error: UpstreamError | None = None
    model: str = ""
    tier: str = ""


class AnswerReader:
    """Reads an answer chunk by chunk; its size does not grow with the answer.

    Usage in chunks is a running total, so the last one counts.

    Args:
        streamed: a stream that ends without a finish reason was cut; a unary answer that
            came whole was not.
        tier: service tier that the answer's headers say; its usage goes before.
    """

    __slots__ = (
        "_blocked",
        "_content",
        "_error",
        "_finish",
        "_finished",
        "_malformed",
        "_model",
        "_searches",
        "_seen",
        "_streamed",
        "_tier",
        "_usage",
    )

    def __init__(self, *, streamed: bool = True, tier: str | None = None) -> None:
        self._model = ""
        self._tier = tier or ""
        self._usage: Usage | None = None
        self._searches: dict[int, tuple[int, int]] = {}
        self._streamed = streamed
        self._content = False
        self._blocked = False
        self._malformed = False
        self._finish = ""
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self._error: UpstreamError | None = None

    @property
    def usage(self) -> Usage | None:
        """What was used by now, as far as it was reported; None where nothing was."""
        if not self._searches:
            return self._usage
        web, maps = (sum(each) for each in zip(*self._searches.values(), strict=True))
        return replace(self._usage or Usage(), searches=web, maps=maps)

    @property
    def finished(self) -> bool:
        """Whether every candidate seen so far has said how it ended."""
        return self._blocked or (bool(self._finished) and self._seen == self._finished)

    def add(self, chunk: Any) -> None:
        """Take in a chunk, or a whole unary body: a JSON value, None where it did not parse."""
        error = error_of(chunk)
        if error is not None:
            self._error = read_error(0, error)
            return
        if not isinstance(chunk, dict):
            self._malformed = True
            return
        self._usage = read_usage(chunk) or self._usage
        self._tier = usage_tier(chunk) or self._tier
        model = member(chunk, "modelVersion")
        if isinstance(model, str) and model:
            self._model = bare_model(model[:_MOST_NAME])
        reason = member(member(chunk, "promptFeedback"), "blockReason")
        if reason not in (None, "", "BLOCK_REASON_UNSPECIFIED"):
            self._blocked = True
        candidates = member(chunk, "candidates")
        if isinstance(candidates, list):
            for place, candidate in enumerate(candidates[:_MOST_CANDIDATES]):
                self._candidate(place, candidate)

    def _candidate(self, place: int, candidate: Any) -> None:
        index = member(candidate, "index")
        index = index if isinstance(index, int) and 0 <= index < _MOST_CANDIDATES else place
        self._seen.add(index)
        parts = member(member(candidate, "content"), "parts")
        if isinstance(parts, list):
            self._content = self._content or any(_is_content(part) for part in parts)
        searches = read_searches(candidate)
        if any(searches):
            # Chunks repeat what came before, so the most of each counts.
            before = self._searches.get(index, (0, 0))
            self._searches[index] = max(before[0], searches[0]), max(before[1], searches[1])
        reason = str(member(candidate, "finishReason") or "")
        if reason in _UNFINISHED:
            return
        self._finished.add(index)
        if not self._finish or index == 0:
            self._finish = reason[:64]
        self._blocked = self._blocked or _BLOCKED.match(reason) is not None
        self._malformed = self._malformed or reason in _MALFORMED

    def answer(self) -> Answer:
        """How it ended, once there is nothing more to come."""
        return Answer(
            failure=self._failure(),
            finish_reason=self._finish,
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
        if self._streamed and not self.finished:
            return "cut"
        return None if self._content else "empty"


def read_answer(body: Any, tier: str | None = None) -> Answer:
    """How a unary call with status 200 ended.

    Args:
        body: the JSON value of the response; None where it did not parse.
        tier: as `AnswerReader` has it.
    """
    reader = AnswerReader(streamed=False, tier=tier)
    reader.add(body)
    return reader.answer()


def _is_content(part: Any) -> bool:
    """Whether a part is something for the caller: text, a function call, a file, or new to us."""
    if not isinstance(part, dict) or member(part, "thought") is True:
        return False
    return bool(part.get("text")) or any(
        value is not None for key, value in part.items() if key not in _NO_CONTENT
    )
