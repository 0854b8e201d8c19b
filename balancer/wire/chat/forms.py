"""The same request and answer in the form of generateContent, so that one set of rules reads both.

Only what these rules look at is carried over; nothing here is ever sent. [D] Google's page on
OpenAI compatibility: `reasoning_effort`, and what only Gemini has under `extra_body.google`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .usage import usage_of

__all__ = [
    "CAPS", "SYSTEM", "as_answer", "as_generation", "dicts", "google_of", "role_of", "thinking_of"
]  # fmt: skip

SYSTEM = ("system", "developer")
"""Roles whose messages instruct the model."""
CAPS = ("max_completion_tokens", "max_tokens")
"""Members that cap an answer, the newer one first."""
_RESULTS = ("tool", "function")
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "topP",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_FINISHED = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "function_call": "STOP"}


def as_generation(body: Any) -> dict[str, Any]:
    """A request in generateContent's form, to be read and never to be sent."""
    body = body if isinstance(body, dict) else {}
    messages = _list(body.get("messages"))
    form: dict[str, Any] = {
        "contents": _contents(messages),
        "generationConfig": _generation(body),
        "toolConfig": _calling(body),
        "cachedContent": google_of(body).get("cached_content"),
    }
    system = [
        each for message in messages if role_of(message) in SYSTEM for each in _parts(message)
    ]
    if system:
        form["systemInstruction"] = {"parts": system}
    tools = [_tool(tool) for tool in _list(body.get("tools"))]
    tools += [{"functionDeclarations": [each]} for each in _list(body.get("functions"))]
    if tools:
        form["tools"] = tools
    return {name: value for name, value in form.items() if value is not None}


def _contents(messages: list[Any]) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    for message in messages:
        role = role_of(message)
        if role in SYSTEM:
            continue
        if role in _RESULTS:
            result = {"functionResponse": {"response": message.get("content")}}
            # Results of several calls are messages of their own here, and one content there.
            if contents and "functionResponse" in (contents[-1]["parts"] or [{}])[0]:
                contents[-1]["parts"].append(result)
            else:
                contents.append({"role": "user", "parts": [result]})
            continue
        name = {"assistant": "model", "user": "user"}.get(role, role)
        calls = [{"functionCall": call} for call in _calls(message)]
        contents.append({"role": name, "parts": [*_parts(message), *calls]})
    return contents


def _calls(message: Any) -> list[Any]:
    if not isinstance(message, dict):
        return []
    calls = [call.get("function") or {} for call in dicts(message.get("tool_calls"))]
    one = message.get("function_call")
    return [*calls, one] if isinstance(one, dict) else calls


def _parts(message: Any) -> list[dict[str, Any]]:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return [{"text": content}]
    return [_part(part) for part in dicts(content)]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    held = part.get(kind) if isinstance(kind, str) else None
    if kind in ("text", "refusal"):
        return {"text": held}
    if kind == "image_url":
        url = held.get("url") if isinstance(held, dict) else held
        return _file(str(url or ""), "image/*")
    if kind == "input_audio" and isinstance(held, dict):
        mime = f"audio/{held.get('format', '*')}"
        return {"inlineData": {"mimeType": mime, "data": held.get("data")}}
    if kind == "file" and isinstance(held, dict):
        return _file(str(held.get("file_data") or held.get("file_id") or ""), "application/pdf")
    return {}


def _file(url: str, mime: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"fileData": {"mimeType": mime, "fileUri": url}}
    head, _, data = url[5:].partition(",")
    return {"inlineData": {"mimeType": head.partition(";")[0] or mime, "data": data}}


def _tool(tool: Any) -> dict[str, Any]:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind == "function":
        return {"functionDeclarations": [tool.get("function")]}
    return {str(kind): tool}


def _calling(body: dict[str, Any]) -> dict[str, Any] | None:
    choice = body.get("tool_choice", body.get("function_call"))
    if choice is None:
        return None
    mode = "ANY" if isinstance(choice, dict) or choice == "required" else str(choice).upper()
    return {"functionCallingConfig": {"mode": mode}}


def _generation(body: dict[str, Any]) -> dict[str, Any]:
    config = {name: body[key] for key, name in _SETTINGS.items() if body.get(key) is not None}
    cap = next((body[key] for key in CAPS if body.get(key) is not None), None)
    if cap is not None:
        config["maxOutputTokens"] = cap
    stop = body.get("stop")
    if stop is not None:
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    form = body.get("response_format")
    if isinstance(form, dict) and form.get("type") not in (None, "text"):
        config["responseMimeType"] = "application/json"
    modalities = body.get("modalities")
    if isinstance(modalities, list):
        config["responseModalities"] = [str(each).upper() for each in modalities]
    thinking = dict(thinking_of(body))
    effort = body.get("reasoning_effort")
    if isinstance(effort, str) and effort == "none":
        thinking["thinkingBudget"] = 0
    elif isinstance(effort, str):
        thinking["thinkingLevel"] = effort.upper()
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def as_answer(value: Any) -> Any:
    """An answer, or a chunk of one, in generateContent's form; what is neither stays as it is."""
    if not isinstance(value, dict) or "choices" not in value:
        return value
    candidates = [_candidate(choice) for choice in dicts(value["choices"])]
    answer: dict[str, Any] = {"candidates": candidates, "modelVersion": value.get("model")}
    answer["usageMetadata"] = usage_of(value)
    return {name: held for name, held in answer.items() if held is not None}


def _candidate(choice: dict[str, Any]) -> dict[str, Any]:
    message = choice.get("message", choice.get("delta"))
    message = message if isinstance(message, dict) else {}
    extra = message.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    thought = google.get("thought") if isinstance(google, dict) else None
    parts = [{**part, "thought": thought} for part in _parts(message)]
    parts += [{"functionCall": call} for call in _calls(message)]
    if message.get("refusal"):
        parts.append({"text": message["refusal"]})
    if message.get("audio"):
        parts.append({"inlineData": message["audio"]})
    candidate: dict[str, Any] = {"content": {"parts": parts}, "index": choice.get("index")}
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason:
        # Gemini's path says why behind it: `content_filter: RECITATION`, and of a call that is none
        # `function_call_filter: MALFORMED_FUNCTION_CALL`.
        filtered = reason.startswith("content_filter")
        word = reason.removeprefix("function_call_filter: ")
        candidate["finishReason"] = "SAFETY" if filtered else _FINISHED.get(word, word.upper())
    return candidate


def google_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What only Gemini has."""
    extra = body.get("extra_body")
    google = extra.get("google") if isinstance(extra, dict) else None
    return google if isinstance(google, dict) else {}


def thinking_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Gemini's own setting of thinking."""
    config = google_of(body).get("thinking_config")
    return config if isinstance(config, dict) else {}


def role_of(message: Any) -> str:
    """Who says a message; "" where it is none."""
    return str(message.get("role")) if isinstance(message, dict) else ""


def dicts(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list; none of anything else."""
    return (each for each in _list(value) if isinstance(each, dict))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
