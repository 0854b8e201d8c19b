"""Tokens of an interaction, as it reports them.

Thought is apart from output: `total_tokens` is their sum, and that of the input and of what tools
gave. google-genai 3.6.1 adds them up so in its own tests [S], and so does every reply that people
have shown [D]. Should one say otherwise, its own total decides, and never towards less money: what
it counts beyond its parts is taken for thought.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import usage as generation
from ..members import member
from ..usage import Usage, count

__all__ = ["read_usage"]

_COUNTS = {
    "promptTokenCount": "totalInputTokens",
    "toolUsePromptTokenCount": "totalToolUseTokens",
    "cachedContentTokenCount": "totalCachedTokens",
    "candidatesTokenCount": "totalOutputTokens",
    "thoughtsTokenCount": "totalThoughtTokens",
}
_DETAILS = {
    "promptTokensDetails": "inputTokensByModality",
    "toolUsePromptTokensDetails": "toolUseTokensByModality",
    "cacheTokensDetails": "cachedTokensByModality",
    "candidatesTokensDetails": "outputTokensByModality",
}
_MOST_DETAILS = 64


def read_usage(holder: Any) -> Usage | None:
    """Usage of an interaction or of an event of its stream; None where it says none.

    Args:
        holder: JSON value with a member `usage`.
    """
    said = member(holder, "usage")
    if not isinstance(said, dict) or not said:
        return None
    form: dict[str, Any] = {name: member(said, theirs) for name, theirs in _COUNTS.items()}
    for name, theirs in _DETAILS.items():
        form[name] = [
            {"modality": member(each, "modality"), "tokenCount": member(each, "tokens")}
            for each in _listed(member(said, theirs))
        ]
    usage = generation.read_usage({"usageMetadata": form})
    assert usage is not None
    searches, maps = _groundings(said)
    return replace(_as_it_adds_up(usage, said), searches=searches, maps=maps)


def _as_it_adds_up(found: Usage, said: dict[str, Any]) -> Usage:
    """The parts such that they make the total that is reported."""
    total = count(member(said, "totalTokens"))
    tools = count(member(said, "totalToolUseTokens"))
    output, thought = found.output_tokens, found.thinking_tokens
    beyond = total - (found.prompt_tokens + output + thought)
    if not total or beyond == 0:
        return found
    if beyond > 0:
        return replace(found, thinking_tokens=thought + beyond)
    if beyond == -thought and thought <= output:
        return replace(found, output_tokens=output - thought)
    if beyond == -tools:
        return replace(found, prompt_tokens=found.prompt_tokens - tools)
    return found


def _groundings(said: dict[str, Any]) -> tuple[int, int]:
    """Queries of the web, and of maps."""
    counts = {"google_search": 0, "google_maps": 0}
    for each in _listed(member(said, "groundingToolCount")):
        kind = str(member(each, "type"))
        if kind in counts:
            counts[kind] += count(member(each, "count"))
    return counts["google_search"], counts["google_maps"]


def _listed(value: Any) -> list[Any]:
    return value[:_MOST_DETAILS] if isinstance(value, list) else []
