"""Tokens of a call, as its answer reports them, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.core.pricing import cost_nano_usd

from .members import member

__all__ = ["Usage", "read_usage"]

_MOST = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, in the core's terms.

    Attributes:
        prompt_tokens: input, the cached part and the results of server-side tools included.
        cached_tokens: the part of the input read from a cache.
        output_tokens: the answer, thinking excluded.
        thinking_tokens: billed as output.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0

    def cost_nano_usd(self, card: ModelCard) -> int:
        """Estimated cost in nano-dollars at the model's price."""
        return cost_nano_usd(
            card.price,
            self.prompt_tokens,
            self.cached_tokens,
            self.output_tokens,
            self.thinking_tokens,
        )

    def __add__(self, other: Usage) -> Usage:
        """Of two calls together."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            thinking_tokens=self.thinking_tokens + other.thinking_tokens,
        )


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
    prompt = _count(member(usage, "promptTokenCount"))
    return Usage(
        prompt_tokens=prompt + _count(member(usage, "toolUsePromptTokenCount")),
        cached_tokens=min(prompt, _count(member(usage, "cachedContentTokenCount"))),
        output_tokens=_count(member(usage, "candidatesTokenCount")),
        thinking_tokens=_count(member(usage, "thoughtsTokenCount")),
    )


def _count(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])  # proto JSON writes 64-bit numbers as text
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return 0
    return _MOST if value >= _MOST or math.isinf(value) else int(value)
