"""The most that a prompt's media may come to, and what a call is charged for beside tokens.

A hard budget holds money for the worst case, so these are bounds where `estimate_tokens` is a
guess. Nobody knows how long a file is that is named and not sent: it may fill all that the model
reads, unless the caller says how many tokens the prompt has.

Tokens of a second of sound (32) and video (about 300), of a tile of a picture (258) and of a page
(258, up to 1,120 from Gemini 3 on) are Google's; the lowest bit rates that anybody sends, 8 kbit/s
of sound and 64 of video, are assumptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from balancer.core.surcharges import MODALITIES

from .members import is_object, member

__all__ = ["FeesByTool", "Found", "find_media", "most_media", "read_fees"]


class Found(NamedTuple):
    """A medium in a prompt.

    Attributes:
        mime: its type; "" where it does not say.
        size: in bytes; None for one that is only named.
        uri: its name.
    """

    mime: str
    size: int | None = None
    uri: str = ""


_MOST_PICTURE_TOKENS = 17 * 258  # as many tiles as a picture is cut into, and the whole of it
_PAGE_TOKENS = 1120
_BYTES_PER_TOKEN = {"audio": 31, "video": 27, "document": 2}
_UNBOUNDED = 1 << 30

FeesByTool: Mapping[str, str] = {
    "googleSearch": "search",
    "googleSearchRetrieval": "search",
    "enterpriseWebSearch": "search",
    "googleMaps": "maps",
}
"""What a built-in tool is charged as (`balancer.core.surcharges.FEES`)."""


def most_media(
    found: Iterable[Found], prompt_tokens: int | None = None
) -> tuple[tuple[str, int], ...]:
    """Modalities of a request's prompt beside text, and the most tokens of each.

    Args:
        found: media of the prompt.
        prompt_tokens: where the caller knows how many the prompt has.
    """
    most: dict[str, int] = {}
    for mime, size, _ in found:
        modality = _modality(mime)
        most[modality] = most.get(modality, 0) + _most_tokens(modality, size)
    cap = _UNBOUNDED if prompt_tokens is None else prompt_tokens
    return tuple((name, min(most[name], cap)) for name in MODALITIES if name in most)


def read_fees(tools: Any) -> frozenset[str]:
    """What a call with these tools may be charged for beside its tokens."""
    return frozenset(
        fee
        for tool in (tools if isinstance(tools, list) else [])
        for name, fee in FeesByTool.items()
        if member(tool, name) is not None
    )


def _modality(mime: str) -> str:
    kind = mime.partition("/")[0].strip().lower()
    if kind in ("text", "application"):
        return "document"
    # What does not say what it is is mostly the address of a video.
    return kind if kind in MODALITIES else "video"


def _most_tokens(modality: str, size: int | None) -> int:
    if modality == "image":
        return _MOST_PICTURE_TOKENS
    if size is None:
        return _UNBOUNDED
    return size // _BYTES_PER_TOKEN[modality] + _PAGE_TOKENS


def find_media(body: Any) -> Iterator[Found]:
    """Media in what a request body gives the model to read."""
    stack = [member(body, "contents"), member(body, "systemInstruction")]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif is_object(item):
            mime = str(member(item, "mimeType") or "")
            data = item.get("data")
            if isinstance(data, str) and mime:
                yield Found(mime, len(data) * 3 // 4)
            elif isinstance(uri := member(item, "fileUri"), str):
                yield Found(mime, uri=uri)
            else:
                stack.extend(value for value in item.values() if isinstance(value, dict | list))
