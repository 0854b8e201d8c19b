"""Chat completions that were worked on: whole, in chunks, and with their usage (`acting.Form`).

What is answered is what generateContent would answer to the same prompt. Thoughts are not shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..answers import Answer, Chunk, answer_of
from ..bodies import Body
from ..refusals import Refusal
from ..replies import Scope, Send, Stream
from ..wall_upstream import Fate

__all__ = ["ChatForm", "as_list"]

_REASONS = {"STOP": "stop", "MAX_TOKENS": "length"}


def as_list(refusal: Refusal) -> str:
    """An error as this path sends it [D]: Google's own, in a list."""
    return f"[{refusal.body().decode()}]"


class ChatForm:
    """Answers, errors and streams in the form of one chat completion.

    Args:
        name: of the completion.
        created_s: Unix time.
        with_usage: whether a stream says what it used [D]: every chunk, all that it came to so far.
    """

    __slots__ = ("_created_s", "_name", "_with_usage")

    methods = ("chatCompletion", "streamChatCompletion")

    def __init__(self, name: str, created_s: int, *, with_usage: bool) -> None:
        self._name = name
        self._created_s = created_s
        self._with_usage = with_usage

    def answer(self, fate: Fate, body: Body, model: str, *, vertex: bool) -> ChatAnswer:
        """Of a call that was worked on."""
        head = {"id": self._name, "created": self._created_s, "model": model}
        inner = answer_of(fate, body, model, vertex=vertex)
        return ChatAnswer(inner, head, with_usage=self._with_usage)

    def refusal(self, refusal: Refusal) -> str:
        """The body of an error response."""
        return as_list(refusal)

    error_inside = refusal

    def stream(self, scope: Scope, send: Send, *, sse: bool) -> EndedStream:
        """A stream; there are only those of events."""
        return EndedStream(scope, send)


class ChatAnswer:
    """See the module.

    Args:
        inner: the same answer in generateContent's words.
        head: members that every part has.
        with_usage: as `ChatForm` has it.
    """

    __slots__ = ("_head", "_inner", "_with_usage")

    def __init__(self, inner: Answer, head: dict[str, Any], *, with_usage: bool) -> None:
        self._inner = inner
        self._head = head
        self._with_usage = with_usage

    def whole(self) -> str:
        """The response of a unary call."""
        said = json.loads(self._inner.whole())
        choices = [_choice(each, "message") for each in said["candidates"]]
        usage = _usage(said["usageMetadata"])
        return json.dumps(
            {**self._head, "object": "chat.completion", "choices": choices, "usage": usage}
        )

    def chunks(self) -> Iterator[Chunk]:
        """The parts of a stream."""
        for chunk in self._inner.chunks():
            said = json.loads(chunk.body)
            found = {
                **self._head,
                "object": "chat.completion.chunk",
                "choices": [_choice(each, "delta") for each in said["candidates"]],
            }
            if self._with_usage:
                found["usage"] = _usage(said["usageMetadata"])
            yield Chunk(chunk.at_s, json.dumps(found))


class EndedStream(Stream):
    """A stream of events that ends with a sentinel, unless it is cut.

    Args:
        scope, send: of the request.
    """

    __slots__ = ("_over",)

    def __init__(self, scope: Scope, send: Send) -> None:
        super().__init__(scope, send, sse=True)
        self._over = False

    async def write(self, line: str, headers: Any = ()) -> None:
        """Send one event; the head with the first."""
        self._over = '"finish_reason"' in line or self._over
        await super().write(line, headers)

    async def end(self) -> None:
        """End the stream."""
        if self._over:
            await super().write("[DONE]")
        await super().end()


def _choice(candidate: dict[str, Any], name: str) -> dict[str, Any]:
    parts = [part for part in candidate["content"].get("parts", []) if not part.get("thought")]
    said: dict[str, Any] = {"role": "assistant"}
    texts = [part["text"] for part in parts if "text" in part]
    if texts:
        said["content"] = "".join(texts)
    calls = [_call(part) for part in parts if "functionCall" in part]
    if calls:
        said["tool_calls"] = calls
    found: dict[str, Any] = {"index": candidate["index"], name: said}
    reason = candidate.get("finishReason")
    if reason:
        filtered = f"function_call_filter: {reason}"  # [D]
        found["finish_reason"] = "tool_calls" if calls else _REASONS.get(reason, filtered)
    return found


def _call(part: dict[str, Any]) -> dict[str, Any]:
    call = part["functionCall"]
    found: dict[str, Any] = {
        "id": f"function-call-{call['name']}",
        "type": "function",
        "function": {"name": call["name"], "arguments": json.dumps(call["args"])},
    }
    if "thoughtSignature" in part:
        signature = {"thought_signature": part["thoughtSignature"]}
        found["extra_content"] = {"google": signature}
    return found


def _usage(said: dict[str, Any]) -> dict[str, Any]:
    """Thoughts are in the total alone [D]."""
    found = {
        "prompt_tokens": said["promptTokenCount"],
        "completion_tokens": said.get("candidatesTokenCount", 0),
        "total_tokens": said["totalTokenCount"],
    }
    cached = said.get("cachedContentTokenCount", 0)
    return found | ({"prompt_tokens_details": {"cached_tokens": cached}} if cached else {})
