"""Whether a request is one that a model would take, as far as its form tells.

A refused request may get a static answer in place of a model's. One with a mistake in it must
not: its caller would never learn of the mistake. Only what is plain is looked for; the rest is
for the upstream to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .members import child, member

__all__ = ["MOST_STOPS", "PART_DATA", "RANGES", "is_plausible"]

RANGES = (
    ("temperature", 0.0, 2.0),
    ("topP", 0.0, 1.0),
    ("topK", 1.0, 1000.0),
    ("candidateCount", 1, 8),
    ("presencePenalty", -2.0, 2.0),
    ("frequencyPenalty", -2.0, 2.0),
    ("logprobs", 0, 20),
)
"""Settings of `generationConfig` with least and most; believed, from the documentation."""

MOST_STOPS = 5
"""Stop sequences that are taken. Believed, likewise."""

_ROLES = (None, "", "user", "model")
PART_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
    "audioTranscription",
)
"""A part holds exactly one of these."""


def is_plausible(body: Any) -> bool:
    """Whether nothing in a request is plainly wrong.

    Its conversation has contents, these have parts of known roles and with data in them, each
    call of a function is followed by its result, and numbers of its settings are in their range.

    Args:
        body: of generateContent or streamGenerateContent.
    """
    contents = member(body, "contents")
    contents = contents if isinstance(contents, list) else [contents]
    if not contents or not all(map(_is_content, contents)):
        return False
    called = 0
    for content in contents:
        calls, results = _count(content, "functionCall"), _count(content, "functionResponse")
        if called != results or (calls and member(content, "role") != "model"):
            return False
        called = calls
    return not called and _in_range(child(body, "generationConfig"))


def _in_range(config: Mapping[str, Any]) -> bool:
    if not config:
        return True
    stops = member(config, "stopSequences")
    if isinstance(stops, list) and len(stops) > MOST_STOPS:
        return False
    return all(
        value is None or (isinstance(value, int | float) and least <= value <= most)
        for name, least, most in (*RANGES, ("maxOutputTokens", 1, math.inf))
        for value in (member(config, name),)
    )


def _is_content(content: Any) -> bool:
    parts = member(content, "parts")
    return (
        member(content, "role") in _ROLES
        and isinstance(parts, list)
        and bool(parts)
        and all(any(member(part, name) is not None for name in PART_DATA) for part in parts)
    )


def _count(content: Any, name: str) -> int:
    return sum(member(part, name) is not None for part in member(content, "parts"))
