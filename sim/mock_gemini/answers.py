"""Responses of calls that were worked on: whole, in chunks, and with their usage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from balancer.core.catalog import ModelCard
from balancer.core.pricing import cost_nano_usd
from balancer.core.tiers import PROVISIONED, SERVED_TIERS, STANDARD

from .bodies import CHARS_PER_TOKEN, Body
from .filler import answer_text
from .wall_upstream import Fate

__all__ = ["Answer", "Chunk", "answer_of", "as_asked"]

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
        texts: of each candidate, as far as it was made.
    """

    __slots__ = ("_body", "_fate", "_model", "_texts", "_vertex")

    def __init__(
        self, fate: Fate, body: Body, model: str, *, vertex: bool, texts: list[str]
    ) -> None:
        self._fate = fate
        self._body = body
        self._model = model
        self._vertex = vertex
        self._texts = texts

    @property
    def _torn(self) -> bool:
        """Whether the cap leaves no room for the call that was to be made."""
        fate, call = self._fate, self._body.call
        if call is None or fate.outcome is not None or fate.whole:
            return False
        return fate.answered * CHARS_PER_TOKEN < len(call)

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ends; None where it was cut."""
        fate = self._fate
        if self._torn:
            return "MALFORMED_FUNCTION_CALL"
        if fate.outcome == "empty" or not (fate.whole or self._body.call):
            return "MAX_TOKENS" if fate.outcome in (None, "empty", "malformed") else None
        return "STOP" if fate.outcome in (None, "malformed") else None

    def whole(self) -> str:
        """The response of a unary call."""
        return self._response(
            self._texts, self._fate.answered, self.finish_reason, thoughts=self._body.shows_thoughts
        )

    def chunks(self) -> Iterator[Chunk]:
        """The parts of a stream: the first when the first token is there, the last at the end.

        Of a connection that is lost on the way, and of a hang, only what comes before it.
        """
        fate = self._fate
        if fate.answered == 0:
            if fate.outcome in (None, "empty"):
                yield Chunk(fate.ttft_s, self._response([], 0, self.finish_reason, thoughts=False))
            return
        longest = fate.answered // self._body.candidates
        count = min(_MOST_CHUNKS, max(1, longest // _CHUNK_TOKENS), max(1, longest))
        if self._body.call:
            count = 1
        full_s = fate.holds_s - fate.ttft_s
        sent = [0] * len(self._texts)
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
            until = [len(text) * (place + 1) // count for text in self._texts]
            yield Chunk(
                at_s,
                self._response(
                    [
                        text[begin:end]
                        for text, begin, end in zip(self._texts, sent, until, strict=True)
                    ],
                    tokens,
                    self.finish_reason if last else None,
                    thoughts=self._body.shows_thoughts and place == 0,
                ),
            )
            sent = until

    def _response(
        self, texts: list[str], tokens: int, finish: str | None, *, thoughts: bool
    ) -> str:
        fate = self._fate
        reason = f'"finishReason":"{finish}",' if finish else ""
        candidates = ",".join(
            f'{{"content":{self._content(text, thoughts=thoughts)},{reason}"index":{index}}}'
            for index, text in enumerate(texts or [""] * self._body.candidates)
        )
        return (
            f'{{"candidates":[{candidates}],'
            f'"usageMetadata":{self._usage(tokens)},"modelVersion":"{self._model}",'
            f'"responseId":"mock-{fate.request}-{fate.attempt}"}}'
        )

    def _content(self, text: str, *, thoughts: bool) -> str:
        # Filler has no character to escape, and is most of what is sent.
        quoted = f'"{text}"' if self._body.form is None else json.dumps(text)
        parts = f'{{"text":{quoted}}}' if text else ""
        if text and self._body.call:
            parts = "" if self._torn else self._body.call
        if thoughts and self._fate.thought > 0:
            parts = f'{{"text":"{_THOUGHT}","thought":true}}{"," if parts else ""}{parts}'
        return f'{{"parts":[{parts}],"role":"model"}}' if parts else '{"role":"model"}'

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
            f"{cached}{candidates}" + self._tier()
        )

    def _tier(self) -> str:
        """Who served it, at the end of the usage."""
        tier = SERVED_TIERS[self._fate.served_tier]
        if not self._vertex:
            return f'"serviceTier":"{tier}"}}'
        if tier == PROVISIONED:
            return '"trafficType":"PROVISIONED_THROUGHPUT"}'
        return f'"trafficType":"ON_DEMAND{"" if tier == STANDARD else f"_{tier.upper()}"}"}}'


def answer_of(fate: Fate, body: Body, model: str, *, vertex: bool) -> Answer:
    """The answer of a call that was worked on."""
    texts = list(body.texts) or [_text(fate, body, 0)] if fate.answered else []
    return Answer(fate, body, model, vertex=vertex, texts=texts)


def as_asked(fate: Fate, body: Body, card: ModelCard) -> tuple[Fate, Body]:
    """A fate with its tokens and its bill as stop sequences and several candidates leave them.

    The time that the call takes stays. What answers is then in `Body.texts`.
    """
    if not fate.answered:
        return fate, body
    whole = [_text(fate, body, place) for place in range(body.candidates)]
    texts = tuple(_stopped(text, body) for text in whole)
    answered = sum(-(-len(text) // CHARS_PER_TOKEN) for text in texts)
    known = (fate.prompt, fate.cached)
    price = card.price_of(SERVED_TIERS[fate.served_tier])
    before = cost_nano_usd(price, *known, fate.answered, fate.thought)
    after = cost_nano_usd(price, *known, answered, fate.thought)
    fate = fate._replace(
        answered=answered,
        bill_nano_usd=fate.bill_nano_usd * after // before if before else fate.bill_nano_usd,
        delivered_ppm=fate.delivered_ppm if texts == tuple(whole) else 1_000_000,
    )
    return fate, body._replace(texts=texts)


def _text(fate: Fate, body: Body, place: int) -> str:
    whole = fate.whole and fate.outcome not in ("cut", "overloaded", "internal")
    return answer_text(fate.request + place, fate.answered, body.form, body.schema, whole=whole)


def _stopped(text: str, body: Body) -> str:
    """A text up to its first stop sequence; one in JSON is not stopped."""
    if body.form is not None:
        return text
    found = [place for place in map(text.find, body.stops) if place >= 0]
    return text[: min(found, default=len(text))]
