"""A chat completion as generateContent would be asked it.

What it asks for is read by the rules of `balancer.wire.chat`; here is what those need not look at
and a model does: arguments, names and signatures of calls, a schema, an effort in tokens. Members
that are not known are left alone: which of them Gemini refuses is not documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.wire.chat import as_generation

from ..refusals import invalid_argument

__all__ = ["document_of", "wants_usage"]

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
"""Efforts of models without levels [D: Google's page on OpenAI compatibility]."""
_FUNCTION = ("name", "description", "parameters")
_TIERS = ("flex", "priority", "standard")


def document_of(body: Mapping[str, Any], card: ModelCard) -> dict[str, Any]:
    """The request in generateContent's form.

    Args:
        body: of the chat completion.
        card: of the model that is asked.

    Raises:
        Refusal: 400 for what cannot be meant.
    """
    document = as_generation(body)
    config = document["generationConfig"]
    _think(body, card, config)
    form = body.get("response_format")
    schema = form.get("json_schema") if isinstance(form, dict) else None
    if isinstance(schema, dict) and schema.get("schema") is not None:
        config["responseJsonSchema"] = schema["schema"]
    _complete_calls(body, document["contents"])
    for tool in document.get("tools", []):
        declared = tool.get("functionDeclarations", [])
        tool.update(functionDeclarations=[_declared(each) for each in declared])
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        calling = document["toolConfig"]["functionCallingConfig"]
        calling["allowedFunctionNames"] = [choice["function"].get("name")]
    # That it takes a tier at all is assumed, by the name that both APIs have for one.
    if body.get("service_tier") in _TIERS:
        document["serviceTier"] = body["service_tier"]
    return document


def wants_usage(body: Mapping[str, Any]) -> bool:
    """Whether a stream is to say what it used."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _think(body: Mapping[str, Any], card: ModelCard, config: dict[str, Any]) -> None:
    effort = body.get("reasoning_effort")
    if effort is None:
        return
    thinking = config["thinkingConfig"]
    if "thinking_level" in thinking or "thinking_budget" in thinking:  # [D]
        raise invalid_argument(
            "Expected one of either `reasoning_effort` or custom `thinking_config`; found both."
        )
    if effort == "none":
        return
    if effort in _BUDGETS and not card.levels:
        del thinking["thinkingLevel"]
        thinking["thinkingBudget"] = _BUDGETS[effort]
    elif effort == "minimal" and "MINIMAL" not in card.levels:  # [D] for 3.1-pro
        thinking["thinkingLevel"] = "LOW"


def _declared(function: Any) -> Any:
    if not isinstance(function, dict):
        return function
    return {name: function[name] for name in _FUNCTION if name in function}


def _complete_calls(body: Mapping[str, Any], contents: list[dict[str, Any]]) -> None:
    """Give calls their arguments and signatures, and results the names of their functions."""
    parts = [part for content in contents for part in content["parts"]]
    names: dict[str, str] = {}
    calls = list(_calls(body))
    made = [part for part in parts if "functionCall" in part]
    for part, call in zip(made, calls, strict=False):
        function = call.get("function") or {}
        names[str(call.get("id"))] = str(function.get("name"))
        part["functionCall"] = {"name": function.get("name"), "args": _arguments(function)}
        signature = _signature(call)
        if signature:
            part["thoughtSignature"] = signature
    results = [message for message in _messages(body) if message.get("role") == "tool"]
    given = [part["functionResponse"] for part in parts if "functionResponse" in part]
    for part, message in zip(given, results, strict=False):
        named = message.get("name") or names.get(str(message.get("tool_call_id")))
        part["name"] = named or ""


def _calls(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for message in _messages(body):
        for call in message.get("tool_calls") or ():
            if isinstance(call, dict):
                yield call


def _messages(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            yield message


def _arguments(function: Mapping[str, Any]) -> Any:
    try:
        return json.loads(function.get("arguments") or "{}")
    except ValueError:
        raise invalid_argument("Invalid function call arguments: not a JSON object.") from None


def _signature(call: Mapping[str, Any]) -> str:
    """[D] It goes both ways in `extra_content`."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return str(google.get("thought_signature") or "") if isinstance(google, dict) else ""
