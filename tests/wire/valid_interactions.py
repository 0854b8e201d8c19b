"""Interactions that Gemini takes: what a valid request of generateContent asks, in steps.

`valid_interactions()` draws a model and a body that the strict mock takes as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from balancer.wire.members import child, member, snake

from .valid_requests import Valid, requests

__all__ = ["valid_interactions"]

_SETTINGS = ("temperature", "topP", "maxOutputTokens", "stopSequences", "seed")


@st.composite
def valid_interactions(draw: st.DrawFn) -> Valid:
    """A model and an interaction that it takes."""
    asked = draw(requests())
    said, config = asked.body, child(asked.body, "generationConfig")
    body: dict[str, Any] = {"model": draw(st.sampled_from(["", "models/"])) + asked.card.name}
    body["input"] = _input(draw, member(said, "contents"))
    instruction = member(said, "systemInstruction")
    if instruction:
        body["system_instruction"] = instruction["parts"][0]["text"]
    tools = list(_tools(member(said, "tools") or []))
    if tools:
        body["tools"] = tools
    for name in ("cachedContent", "labels"):
        if member(said, name) is not None:
            body[snake(name)] = member(said, name)
    settings = {
        snake(name): member(config, name) for name in _SETTINGS if member(config, name) is not None
    }
    calling = child(child(said, "toolConfig"), "functionCallingConfig")
    if calling:
        settings["tool_choice"] = _choice(draw, calling)
    if member(config, "speechConfig"):
        settings["speech_config"] = {"speakers": []}
    thinking = child(config, "thinkingConfig")
    if member(thinking, "thinkingLevel"):
        settings["thinking_level"] = member(thinking, "thinkingLevel").lower()
    if draw(st.integers(0, 3)) == 0:
        settings["thinking_summaries"] = draw(st.sampled_from(["auto", "none"]))
    if settings:
        body["generation_config"] = settings
    body |= _format(draw, config)
    for name in ("stream", "background"):
        if draw(st.integers(0, 3)) == 0:
            body[name] = draw(st.booleans())
    if not body.get("background") and draw(st.integers(0, 3)) == 0:
        body["store"] = draw(st.booleans())
    return Valid(asked.card, body)


def _input(draw: st.DrawFn, contents: list[dict[str, Any]]) -> Any:
    steps: list[dict[str, Any]] = []
    for place, content in enumerate(contents):
        said: list[dict[str, Any]] = []
        for part in content["parts"]:
            call, result = member(part, "functionCall"), member(part, "functionResponse")
            if call:
                if member(part, "thoughtSignature"):
                    steps.append({"type": "thought", "signature": "c2lnbmVk"})
                name = f"{place}-{call['name']}-{len(steps)}"
                steps.append(
                    {
                        "type": "function_call",
                        "id": name,
                        "name": call["name"],
                        "arguments": call["args"],
                    }
                )
            elif result:
                found: dict[str, Any] = {"type": "function_result", "call_id": "1", "result": "sun"}
                steps.append({**found, "name": result["name"]})
            else:
                said.append(_content(part))
        if said:
            kind = "model_output" if content.get("role") == "model" else "user_input"
            steps.append({"type": kind, "content": said})
    if len(steps) == 1:
        content = steps[0]["content"]
        if len(content) == 1 and "text" in content[0] and draw(st.booleans()):
            return draw(st.sampled_from([content[0]["text"], content[0]]))
        return draw(st.sampled_from([content, steps]))
    return steps


def _content(part: dict[str, Any]) -> dict[str, Any]:
    data, file = member(part, "inlineData"), member(part, "fileData")
    if data is None and file is None:
        return {"type": "text", "text": part["text"]}
    held = data or file
    mime = held["mimeType"]
    kind = mime.partition("/")[0]
    kind = kind if kind in ("image", "audio", "video") else "document"
    found = {"type": kind, "mime_type": mime}
    return found | ({"data": data["data"]} if data else {"uri": file["fileUri"]})


def _tools(tools: list[dict[str, Any]]) -> Any:
    for tool in tools:
        for name, value in tool.items():
            if snake(name) == "function_declarations":
                yield from ({"type": "function", **each} for each in value)
            else:
                yield {"type": snake(name)}


def _choice(draw: st.DrawFn, calling: Mapping[str, Any]) -> Any:
    mode = str(member(calling, "mode")).lower()
    names = member(calling, "allowedFunctionNames")
    if names or draw(st.booleans()):
        return {"allowed_tools": {"mode": mode} | ({"tools": names} if names else {})}
    return mode


def _format(draw: st.DrawFn, config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    modalities = member(config, "responseModalities")
    if modalities:
        found["response_modalities"] = [word.lower() for word in modalities]
    if member(config, "responseMimeType"):
        form: dict[str, Any] = {"type": "text", "mime_type": "application/json"}
        if member(config, "responseSchema"):
            form["schema"] = {"type": "object", "properties": {"a": {"type": "string"}}}
        found["response_format"] = draw(st.sampled_from([form, [form]]))
    return found
