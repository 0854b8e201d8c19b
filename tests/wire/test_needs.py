"""What a request uses that not every model can do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.routes import RUNNING_TURN
from balancer.prices import default_catalog
from balancer.wire import read_asked, read_needs

PRO = default_catalog().card("gemini-2.5-pro")


def needs(**body: Any) -> set[str]:
    """Of a body."""
    return set(read_asked(body, "gemini-2.5-pro").needs)


def said(*parts: Any) -> list[Any]:
    """A turn of the user."""
    return [{"role": "user", "parts": list(parts)}]


def test_text_needs_nothing() -> None:
    """Every model takes it."""
    assert needs(contents=said({"text": "hi"})) == set()


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "AA=="}}, "image"),
        ({"inline_data": {"mime_type": "audio/ogg", "data": "AA=="}}, "audio"),
        ({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://a"}}, "video"),
        ({"fileData": {"fileUri": "https://youtu.be/x"}}, "video"),
        ({"fileData": {"fileUri": "gs://a"}}, "document"),
        ({"inlineData": {"mimeType": "application/pdf", "data": "AA=="}}, "document"),
        ({"inlineData": {"mimeType": "text/csv", "data": "AA=="}}, "text"),
    ],
)
def test_what_a_part_holds_is_an_input(part: dict[str, Any], kind: str) -> None:
    """By its type, wherever it stands in the conversation."""
    assert needs(contents=[*said(part), *said({"text": "?"})]) == {f"inputs.{kind}"}


def test_a_function_may_answer_with_a_picture() -> None:
    """Parts lie in its response; the turn is running."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    answer = {"functionResponse": {"name": "f", "response": {}, "parts": [picture]}}
    assert needs(contents=said(answer)) == {"inputs.image", "tools.functions", RUNNING_TURN}


@pytest.mark.parametrize(
    ("generation", "found"),
    [
        ({"responseModalities": ["TEXT", "IMAGE"]}, {"outputs.text", "outputs.image"}),
        ({"response_modalities": ["AUDIO"], "speechConfig": {"v": 1}}, {"outputs.audio"}),
        ({"imageConfig": {"aspectRatio": "1:1"}}, {"outputs.image"}),
        ({"responseModalities": ["MODALITY_UNSPECIFIED"]}, set()),
    ],
)
def test_what_is_asked_for_is_an_output(generation: dict[str, Any], found: set[str]) -> None:
    """By modality, or by what is set for it."""
    assert needs(generationConfig=generation) == found


def test_tools_go_by_the_name_they_have_in_a_request() -> None:
    """Under either spelling."""
    tools: list[Any] = [{"google_search": {}}, {"urlContext": {}}]
    assert needs(tools=tools) == {"tools.googleSearch", "tools.urlContext"}
    assert needs(tools=[{"functionDeclarations": [{"name": "f"}]}]) == {"tools.functions"}


def test_functions_built_in_tools_and_a_format_go_together_only_from_gemini_3_on() -> None:
    """Two of them are a need of their own; functions beside computerUse are none."""
    functions = {"functionDeclarations": [{"name": "f"}]}
    search: dict[str, Any] = {"google_search": {}}
    json = {"responseMimeType": "application/json"}
    for body in (
        {"tools": [functions, search]},
        {"tools": [functions], "generationConfig": json},
        {"tools": [search], "generationConfig": json},
    ):
        assert "json_with_functions" in needs(**body)
        assert PRO.lacks(frozenset(needs(**body))) == {"json_with_functions"}
    assert needs(generationConfig=json) == set()
    assert "json_with_functions" not in needs(tools=[functions, {"computerUse": {}}])


def test_an_instruction_and_a_cache_are_needs() -> None:
    """Gemma takes neither."""
    body = {"systemInstruction": {"parts": [{"text": "x"}]}, "cachedContent": "cachedContents/1"}
    assert needs(**body) == {"system_instruction", "caching"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
NAMES = st.sampled_from(
    [
        "contents",
        "tools",
        "generationConfig",
        "systemInstruction",
        "parts",
        "inlineData",
        "fileData",
    ]
)


@pytest.mark.slow
@given(st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON)) | JSON)
def test_any_body_has_needs_that_a_card_can_be_asked_about(body: Any) -> None:
    """Whatever stands in it."""
    found = read_needs(body, answers_tool=True, structured=True)
    assert PRO.lacks(found - {RUNNING_TURN}) <= found
