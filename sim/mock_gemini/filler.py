"""Answers without meaning: deterministic text of a given number of tokens."""

from __future__ import annotations

import json
from typing import Any

from .bodies import CHARS_PER_TOKEN

__all__ = ["answer_text", "instance"]

_SENTENCES = (
    "The answer depends on what one measures first. Every system has a limit and load finds it. "
    "A queue that grows without end is a promise that nobody can keep. Less work done well is "
    "worth more than much work done late. What is slow today was only waiting yesterday. "
    "Small steps down, taken early, save the long fall. Whoever counts what arrives and what "
    "leaves knows what is left. A model that thinks longer is not always right more often. "
)
_LONGEST = 65_536 * CHARS_PER_TOKEN
_STRIDE = 37
_STARTS = 512
_FILLER = _SENTENCES * (1 + (_LONGEST + _STRIDE * _STARTS) // len(_SENTENCES))


def answer_text(
    index: int, tokens: int, form: str | None, schema: dict[str, Any] | None, *, whole: bool
) -> str:
    """Text of an answer, four characters a token.

    Args:
        index: of the request: others get other words.
        tokens: length.
        form: None, or the MIME type asked for.
        schema: of an answer in JSON.
        whole: whether the answer is complete. One that was cut off is broken where it ends;
            a complete one in JSON is valid, and longer than its tokens where it must be.
    """
    chars = tokens * CHARS_PER_TOKEN
    start = index % _STARTS * _STRIDE
    if form is None:
        if chars <= _LONGEST:
            return _FILLER[start : start + chars]
        return (_FILLER * (1 + chars // len(_FILLER)))[:chars]
    if form == "text/x.enum":
        values = (schema or {}).get("enum")
        return str(values[0]) if isinstance(values, list) and values else "VALUE"
    if schema is None:
        room = chars - len('{"answer": ""}')
        text = json.dumps({"answer": _FILLER[start : start + max(0, room)]})
        text = text if room >= 0 else "{}"
    else:
        text = json.dumps(instance(schema, _FILLER[start : start + 24].strip()))
    text = text.ljust(chars)
    return text if whole else text[: max(1, chars // 2)].rstrip(" }]")


def instance(schema: Any, words: str, depth: int = 0) -> Any:
    """The plainest value that fits a schema, of OpenAPI's or JSON Schema's words."""
    if not isinstance(schema, dict) or depth > 32:
        return None
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    for name in ("anyOf", "any_of", "oneOf", "allOf"):
        if isinstance(schema.get(name), list) and schema[name]:
            return instance(schema[name][0], words, depth + 1)
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = str(kinds[0] if isinstance(kinds, list) and kinds else kinds).lower()
    if kind == "object":
        properties = schema.get("properties")
        inner = properties if isinstance(properties, dict) else {}
        return {name: instance(value, words, depth + 1) for name, value in inner.items()}
    if kind == "array":
        least = schema.get("minItems") or schema.get("min_items") or 1
        count = int(least) if str(least).isdecimal() else 1
        return [instance(schema.get("items"), words, depth + 1)] * min(max(count, 1), 1000)
    if kind in ("integer", "number"):
        least = schema.get("minimum", 1)
        return least if isinstance(least, int | float) else 1
    return {"boolean": True, "null": None}.get(kind, words)
