"""What a request uses that not every model can do, in the words of `ModelCard.lacks`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from balancer.core.routes import RUNNING_TURN

from .media import Found, find_media
from .members import camel, child, member

__all__ = ["kinds_of", "media_kind", "read_needs"]

_APART = frozenset(
    f"tools.{name}"
    for name in ("googleSearch", "googleMaps", "urlContext", "codeExecution", "fileSearch")
)
"""Built-in tools that models before Gemini 3 take neither with functions nor with a JSON format
[D]; those that use computers take functions of the caller beside."""
_VIDEO_SITES = ("youtube.com/", "youtu.be/")


def read_needs(
    body: Any, *, kinds: Iterable[str] | None = None, answers_tool: bool, structured: bool
) -> frozenset[str]:
    """What a request body uses.

    Args:
        body: of generateContent or streamGenerateContent.
        kinds: of what its contents hold, where the caller has read them.
        answers_tool: its last turn is running: it answers a function call of the model.
        structured: its answer has to keep to a format.
    """
    needs = {f"inputs.{kind}" for kind in (kinds_of(find_media(body)) if kinds is None else kinds)}
    generation = child(body, "generationConfig")
    modalities = member(generation, "responseModalities")
    for word in modalities if isinstance(modalities, list) else ():
        if word not in (None, "MODALITY_UNSPECIFIED"):
            needs.add(f"outputs.{str(word).lower()}")
    if member(generation, "speechConfig"):
        needs.add("outputs.audio")
    if member(generation, "imageConfig"):
        needs.add("outputs.image")
    tools = member(body, "tools")
    for tool in tools if isinstance(tools, list) else ():
        for name in map(camel, tool) if isinstance(tool, Mapping) else ():
            needs.add("tools.functions" if name == "functionDeclarations" else f"tools.{name}")
    if member(body, "systemInstruction"):
        needs.add("system_instruction")
    if member(body, "cachedContent"):
        needs.add("caching")
    if answers_tool:
        needs.update((RUNNING_TURN, "tools.functions"))
    built_in = needs & _APART
    if sum((structured, "tools.functions" in needs, bool(built_in))) > 1:
        needs.add("json_with_functions")
    return frozenset(needs)


def kinds_of(media: Iterable[Found]) -> set[str]:
    """Kinds of media, in the words of `ModelCard.inputs`."""
    return {media_kind(mime, uri) for mime, _, uri in media}


def media_kind(mime: Any, uri: str = "") -> str:
    """What a part is, by its type: text, image, audio, video, or else a document."""
    kind = str(mime or "").lower().partition("/")[0]
    if not kind and any(site in uri for site in _VIDEO_SITES):
        return "video"
    return kind if kind in ("text", "image", "audio", "video") else "document"
