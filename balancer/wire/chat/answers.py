"""How a chat completion ended, and a static one in its form."""

from __future__ import annotations

from typing import Any

from .. import answers as generation
from ..answers import Answer
from .forms import as_answer

__all__ = ["AnswerReader", "read_answer", "static_answer", "static_events"]


class AnswerReader(generation.AnswerReader):
    """As `balancer.wire.AnswerReader`, of chunks in OpenAI's form."""

    __slots__ = ()

    def add(self, chunk: Any) -> None:
        """Take in a chunk, or a whole answer: a JSON value, None where it did not parse."""
        super().add(as_answer(chunk))


def read_answer(body: Any) -> Answer:
    """As `balancer.wire.read_answer`."""
    return generation.read_answer(as_answer(body))


def static_answer(text: str, model: str, created_s: int) -> dict[str, Any]:
    """A complete answer that no model gave.

    Args:
        text: of the answer.
        model: that says that no model gave it.
        created_s: Unix time.
    """
    message = {"role": "assistant", "content": text}
    return {
        **_head("chat.completion", model, created_s),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def static_events(text: str, model: str, created_s: int) -> list[dict[str, Any]]:
    """The same as the chunks of a stream, in order."""
    head = _head("chat.completion.chunk", model, created_s)
    said = {"role": "assistant", "content": text}
    return [
        {**head, "choices": [{"index": 0, "delta": said, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]


def _head(kind: str, model: str, created_s: int) -> dict[str, Any]:
    return {"id": f"static-{created_s}", "object": kind, "created": created_s, "model": model}
