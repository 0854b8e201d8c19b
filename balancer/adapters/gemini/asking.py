"""Reads what a caller of google-genai asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from google.genai import types

from balancer.wire import Asked, Found, kinds_of, most_media, read_asked, shape_of
from balancer.wire.members import member
from balancer.wire.validity import is_plausible as is_plausible_body

from .contents import answers_a_tool, form, grouped
from .extra_bodies import contents_of, merged
from .options import CallOptions

__all__ = ["automatic", "estimate", "is_plausible", "read_call", "shape"]

_MEDIA_TOKENS = 258  # a small image, and the least for what we cannot measure
_BYTES_PER_MEDIA_TOKEN = 512
_NOTHING: Mapping[str, Any] = {}
_NOT_READ = frozenset(("role", "mime_type", "mimeType", "thought_signature", "file_uri"))


def read_call(
    model: str,
    contents: Any,
    config: types.GenerateContentConfig | None,
    options: CallOptions,
    extra: Mapping[str, Any] = _NOTHING,
) -> Asked:
    """What a call asks for, in the terms that edits understand.

    Args:
        model, contents, config, options: the caller's.
        extra: members of the body that go before them.
    """
    contents = contents_of(contents, extra)
    media = list(_media(contents))
    asked = read_asked(
        merged({} if config is None else _settings(config), extra),
        model,
        min_output_tokens=options.min_output_tokens,
        needs_tools=bool(options.needs_tools),
        prompt_tokens=_prompt_tokens(contents, config, extra)
        if options.prompt_tokens is None
        else options.prompt_tokens,
        kinds=kinds_of(media),
        answers_tool=answers_a_tool(contents),
    )
    return replace(asked, media=most_media(media, options.prompt_tokens))


def _prompt_tokens(
    contents: Any, config: types.GenerateContentConfig | None, extra: Mapping[str, Any]
) -> int:
    instruction, tools = member(extra, "systemInstruction"), member(extra, "tools")
    if config is not None:
        instruction = config.system_instruction if instruction is None else instruction
        tools = config.tools if tools is None else tools
    return estimate([contents, instruction, tools])


def _settings(config: types.GenerateContentConfig) -> dict[str, Any]:
    """The members of a request body that say what cannot be taken from a call."""
    thinking = config.thinking_config
    level = getattr(thinking, "thinking_level", None)
    calling = getattr(config.tool_config, "function_calling_config", None)
    return {
        "cachedContent": config.cached_content,
        "serviceTier": config.service_tier,
        "continuationToken": getattr(config, "continuation_token", None),
        "toolConfig": {"functionCallingConfig": {"mode": _word(getattr(calling, "mode", None))}},
        "systemInstruction": config.system_instruction is not None,
        "tools": [_members(tool) for tool in config.tools or ()],
        "generationConfig": {
            "responseModalities": [_word(kind) for kind in config.response_modalities or ()],
            "speechConfig": config.speech_config is not None,
            "imageConfig": getattr(config, "image_config", None) is not None,
            "maxOutputTokens": config.max_output_tokens,
            "responseMimeType": config.response_mime_type,
            "responseSchema": config.response_schema is not None,
            "responseJsonSchema": config.response_json_schema is not None,
            "thinkingConfig": {
                "thinkingBudget": getattr(thinking, "thinking_budget", None),
                "thinkingLevel": _word(level),
            },
        },
    }


def _media(contents: Any) -> Iterator[Found]:
    """Media in whatever the SDK takes as contents."""
    stack = [contents]
    while stack:
        item = stack.pop()
        if isinstance(item, list | tuple):
            stack.extend(item)
        elif isinstance(item, types.Blob):
            yield Found(item.mime_type or "", len(item.data or b""))
        elif isinstance(item, types.FileData | types.File):
            uri = getattr(item, "file_uri", None) or getattr(item, "uri", None)
            yield Found(item.mime_type or "", uri=str(uri or ""))
        elif isinstance(item, dict):
            yield from _named(item, stack)
        elif isinstance(item, types.Content):
            stack.extend(item.parts or ())
        elif isinstance(item, types.Part):
            stack += [item.inline_data, item.file_data]
        elif not (item is None or isinstance(item, str) or hasattr(item, "model_fields_set")):
            yield Found("image/png")  # a picture of PIL's


def _named(item: dict[str, Any], stack: list[Any]) -> Iterator[Found]:
    """A part as a dict, or what holds one."""
    mime = str(item.get("mime_type") or item.get("mimeType") or "")
    data = item.get("data")
    uri = item.get("file_uri") or item.get("fileUri") or (item.get("uri") if mime else None)
    if mime and isinstance(data, bytes | str):
        yield Found(mime, len(data))
    elif uri:
        yield Found(mime, uri=str(uri))
    else:
        stack.extend(value for value in item.values() if isinstance(value, dict | list))


def shape(config: types.GenerateContentConfig | None, extra: Mapping[str, Any] = _NOTHING) -> str:
    """Names of what a config says, as `balancer.wire.shape_of` has them of a body."""
    if config is None:
        return shape_of(extra)
    members = {name: value for name, value in vars(config).items() if value is not None}
    tools = members.pop("tools", None) or ()
    thinking = members.pop("thinking_config", None)
    body = {
        "generationConfig": members | {"thinkingConfig": _members(thinking)},
        "tools": [_members(tool) for tool in tools],
    }
    return shape_of(merged(body, extra))


def _members(value: Any) -> dict[str, Any]:
    """What a model or a dict of the SDK's says; a plain function declares itself."""
    if isinstance(value, dict):
        return value
    if hasattr(value, "model_fields_set"):
        return {name: item for name, item in vars(value).items() if item is not None}
    return {} if value is None else {"functionDeclarations": True}


