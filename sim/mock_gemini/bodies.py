"""Reads request bodies, camelCase and snake_case alike, as Gemini does.

The Python client sends snake_case inside camelCase
(`"thinkingConfig": {"include_thoughts": true}`), so every key is looked up in both forms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from balancer.core.catalog import LEVEL_TOKENS, ModelCard, Thinking
from balancer.core.tiers import REQUEST_TIERS
from balancer.wire.tiers import read_tier

from ..plant.provisioned import SHARED
from .refusals import invalid_argument, malformed_json

__all__ = ["Body", "count_body", "parse", "read_body", "text_tokens"]

CHARS_PER_TOKEN = 4
_MEDIA_TOKENS = 258  # [D] of an image
_BRIEF = re.compile(
    r"\b(?:concise|concisely|brief|briefly|short|(?:one or two|few) sentences)\b", re.IGNORECASE
)
_SNAKE = re.compile(r"_([a-z])")
_COUNTED = ("contents", "systemInstruction", "system_instruction", "tools")
_UNCOUNTED = ("role", "mimeType", "mime_type")
_DEEPEST = 64
_MOST_CANDIDATES = 8
_TIER_PREFIX = "service_tier_"
_ROLES = (None, "user", "model", "function")


class Body(NamedTuple):
    """What a call of generateContent asks for.

    Attributes:
        cap: most output tokens, thinking included; None is the model's limit.
        thinking: a budget or a level; None leaves it to the model.
        shows_thoughts: whether thoughts are part of the answer.
        brief: whether the system instruction asks for a short answer.
        form: None for text, else the MIME type of the answer.
        schema: of an answer in JSON, if one is given.
        stops: texts at the first of which an answer in text ends.
        candidates: how many answers.
        call: one line of JSON with the call of a function that answers; None: a text does.
        texts: of the candidates, where they are not what the fate alone makes them.
        tier: of service, that is asked for: index of `balancer.core.tiers.REQUEST_TIERS`.
        request_type: index of `scenarios.service_tiers.REQUEST_TYPES`; the Gemini API itself has
            no provisioned throughput.
    """

    cap: int | None
    thinking: Thinking | None
    shows_thoughts: bool
    brief: bool
    form: str | None
    schema: dict[str, Any] | None
    stops: tuple[str, ...] = ()
    candidates: int = 1
    call: str | None = None
    texts: tuple[str, ...] = ()
    tier: int = 0
    request_type: int = SHARED


def parse(raw: bytes | bytearray) -> dict[str, Any]:
    """A body's JSON.

    Raises:
        Refusal: 400 for what is no JSON object.
    """
    try:
        document = orjson.loads(raw)
    except ValueError as error:
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
    brief = _is_brief(document)
    tier = _tier(document)
    config = _object(document, "generationConfig", "generation_config")
    if not config:
        return Body(None, None, False, brief, None, None, tier=tier)
    count = config.get("candidateCount")
    candidates = 1 if count is None else _whole(count, "candidate_count")
    cap = config.get("maxOutputTokens")
    if cap is not None:
        cap = _whole(cap, "max_output_tokens")
        if cap < 1:
            raise invalid_argument(
                "* GenerateContentRequest.generation_config.max_output_tokens: "
                f"{cap} must be positive."
            )
    thinking, shows_thoughts = _thinking(config, card)
    form, schema = _form(config)
    stops = config.get("stopSequences")
    stops = stops if isinstance(stops, list) else [stops]
    return Body(
        cap,
        thinking,
        shows_thoughts,
        brief,
        form,
        schema,
        tuple(str(stop) for stop in stops if stop),
        min(max(candidates, 1), _MOST_CANDIDATES),
        tier=tier,
    )


def _tier(document: dict[str, Any]) -> int:
    """The service tier asked for; a request that names none, or an unspecified one, is standard."""
    said = document.get("serviceTier")
    if said is None:
        said = document.get("service_tier")
    if said is None or str(said).lower().removeprefix(_TIER_PREFIX) == "unspecified":
        return 0
    tier = read_tier(said)
    if tier not in REQUEST_TIERS:
        # In the form of other enumerations; the type's name is assumed.
        raise malformed_json(
            f"Invalid value at 'service_tier' "
            f"(type.googleapis.com/google.ai.generativelanguage.v1beta.ServiceTier), "
            f"{json.dumps(said)[:80]}"
        )
    return REQUEST_TIERS.index(tier)


def _form(config: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    """MIME type of the answer, None for text, and its schema."""
    form = config.get("responseMimeType")
    schema = config.get("responseSchema") or config.get("responseJsonSchema")
    if form is None and schema is None:
        return None, None
    if form == "text/plain":
        form = None
    elif form not in (None, "application/json", "text/x.enum"):
        raise invalid_argument(
            "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are "
            "`text/plain`, `application/json` and `text/x.enum`."
        )
    if schema is not None and form is None:
        raise invalid_argument(
            "* GenerateContentRequest.generation_config.response_schema: only allowed with the "
            "mimetypes `application/json` and `text/x.enum`."
        )
    return form, schema if isinstance(schema, dict) else None


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
    for name in _COUNTED:
        value = document.get(name)
        if value:
            more, others = _size(value, 0)
            chars += more
            media += others
    return max(1, -(-chars // CHARS_PER_TOKEN) + media * _MEDIA_TOKENS)


def _size(value: Any, depth: int) -> tuple[int, int]:
    """Characters of the texts in a value, and how many media it holds."""
    if isinstance(value, str):
        return len(value), 0
    chars = media = 0
    if depth > _DEEPEST:
        return 0, 0
    if isinstance(value, list):
        for item in value:
            more, others = _size(item, depth + 1)
            chars += more
            media += others
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "text" and isinstance(item, str):
                chars += len(item)
            elif key == "data" and isinstance(item, str):
                media += 1
            elif key not in _UNCOUNTED:
                more, others = _size(item, depth + 1)
                chars += more
                media += others
    return chars, media


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Every text in a system instruction."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()), depth)
    elif isinstance(value, list) and depth <= _DEEPEST:
        for item in value:
            yield from _texts(item, depth + 1)


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
        if not parts or not isinstance(parts, list):
            raise invalid_argument(
                "* GenerateContentRequest.contents.parts: contents.parts must not be empty."
            )


def _is_brief(document: dict[str, Any]) -> bool:
    instruction = document.get("systemInstruction") or document.get("system_instruction")
    if not instruction:
        return False
    return any(_BRIEF.search(text) for text in _texts(instruction))


def _thinking(config: dict[str, Any], card: ModelCard) -> tuple[Thinking | None, bool]:
    """The thinking setting, and whether thoughts are shown."""
    said = _object(config, "thinkingConfig", "thinking_config")
    if not said:
        return None, False
    shown = bool(said.get("includeThoughts"))
    budget = said.get("thinkingBudget")
    level = said.get("thinkingLevel")
    if budget is not None:
        budget = _whole(budget, "thinking_budget")
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


def _object(document: dict[str, Any], name: str, other: str) -> dict[str, Any] | None:
    """A message in a message, its keys in camelCase whatever they were; None if it is absent."""
    found = document.get(name)
    if found is None:
        found = document.get(other)
        if found is None:
            return None
    if not isinstance(found, dict):
        raise malformed_json(f"Invalid value at '{other}': found {_kind(found)}.")
    for key in found:
        if "_" in key:
            return {_SNAKE.sub(_upper, key): value for key, value in found.items()}
    return found


def _upper(found: re.Match[str]) -> str:
    return found[1].upper()


def _whole(found: Any, name: str) -> int:
    """A whole number; text of digits and 12.0 are numbers too, as in protobuf's JSON."""
    if not isinstance(found, bool):
        try:
            number = int(found)
            if not isinstance(found, float) or number == found:
                return number
        except (TypeError, ValueError, OverflowError):
            pass
    raise malformed_json(f"Invalid value at '{name}' (TYPE_INT32), {json.dumps(found)[:80]}")


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
