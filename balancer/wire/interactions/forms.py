"""The same request in the form of generateContent, so that one set of rules reads both.

An interaction spells flatter what generateContent nests: steps for contents, a `type` for a member
of its own, `thinking_level` beside the other settings. What is asked is the same, and so are its
media, its tools, what a model must be able to do, and what a mock refuses. Only what these look at
is carried over; nothing here is ever sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..members import camel, child, member

__all__ = ["as_generation", "step_kind", "steps_of"]

_MEDIA = ("image", "audio", "video", "document")
_SETTINGS = (
    "maxOutputTokens",
    "temperature",
    "topP",
    "seed",
    "stopSequences",
    "speechConfig",
    "imageConfig",
)
_WHOLE = ("cachedContent", "continuationToken", "serviceTier", "labels")
_SEARCHES = {"enterprise_web_search": "enterpriseWebSearch"}


def as_generation(body: Any) -> dict[str, Any]:
    """A request body of generateContent that asks for what an interaction asks for.

    Args:
        body: JSON value of `POST /interactions`; members in snake_case or camelCase.
    """
    said: dict[str, Any] = {"contents": _contents(steps_of(member(body, "input")))}
    instruction = member(body, "systemInstruction")
    if instruction:
        said["systemInstruction"] = {"parts": [{"text": instruction}]}
    tools = _tools(member(body, "tools"))
    if tools:
        said["tools"] = tools
    settings = child(body, "generationConfig")
    choice = _choice(member(settings, "toolChoice"))
    if choice:
        said["toolConfig"] = {"functionCallingConfig": choice}
    config = _config(body, settings)
    if config:
        said["generationConfig"] = config
    for name in _WHOLE:
        value = member(body, name)
        if value is not None:
            said[name] = value
    return said


def steps_of(given: Any) -> list[Any]:
    """The input of an interaction as steps, whichever of its forms it has.

    A text, a content, a list of contents, and a list of steps or of turns (`role` and `content`).
    """
    if isinstance(given, str) or (isinstance(given, Mapping) and not _is_step(given)):
        return [{"type": "user_input", "content": [given]}]
    if isinstance(given, Mapping):
        return [given]
    if not isinstance(given, list) or not given:
        return []
    return given if any(map(_is_step, given)) else [{"type": "user_input", "content": given}]


def step_kind(step: Any) -> str:
    """What a step is: its `type`, or that of the turn that it is."""
    kind = member(step, "type")
    if isinstance(kind, str) and kind:
        return kind
    return "model_output" if member(step, "role") == "model" else "user_input"


def _is_step(item: Any) -> bool:
    if not isinstance(item, Mapping):
        return False
    kind = str(item.get("type") or "")
    steps = ("user_input", "model_output", "thought")
    return kind in steps or kind.endswith(("_call", "_result")) or "role" in item


def _contents(steps: list[Any]) -> list[dict[str, Any]]:
    """Steps of one speaker in a row are one content; results of functions are one of their own."""
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    before = signature = ""
    for step in steps:
        kind = step_kind(step)
        if kind == "thought":
            signature = str(member(step, "signature") or "")
            continue
        parts = list(_parts(step, kind, names))
        if kind == "function_call" and signature:
            parts[0]["thoughtSignature"], signature = signature, ""
        speaker = kind if kind in ("user_input", "function_result") else "model"
        if speaker == before:
            contents[-1]["parts"] += parts
        else:
            role = "model" if speaker == "model" else "user"
            contents.append({"role": role, "parts": parts})
        before = speaker
    return contents


def _parts(step: Any, kind: str, names: dict[str, str]) -> Iterator[dict[str, Any]]:
    if kind == "function_call":
        name = str(member(step, "name") or "")
        names[str(member(step, "id"))] = name
        yield {"functionCall": {"name": name, "args": member(step, "arguments") or {}}}
    elif kind == "function_result":
        called = str(member(step, "callId"))
        name = str(member(step, "name") or names.get(called) or called)
        result = member(step, "result")
        yield {"functionResponse": {"name": name, "response": {"result": result}}}
        # A function may give pictures, which are read as those of a prompt are.
        for item in result if isinstance(result, list) else ():
            if member(item, "type") in _MEDIA:
                yield _part(item)
    elif kind.endswith("_call"):
        yield {"toolCall": {"args": member(step, "arguments")}}
    elif kind.endswith("_result"):
        yield {"toolResponse": {"response": member(step, "result")}}
    else:
        content = member(step, "content")
        for item in content if isinstance(content, list) else [content]:
            yield _part(item)


def _part(content: Any) -> dict[str, Any]:
    if isinstance(content, str):
        return {"text": content}
    kind = str(member(content, "type") or "")
    if kind in _MEDIA:
        mime = str(member(content, "mimeType") or f"{kind}/*")
        data = member(content, "data")
        if data is not None:
            return {"inlineData": {"mimeType": mime, "data": data}}
        return {"fileData": {"mimeType": mime, "fileUri": member(content, "uri") or ""}}
    return {"text": member(content, "text")}


def _tools(tools: Any) -> list[dict[str, Any]]:
    functions: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for tool in tools if isinstance(tools, list) else ():
        kind = str(member(tool, "type") or "")
        if kind == "function":
            names = ("name", "description")
            declared = {name: tool[name] for name in names if tool.get(name) is not None}
            schema = member(tool, "parameters")
            functions.append(declared | ({"parametersJsonSchema": schema} if schema else {}))
            continue
        given = member(tool, "searchTypes")
        kinds = map(str, given) if isinstance(given, list) and given else [""]
        others += [{_SEARCHES.get(each, camel(kind)): {}} for each in kinds]
    return ([{"functionDeclarations": functions}] if functions else []) + others


def _choice(choice: Any) -> dict[str, Any]:
    """How functions are to be called: a word, or the tools that are allowed."""
    if isinstance(choice, str):
        return {"mode": choice.upper()}
    allowed = child(choice, "allowedTools")
    config: dict[str, Any] = {}
    if member(allowed, "mode"):
        config["mode"] = str(member(allowed, "mode")).upper()
    if member(allowed, "tools"):
        config["allowedFunctionNames"] = member(allowed, "tools")
    return config


def _config(body: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    config = {
        name: value for name in _SETTINGS if (value := member(settings, name)) is not None
    } | _format(body)
    thinking: dict[str, Any] = {}
    level = member(settings, "thinkingLevel")
    if isinstance(level, str):
        thinking["thinkingLevel"] = level.upper()
    if member(settings, "thinkingSummaries") == "auto":
        thinking["includeThoughts"] = True
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _format(body: Any) -> dict[str, Any]:
    """Format and modalities of the answer: a list of formats, one, or just a schema."""
    form: dict[str, Any] = {}
    mime = member(body, "responseMimeType")
    if mime:
        form["responseMimeType"] = mime
    given = member(body, "responseModalities")
    modalities = [str(word).upper() for word in given] if isinstance(given, list) else []
    formats = member(body, "responseFormat")
    for each in formats if isinstance(formats, list) else [formats]:
        kind = member(each, "type")
        if not isinstance(each, Mapping) or not each:
            continue
        if kind in ("image", "audio", "video"):
            modalities.append(kind.upper())
        elif kind == "text":
            schema = member(each, "schema")
            mime = member(each, "mimeType") or ("application/json" if schema else None)
            form |= {"responseMimeType": mime} if mime else {}
            form |= {"responseJsonSchema": schema} if schema else {}
        else:
            form |= {"responseMimeType": "application/json", "responseJsonSchema": dict(each)}
    if modalities:
        form["responseModalities"] = list(dict.fromkeys(modalities))
    return form
