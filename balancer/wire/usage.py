"""Tokens of a call, as its answer reports them, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.core.pricing import cost_nano_usd
from balancer.core.surcharges import MODALITIES, Media, surcharge_nano_usd

from .members import member

__all__ = ["Usage", "count", "read_searches", "read_usage"]

_MOST = 1 << 40
_MOST_DETAILS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, in the core's terms.

    Attributes:
        prompt_tokens: input, the cached part and the results of server-side tools included.
        cached_tokens: the part of the input read from a cache.
        output_tokens: the answer, thinking excluded.
        thinking_tokens: billed as output.
        media: what of all this was no text, one entry a modality, in the order of
            `balancer.core.surcharges.MODALITIES`.
        searches: queries of a web search that the answer is grounded in.
        maps: the same in maps.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    media: tuple[Media, ...] = ()
    searches: int = 0
    maps: int = 0

    def cost_nano_usd(self, card: ModelCard) -> int:
        """Estimated cost in nano-dollars at the model's prices."""
        text = cost_nano_usd(
            card.price,
            self.prompt_tokens,
            self.cached_tokens,
            self.output_tokens,
            self.thinking_tokens,
        )
        return text + self.surcharge_nano_usd(card)

    def surcharge_nano_usd(self, card: ModelCard | None) -> int:
        """The part of it that is beyond the price of text; 0 for a model we know nothing of."""
        if card is None or not (self.media or self.searches or self.maps):
            return 0
        return surcharge_nano_usd(
            card.price, card.surcharges, self.prompt_tokens, self.media, self.searches, self.maps
        )

    def __add__(self, other: Usage) -> Usage:
        """Of two calls together."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            thinking_tokens=self.thinking_tokens + other.thinking_tokens,
            media=_together(self.media, other.media),
            searches=self.searches + other.searches,
            maps=self.maps + other.maps,
        )


def _together(one: tuple[Media, ...], other: tuple[Media, ...]) -> tuple[Media, ...]:
    by_modality = {each.modality: each for each in one}
    for modality, prompt, cached, output in other:
        before = by_modality.get(modality, Media(modality))
        by_modality[modality] = Media(
            modality,
            before.prompt_tokens + prompt,
            before.cached_tokens + cached,
            before.output_tokens + output,
        )
    return tuple(by_modality[name] for name in MODALITIES if name in by_modality)


def read_usage(body: Any) -> Usage | None:
    """Usage of an answer or of a chunk; None where it says none.

    What is no count (missing, negative, text, NaN) is 0: usage comes from outside, and a
    wrong count must not break the call that it describes.

    Args:
        body: a response body or a chunk of a stream.
    """
    usage = member(body, "usageMetadata")
    if not isinstance(usage, dict) or not usage:
        return None
    prompt = count(member(usage, "promptTokenCount"))
    return Usage(
        prompt_tokens=prompt + count(member(usage, "toolUsePromptTokenCount")),
        cached_tokens=min(prompt, count(member(usage, "cachedContentTokenCount"))),
        output_tokens=count(member(usage, "candidatesTokenCount")),
        thinking_tokens=count(member(usage, "thoughtsTokenCount")),
        media=_media(usage),
    )


def _media(usage: dict[str, Any]) -> tuple[Media, ...]:
    prompt = _by_modality(member(usage, "promptTokensDetails"))
    for modality, tokens in _by_modality(member(usage, "toolUsePromptTokensDetails")).items():
        prompt[modality] = prompt.get(modality, 0) + tokens
    cached = _by_modality(member(usage, "cacheTokensDetails"))
    output = _by_modality(member(usage, "candidatesTokensDetails"))
    return tuple(
        Media(
            name, whole := prompt.get(name, 0), min(whole, cached.get(name, 0)), output.get(name, 0)
        )
        for name in MODALITIES
        if name in prompt or name in output
    )


def _by_modality(details: Any) -> dict[str, int]:
    """Tokens of each modality but text."""
    tokens_of: dict[str, int] = {}
    for detail in details[:_MOST_DETAILS] if isinstance(details, list) else ():
        modality = member(detail, "modality")
        # The SDK has an enum there, whose value is the word.
        name = str(getattr(modality, "value", modality))[:32].lower()
        tokens = count(member(detail, "tokenCount"))
        if name in MODALITIES and tokens:
            tokens_of[name] = tokens_of.get(name, 0) + tokens
    return tokens_of


def read_searches(candidate: Any) -> tuple[int, int]:
    """Queries that a candidate is grounded in, of the web and of maps.

    Maps report what was found and no query, which counts as one.
    """
    grounding = member(candidate, "groundingMetadata")
    if grounding is None:
        return 0, 0
    web = sum(
        len(queries)
        for name in ("webSearchQueries", "imageSearchQueries")
        if isinstance(queries := member(grounding, name), list)
    )
    chunks = member(grounding, "groundingChunks")
    maps = isinstance(chunks, list) and any(
        member(chunk, "maps") is not None for chunk in chunks[:_MOST_DETAILS]
    )
    return web, int(maps)


def count(value: Any) -> int:
    """A count of tokens as whoever reports it writes it; 0 for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])  # proto JSON writes 64-bit numbers as text
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return 0
    return _MOST if value >= _MOST or math.isinf(value) else int(value)
