"""Reads request bodies, camelCase and snake_case alike, as Gemini does.

The Python client sends snake_case inside camelCase
(`"thinkingConfig": {"include_thoughts": true}`), so every key is looked up in both forms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from balancer.core.catalog import LEVEL_TOKENS, ModelCard, Thinking

from .refusals import invalid_argument, malformed_json

__all__ = ["Body", "count_body", "parse", "read_body", "text_tokens"]

CHARS_PER_TOKEN = 4
_MEDIA_TOKENS = 258  # [D] of an image
_BRIEF = re.compile(
    r"\b(?:concise|concisely|brief|briefly|short|(?:one or two|few) sentences)\b", re.IGNORECASE
)
_ROLES = (None, "user", "model", "function")


class Body(NamedTuple):
    """What a call of generateContent asks for.

    Attributes:
        document: the whole body.
        cap: most output tokens, thinking included; None is the model's limit.
        thinking: a budget or a level; None leaves it to the model.
        shows_thoughts: whether thoughts are part of the answer.
        brief: whether the system instruction asks for a short answer.
        form: None for text, else the MIME type of the answer.
        schema: of an answer in JSON, if one is given.
    """

    document: dict[str, Any]
    cap: int | None
    thinking: Thinking | None
    shows_thoughts: bool
    brief: bool
    form: str | None
    schema: dict[str, Any] | None


def parse(raw: bytes | bytearray) -> dict[str, Any]:
    """A body's JSON.

    Raises:
        Refusal: 400 for what is no JSON object.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise malformed_json(str(error)) from None
    if not isinstance(document, dict):
        raise malformed_json("Root element must be a message.")
    return document


def read_body(document: dict[str, Any], card: ModelCard) -> Body:
    """Read and check a body of generateContent.

    Args:
        document: the body.
        card: of the model that is asked.

    Raises:
        Refusal: 400 for what Gemini refuses.
    """
    _check_contents(document)
    config = _object(document, "generationConfig", "generation_config")
    if not config:
        return Body(document, None, None, False, _is_brief(document), None, None)
    candidates = _whole(config, "candidateCount", "candidate_count")
    if candidates is not None and candidates != 1:
        raise invalid_argument("Multiple candidates is not enabled for this model")
    cap = _whole(config, "maxOutputTokens", "max_output_tokens")
    if cap is not None and cap < 1:
        raise invalid_argument(
            f"* GenerateContentRequest.generation_config.max_output_tokens: {cap} must be positive."
        )
    thinking, shows_thoughts = _thinking(config, card)
    form = _get(config, "responseMimeType", "response_mime_type")
    schema = _get(config, "responseSchema", "response_schema") or _get(
        config, "responseJsonSchema", "response_json_schema"
    )
    if form == "text/plain":
        form = None
    elif form not in (None, "application/json", "text/x.enum"):
        raise invalid_argument(
            "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are "
            "`text/plain`, `application/json`, `application/xml`, `application/yaml` and "
            "`text/x.enum`."
        )
    if schema is not None and form is None:
        raise invalid_argument(
            f"Function calling with a response mime type: {form!r} is unsupported"
            if _get(document, "tools")
            else "A response schema needs the response mime type application/json"
        )
    return Body(
        document,
        cap,
        thinking,
        shows_thoughts,
        _is_brief(document),
        form,
        schema if isinstance(schema, dict) else None,
    )


def count_body(document: dict[str, Any]) -> int:
    """Tokens of a body of countTokens, which may hold a whole generateContent request.

    Raises:
        Refusal: 400 without contents.
    """
    inner = _object(document, "generateContentRequest", "generate_content_request")
    _check_contents(inner or document)
    return text_tokens(inner or document)


