"""Tokens of a call, as an answer in OpenAI's form reports them."""

from __future__ import annotations

from typing import Any

from ..usage import Usage
from ..usage import read_usage as read_metadata

__all__ = ["read_usage", "usage_of"]


def read_usage(body: Any) -> Usage | None:
    """Usage of an answer, of chat or of embeddings; None where it says none."""
    return read_metadata({"usageMetadata": usage_of(body)})


def usage_of(body: Any) -> dict[str, Any] | None:
    """The same as `usageMetadata`; None for usage in the form of another API.

    Thinking is part of `completion_tokens` by OpenAI's definition, and beside them where the total
    says so, as Gemini's path has it [D].
    """
    usage = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(usage, dict) or "prompt_tokens" not in usage:
        return None
    prompt, output = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    thinking = _count(usage.get("completion_tokens_details"), "reasoning_tokens")
    beside = _count(usage, "total_tokens") - prompt - output
    if beside > 0:
        thinking = max(thinking, beside)
    else:
        thinking = min(thinking, output)
        output -= thinking
    return {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": _count(usage.get("prompt_tokens_details"), "cached_tokens"),
        "candidatesTokenCount": output,
        "thoughtsTokenCount": thinking,
    }


def _count(holder: Any, name: str) -> int:
    value = holder.get(name) if isinstance(holder, dict) else None
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
