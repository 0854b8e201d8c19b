"""Responses of calls that were worked on: whole, in chunks, and with their usage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from .bodies import Body
from .filler import answer_text
from .wall_upstream import Fate

__all__ = ["Answer", "Chunk", "answer_of"]

_MOST_CHUNKS = 64
_CHUNK_TOKENS = 16
_THOUGHT = "Weighing what is asked against what is known."


class Chunk(NamedTuple):
    """A part of a streamed answer.

    Attributes:
        at_s: seconds from the call's start, in scenario time.
        body: one line of JSON.
    """

    at_s: float
    body: str


class Answer:
    """What a call answers.

    Args:
        fate: of the call.
        body: what was asked.
        model: name.
        vertex: whether usage is that of Vertex AI.
        text: of the answer, as far as it was made.
    """

    __slots__ = ("_body", "_fate", "_model", "_text", "_vertex")

    def __init__(self, fate: Fate, body: Body, model: str, *, vertex: bool, text: str) -> None:
        self._fate = fate
        self._body = body
        self._model = model
        self._vertex = vertex
        self._text = text

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ends; None where it was cut."""
        fate = self._fate
        if fate.outcome == "empty" or not fate.whole:
            return "MAX_TOKENS" if fate.outcome in (None, "empty", "malformed") else None
        return "STOP" if fate.outcome in (None, "malformed") else None

    def whole(self) -> str:
        """The response of a unary call."""
        return self._response(
            self._text, self._fate.answered, self.finish_reason, thoughts=self._body.shows_thoughts
        )

    def chunks(self) -> Iterator[Chunk]:
        """The parts of a stream: the first when the first token is there, the last at the end.

        Of a connection that is lost on the way, and of a hang, only what comes before it.
        """
        fate = self._fate
        if fate.answered == 0:
            if fate.outcome in (None, "empty"):
                yield Chunk(fate.ttft_s, self._response("", 0, self.finish_reason, thoughts=False))
            return
        count = min(_MOST_CHUNKS, max(1, fate.answered // _CHUNK_TOKENS), fate.answered)
        full_s = fate.holds_s - fate.ttft_s
        sent_chars = 0
        for place in range(count):
            at_s = fate.ttft_s + full_s * (place / (count - 1) if count > 1 else 1.0)
            if fate.hangs and place > 0:
                return
            if fate.hangs:
                at_s = fate.ttft_s
            elif at_s > fate.duration_s:
                return
            last = place == count - 1
            tokens = fate.answered * (place + 1) // count
            until = len(self._text) if last else len(self._text) * (place + 1) // count
            yield Chunk(
                at_s,
                self._response(
                    self._text[sent_chars:until],
                    tokens,
                    self.finish_reason if last else None,
                    thoughts=self._body.shows_thoughts and place == 0,
                ),
            )
            sent_chars = until

    def _response(self, text: str, tokens: int, finish: str | None, *, thoughts: bool) -> str:
        # Filler has no character to escape, and is most of what is sent.
        quoted = f'"{text}"' if self._body.form is None else json.dumps(text)
        parts = f'{{"text":{quoted}}}' if text else ""
        if thoughts and self._fate.thought > 0:
            parts = f'{{"text":"{_THOUGHT}","thought":true}}{"," if parts else ""}{parts}'
        content = f'{{"parts":[{parts}],"role":"model"}}' if parts else '{"role":"model"}'
        reason = f'"finishReason":"{finish}",' if finish else ""
        fate = self._fate
        return (
            f'{{"candidates":[{{"content":{content},{reason}"index":0}}],'
            f'"usageMetadata":{self._usage(tokens)},"modelVersion":"{self._model}",'
            f'"responseId":"mock-{fate.request}-{fate.attempt}"}}'
        )

    def _usage(self, tokens: int) -> str:
        """Usage so far; a count of nothing is left out, as Gemini does."""
        fate = self._fate
        prompt, thought = fate.prompt, fate.thought
        cached = candidates = ""
        if fate.cached:
            cached = (
                f'"cachedContentTokenCount":{fate.cached},'
                f'"cacheTokensDetails":[{{"modality":"TEXT","tokenCount":{fate.cached}}}],'
            )
        if tokens and self._vertex:
            candidates = f'"candidatesTokensDetails":[{{"modality":"TEXT","tokenCount":{tokens}}}],'
        return (
            f'{{"promptTokenCount":{prompt},'
            + (f'"candidatesTokenCount":{tokens},' if tokens else "")
            + (f'"thoughtsTokenCount":{thought},' if thought else "")
            + f'"totalTokenCount":{prompt + tokens + thought},'
            f'"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{prompt}}}],'
            f"{cached}{candidates}"
            + ('"trafficType":"ON_DEMAND"}' if self._vertex else '"serviceTier":"standard"}')
        )


def answer_of(fate: Fate, body: Body, model: str, *, vertex: bool) -> Answer:
    """The answer of a call that was worked on."""
    whole = fate.whole and fate.outcome not in ("cut", "overloaded", "internal")
    text = answer_text(fate.request, fate.answered, body.form, body.schema, whole=whole)
    return Answer(fate, body, model, vertex=vertex, text=text if fate.answered else "")
