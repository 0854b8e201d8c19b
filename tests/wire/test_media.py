"""The most that a prompt's media may come to, and what a call is charged for beside tokens."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from balancer.wire import read_asked

PICTURE, UNBOUNDED = 17 * 258, 1 << 30


def part(mime: str, size: int) -> dict[str, Any]:
    """Data in a prompt."""
    data = base64.b64encode(b"x" * size).decode()
    return {"inlineData": {"mimeType": mime, "data": data}}


def media(*parts: Any, prompt_tokens: int | None = None) -> dict[str, int]:
    """Of a request."""
    body = {"contents": [{"role": "user", "parts": [{"text": "Describe."}, *parts]}]}
    return dict(read_asked(body, prompt_tokens=prompt_tokens).media)


@pytest.mark.parametrize(
    ("mime", "size", "found"),
    [
        ("image/png", 100, {"image": PICTURE}),
        ("audio/mp3", 31_000, {"audio": 2120}),
        ("video/mp4", 27_000, {"video": 2120}),
        ("application/pdf", 2_000, {"document": 2120}),
        ("text/csv", 2_000, {"document": 2120}),
        ("new/kind", 27_000, {"video": 2120}),
    ],
)
def test_the_most_follows_from_the_size(mime: str, size: int, found: dict[str, int]) -> None:
    """At the lowest bit rate that anybody sends; a picture's pixels are not counted."""
    assert media(part(mime, size)) == found


def test_media_of_a_kind_add_up() -> None:
    """Snake case too."""
    blob = part("audio/mp3", 31_000)["inlineData"]
    snake = {"inline_data": {"mime_type": blob["mimeType"], "data": blob["data"]}}
    assert media(part("audio/wav", 31_000), snake, part("image/png", 1)) == {
        "image": PICTURE,
        "audio": 4240,
    }


def test_a_file_that_is_only_named_may_fill_all_there_is() -> None:
    """Unless it is a picture, or the caller knows how long the prompt is."""
    sound = {"fileData": {"mimeType": "audio/mp3", "fileUri": "gs://b/talk.mp3"}}
    address = {"file_data": {"file_uri": "https://youtu.be/x"}}
    picture = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/x.png"}}
    assert media(sound, address) == {"audio": UNBOUNDED, "video": UNBOUNDED}
    assert media(picture) == {"image": PICTURE}
    assert media(sound, prompt_tokens=115_208) == {"audio": 115_208}


@pytest.mark.parametrize("parts", [(), ("odd", 7, None, {"inlineData": {"mimeType": 3}})])
def test_text_has_no_media(parts: tuple[Any, ...]) -> None:
    """Nor has what is none."""
    assert media(*parts) == {}


@pytest.mark.parametrize(
    ("tools", "fees"),
    [
        ([{"googleSearch": {}}], {"search"}),
        ([{"google_search": {}}, {"googleMaps": {}}], {"search", "maps"}),
        ([{"enterpriseWebSearch": {}}], {"search"}),
        ([{"functionDeclarations": []}, {"urlContext": {}}], set()),
        ("odd", set()),
        (None, set()),
    ],
)
def test_tools_say_what_a_call_may_be_charged_for(tools: Any, fees: set[str]) -> None:
    """Beside its tokens."""
    assert read_asked({"contents": [], "tools": tools}).fees == fees