def _word(value: Any) -> Any:
    return getattr(value, "value", value)


def is_plausible(
    contents: Any,
    config: types.GenerateContentConfig | None,
    extra: Mapping[str, Any] = _NOTHING,
) -> bool:
    """As `balancer.wire.is_plausible`, for whatever the SDK takes as contents."""
    settings = {} if config is None else vars(config)
    forms = [form(content) for content in grouped(contents)]
    body = {"contents": forms, "generationConfig": settings}
    return is_plausible_body(merged(body, extra))


def automatic(config: types.GenerateContentConfig | None) -> bool:
    """Whether the SDK may call functions by itself and ask the model again."""
    if config is None or not config.tools:
        return False
    calling = config.automatic_function_calling
    if calling is not None and calling.disable:
        return False
    return any(not isinstance(tool, types.Tool | dict) for tool in config.tools)


def estimate(value: Any) -> int:
    """About how many tokens something is that the SDK takes as contents."""
    text = tokens = 0
    for leaf in _leaves(value):
        if isinstance(leaf, str):
            text += len(leaf) if leaf.isascii() else len(leaf.encode(errors="replace"))
        elif isinstance(leaf, bytes | bytearray):
            tokens += max(_MEDIA_TOKENS, len(leaf) // _BYTES_PER_MEDIA_TOKEN)
        else:
            tokens += _MEDIA_TOKENS
    return -(-text // 4) + tokens


def _leaves(value: Any) -> Iterator[Any]:
    stack = [value]
    while stack:
        item = stack.pop()
        if item is None or isinstance(item, bool | int | float):
            continue
        if isinstance(item, str | bytes | bytearray):
            yield item
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif isinstance(item, types.File | types.FileData):
            yield item
        elif isinstance(item, dict):
            stack.extend(inner for key, inner in item.items() if key not in _NOT_READ)
        elif hasattr(item, "model_fields_set"):
            stack.extend(inner for key, inner in vars(item).items() if key not in _NOT_READ)
        elif callable(item):
            yield f"{getattr(item, '__name__', '')}{getattr(item, '__doc__', '') or ''}"
        elif not hasattr(item, "value"):  # an enum's member costs nothing
            yield item
