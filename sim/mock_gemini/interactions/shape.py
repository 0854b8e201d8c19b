"""What a request has to look like before any model is asked.

Members are those that google-genai 3.6.1 writes [S]. What is said against what is believed, as
nobody published the service's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from balancer.wire.interactions import as_generation, is_background, previous_of, steps_of
from balancer.wire.members import member, snake

from ..refusals import Refusal, invalid_argument

__all__ = ["check_request", "document_of", "flat"]

_MEMBERS = frozenset(
    (
        "model", "agent", "agent_config", "background", "cached_content", "continuation_token",
        "environment", "generation_config", "input", "labels", "previous_interaction_id",
        "response_format", "response_mime_type", "response_modalities", "safety_settings",
        "service_tier", "store", "stream", "system_instruction", "tools", "webhook_config",
    )
)  # fmt: skip
_SETTINGS = frozenset(
    (
        "image_config", "max_output_tokens", "seed", "speech_config", "stop_sequences",
        "temperature", "thinking_level", "thinking_summaries", "tool_choice", "top_p",
        "transcription_config", "video_config",
    )
)  # fmt: skip
_TOOLS = frozenset(
    (
        "function", "google_search", "google_maps", "url_context", "code_execution",
        "file_search", "computer_use", "mcp_server", "retrieval", "tool_search",
    )
)  # fmt: skip
_CONTENTS = frozenset(("text", "image", "audio", "video", "document"))
_STEPS = frozenset(("user_input", "model_output", "thought"))
_LEVELS = frozenset(("minimal", "low", "medium", "high", "xhigh"))
_TIERS = frozenset(("flex", "standard", "priority", "deferred"))
_PLACEHOLDER = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
_WORDS = {"INVALID_ARGUMENT": "invalid_request"}


def flat(refusal: Refusal) -> dict[str, Any]:
    """An error in this API's form: its code is a word.

    That of a mistake is told [D]; the others are the words of the other API in small letters,
    which is assumed, and so is that details stay.
    """
    word = _WORDS.get(refusal.status, refusal.status.lower())
    found: dict[str, Any] = {"message": refusal.message, "code": word}
    if refusal.details:
        found["details"] = list(refusal.details)
    return {"error": found}


def check_request(body: Mapping[str, Any]) -> None:
    """Refuse what cannot be a request of this API.

    Raises:
        Refusal: 400.
    """
    _names(body, _MEMBERS, "")
    agent = member(body, "agent")
    if bool(agent) == bool(member(body, "model")):
        raise invalid_argument("Exactly one of model and agent has to be set.")
    for name in ("generationConfig", "cachedContent") if agent else ():
        if member(body, name):
            raise invalid_argument(f"{snake(name)} can not be set with agent.")
    for name in ("model", "agent", "systemInstruction", "previousInteractionId"):
        _is(member(body, name), str, snake(name))
    for name in ("stream", "store", "background"):
        _is(member(body, name), bool, name)
    if is_background(body) and member(body, "store") is False:
        raise invalid_argument("background is only taken with store.")
    _one_of(member(body, "serviceTier"), _TIERS, "service_tier")
    config = member(body, "generationConfig")
    _is(config, dict, "generation_config")
    if config:
        _names(config, _SETTINGS, "generation_config.")
        _one_of(member(config, "thinkingLevel"), _LEVELS, "generation_config.thinking_level")
        _one_of(
            member(config, "thinkingSummaries"),
            frozenset(("auto", "none")),
            "generation_config.thinking_summaries",
        )
    tools = member(body, "tools")
    _is(tools, list, "tools")
    for index, tool in enumerate(tools or ()):
        _one_of(member(tool, "type") or "", _TOOLS, f"tools[{index}].type")
    _input(body)


def document_of(body: dict[str, Any], steps: list[Any]) -> dict[str, Any]:
    """The request as generateContent would be asked it, with the history that is kept.

    Steps carry a thought's signature apart from the call that it signs, and whether the service
    wants it back is not documented, so that none is missed here. Nor is it known to refuse to tell
    thoughts that there are none of.
    """
    document = as_generation({**body, "input": steps})
    for content in document["contents"]:
        for part in content["parts"]:
            if "functionCall" in part:
                part.setdefault("thoughtSignature", _PLACEHOLDER)
    thinking = document.get("generationConfig", {}).get("thinkingConfig", {})
    thinking.pop("includeThoughts", None)
    tools = document.get("tools", [])
    # No member of the other API's tools, and of no weight for what is played.
    document["tools"] = [tool for tool in tools if "toolSearch" not in tool]
    return document


def _input(body: Mapping[str, Any]) -> None:
    steps = steps_of(member(body, "input"))
    if not steps and not (previous_of(body) and member(body, "continuationToken")):
        raise invalid_argument("input is not specified.")
    for index, step in enumerate(steps):
        kind = member(step, "type")
        where = f"input[{index}]"
        if kind is not None and not str(kind).endswith(("_call", "_result")):
            _one_of(kind, _STEPS, f"{where}.type")
        if kind == "thought" or str(kind).endswith(("_call", "_result")):
            continue
        content = member(step, "content")
        for each in content if isinstance(content, list) else [content]:
            said = member(each, "type") or ("text" if member(each, "text") is not None else "")
            if not isinstance(each, str):
                _one_of(said, _CONTENTS, f"{where}.content.type")


def _names(value: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    for key in value:
        if snake(key) not in known:
            raise invalid_argument(f'Unknown parameter "{where}{key[:80]}".')


def _is(value: Any, kind: type, where: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise invalid_argument(f"Invalid value at '{where}': expected {kind.__name__}.")


def _one_of(value: Any, known: frozenset[str], where: str) -> None:
    if value is not None and value not in known:
        raise invalid_argument(
            f"Invalid value at '{where}': {str(value)[:80]!r} is none of "
            f"{', '.join(sorted(known))}."
        )