def text_tokens(document: dict[str, Any]) -> int:
    """Tokens of a prompt: four characters each, and what an image takes for other media."""
    chars = media = 0
    for name in ("contents", "systemInstruction", "system_instruction", "tools"):
        for key, value in _strings(document.get(name)):
            if key == "data":
                media += 1
            elif key not in ("role", "mimeType", "mime_type"):
                chars += len(value)
    return max(1, -(-chars // CHARS_PER_TOKEN) + media * _MEDIA_TOKENS)


def _strings(value: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text in a value, with its key."""
    if isinstance(value, str):
        yield key, value
    elif depth > 64:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, key, depth + 1)
    elif isinstance(value, dict):
        for inner, item in value.items():
            yield from _strings(item, inner, depth + 1)


def _check_contents(document: dict[str, Any]) -> None:
    contents = document.get("contents")
    if not contents:
        raise invalid_argument("* GenerateContentRequest.contents: contents is not specified")
    for entry in contents if isinstance(contents, list) else (contents,):
        if not isinstance(entry, dict):
            raise malformed_json(f"Invalid value at 'contents': found {_kind(entry)}.")
        if entry.get("role") not in _ROLES:
            raise invalid_argument("Please use a valid role: user, model.")
        parts = entry.get("parts")
        if not parts or not isinstance(parts, list | dict):
            raise invalid_argument(
                "* GenerateContentRequest.contents.parts: contents.parts must not be empty."
            )


def _is_brief(document: dict[str, Any]) -> bool:
    instruction = _get(document, "systemInstruction", "system_instruction")
    if not instruction:
        return False
    return any(_BRIEF.search(text) for key, text in _strings(instruction) if key != "role")


def _thinking(config: dict[str, Any], card: ModelCard) -> tuple[Thinking | None, bool]:
    """The thinking setting, and whether thoughts are shown."""
    said = _object(config, "thinkingConfig", "thinking_config")
    if not said:
        return None, False
    shown = bool(_get(said, "includeThoughts", "include_thoughts"))
    budget = _whole(said, "thinkingBudget", "thinking_budget")
    level = _get(said, "thinkingLevel", "thinking_level")
    if level is not None and budget is not None:
        raise invalid_argument("You can only set only one of thinking budget and thinking level.")
    thinking: Thinking | None = budget
    if level is not None:
        thinking = str(level).upper()
        if thinking == "THINKING_LEVEL_UNSPECIFIED":
            thinking = None
        elif thinking not in LEVEL_TOKENS:
            raise malformed_json(
                f"Invalid value at 'generation_config.thinking_config.thinking_level': {level!r}"
            )
    if thinking is not None and card.refuses(thinking):
        raise invalid_argument(_refused(thinking, card))
    return thinking, shown


def _refused(thinking: Thinking, card: ModelCard) -> str:
    if isinstance(thinking, str):
        if card.levels:
            return f"Thinking level {thinking} is not supported for this model."
        return "Thinking level is not supported for this model."
    if card.budget is None:
        return f"Thinking budget {thinking} is not supported for this model."
    if thinking == 0:
        return "Budget 0 is invalid. This model only works in thinking mode."
    low, high = card.budget
    return (
        f"The thinking budget {thinking} is invalid. Please choose a value between {low} and "
        f"{high}."
    )


def _get(document: dict[str, Any], name: str, other: str = "") -> Any:
    """Value of a key in either form; null is as good as absent."""
    found = document.get(name)
    return document.get(other) if found is None else found


def _object(document: dict[str, Any], name: str, other: str) -> dict[str, Any] | None:
    found = _get(document, name, other)
    if found is None or isinstance(found, dict):
        return found
    raise malformed_json(f"Invalid value at '{other}': found {_kind(found)}.")


def _whole(document: dict[str, Any], name: str, other: str) -> int | None:
    """A whole number; text of digits and 12.0 are numbers too, as in protobuf's JSON."""
    found = _get(document, name, other)
    if found is None:
        return None
    if not isinstance(found, bool):
        try:
            number = int(found)
            if not isinstance(found, float) or number == found:
                return number
        except (TypeError, ValueError, OverflowError):
            pass
    raise malformed_json(f"Invalid value at '{other}' (TYPE_INT32), {json.dumps(found)[:80]}")


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
