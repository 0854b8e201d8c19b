"""Whether a request is one that a model would take, as far as its form tells.

A refused request may get a static answer in place of a model's. One with a mistake in it must
not: its caller would never learn of the mistake. Only what is plain is looked for; the rest is
for the upstream to say.
"""

from __future__ import annotations

from typing import Any

from .members import child, member

__all__ = ["is_plausible"]

_ROLES = (None, "", "user", "model")
_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)


def is_plausible(body: Any) -> bool:
    """Whether nothing in a request is plainly wrong.

    Its conversation has contents, these have parts of known roles and with data in them, each
    call of a function is followed by its result, and the temperature is one.

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
    temperature = member(child(body, "generationConfig"), "temperature")
    numeric = isinstance(temperature, int | float) and 0 <= temperature <= 2
    return not called and (temperature is None or numeric)


def _is_content(content: Any) -> bool:
    parts = member(content, "parts")
    return (
        member(content, "role") in _ROLES
        and isinstance(parts, list)
        and bool(parts)
        and all(any(member(part, name) is not None for name in _DATA) for part in parts)
    )


def _count(content: Any, name: str) -> int:
    return sum(member(part, name) is not None for part in member(content, "parts"))
