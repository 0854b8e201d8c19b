"""What a request asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from balancer.wire import Asked, bare_model, estimate_tokens, find_card, read_asked

from .cards import CATALOG
from .test_bodies import BODIES, RESULT, TALK


def test_a_plain_question_asks_for_nothing_special() -> None:
    """One token for four characters."""
    body = {"contents": [{"role": "user", "parts": [{"text": "x" * 40}]}]}
    found = read_asked(body, "models/gemini-2.5-flash")
    assert found == Asked(model="gemini-2.5-flash", prompt_tokens=10)


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        ({"maxOutputTokens": 100, "thinkingConfig": {"thinking_budget": 0}}, (100, 0, False)),
        (
            {"max_output_tokens": "100", "thinking_config": {"thinkingLevel": "low"}},
            (100, "LOW", False),
        ),
        ({"maxOutputTokens": 100.0, "responseMimeType": "application/json"}, (100, None, True)),
        ({"responseSchema": {"type": "OBJECT"}}, (None, None, True)),
        ({"response_json_schema": {"type": "object"}}, (None, None, True)),
        ({"responseMimeType": "text/x.enum"}, (None, None, True)),
        ({"responseMimeType": "text/plain"}, (None, None, False)),
        (
            {"maxOutputTokens": True, "thinkingConfig": {"thinkingBudget": "much"}},
            (None, None, False),
        ),
        ({"maxOutputTokens": -3, "thinkingConfig": {"thinkingBudget": -2}}, (None, None, False)),
    ],
)
def test_generation_settings_are_read_in_any_spelling(
    generation: dict[str, Any], expected: tuple[Any, Any, bool]
) -> None:
    """Odd values count as not said."""
    found = read_asked({"generationConfig": generation})
    assert (found.output_cap_tokens, found.thinking, found.structured) == expected


def test_what_needs_its_tools_is_seen() -> None:
    """Declared, forced, or in the middle of a call."""
    assert read_asked({}, needs_tools=True).needs_tools
    forced = {"tool_config": {"functionCallingConfig": {"mode": "ANY"}}}
    assert read_asked(forced).needs_tools
    assert read_asked({"contents": [*TALK[:4], RESULT]}).needs_tools
    assert not read_asked({"contents": TALK}).needs_tools


def test_what_google_keeps_for_a_model_pins_the_call_to_it() -> None:
    """Cached content, and an answer to be continued."""
    assert read_asked({"cachedContent": "cachedContents/1"}).pinned
    assert read_asked({"continuation_token": "t"}).pinned


def test_tokens_are_estimated_from_all_that_a_model_reads() -> None:
    """Bytes of text, tools and instruction included; media by their size."""
    body = {
        "contents": [
            {"role": "user", "parts": [{"text": "日本" * 4}]},
            {
                "role": "user",
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "A" * 4096}}],
            },
            {"role": "user", "parts": [{"fileData": {"fileUri": "files/1"}}]},
        ],
        "systemInstruction": {"parts": [{"text": "x" * 8}]},
        "tools": [{"functionDeclarations": [{"name": "look"}]}],
        "labels": {"team": "x" * 400},
    }
    assert estimate_tokens(body) == 24 // 4 + 8 // 4 + 1 + 258 + 258


@given(BODIES)
def test_any_body_can_be_read(body: dict[str, Any]) -> None:
    """Whatever stands in it."""
    found = read_asked(body)
    assert found.prompt_tokens >= 0
    assert found.output_cap_tokens is None or found.output_cap_tokens >= 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gemini-2.5-flash", "gemini-2.5-flash"),
        ("models/gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("publishers/google/models/gemini-2.5-pro-preview-06-05", "gemini-2.5-pro"),
        ("gemini-2.5-flash-lite-preview-09-2025", "gemini-2.5-flash-lite"),
        ("gemini-2.5-flash-image", "gemini-2.5-flash-image"),
        ("gemini-2.5-flash-native-audio", None),
        ("tunedModels/gemini-2.5-flash", None),
        ("projects/p/locations/l/endpoints/gemini-2.5-flash", None),
        ("tunedModels/mine", None),
        ("", None),
    ],
)
def test_a_card_is_found_under_a_version_s_name(name: str, expected: str | None) -> None:
    """But not under another model's."""
    card = find_card(CATALOG, name)
    assert (card.name if card else None) == expected


def test_a_model_s_name_stands_at_the_end_of_its_path() -> None:
    """Before the method."""
    path = "projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent"
    assert bare_model(path) == "gemini-2.5-pro"


@pytest.mark.parametrize(
    "body",
    [
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
        {"tool_config": {"function_calling_config": {"mode": "validated"}}},
        {"generationConfig": {"responseModalities": ["Text", "Image"]}},
        {"generationConfig": {"speech_config": {"languageCode": "de"}}},
        {"generationConfig": {"imageConfig": {}}},
        {"generationConfig": {"responseMimeType": "application/json"}},
    ],
)
def test_what_a_cut_would_tear_is_no_free_text(body: dict[str, Any]) -> None:
    """A format, a forced call, an image, speech."""
    found = read_asked(body)
    assert (found.tearable, found.takes_text) == (True, False)
    assert read_asked({"generationConfig": {"responseModalities": ["TEXT"]}}).takes_text


def test_a_model_that_uses_computers_needs_its_tool() -> None:
    """It is refused without."""
    found = read_asked({"tools": [{"computer_use": {"environment": "ENVIRONMENT_BROWSER"}}]})
    assert (found.needs_tools, found.tearable, found.takes_text) == (True, False, False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("\ud800x", "(other)"),
        ("models/a\0b", "(other)"),
        ("publishers/google/models/<b>:predict", "(other)"),
        ("tunedModels/\udfff", "(other)"),
        ("(other)", "(other)"),
        ("é", "(other)"),
        ("gemini 3", "(other)"),
        ("gemini-3.8-flash\n", "(other)"),
        ("claude-sonnet-4@20250514", "claude-sonnet-4@20250514"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("endpoints/", "endpoints/"),
        ("models/", ""),
        ("", ""),
    ],
)
def test_what_can_be_no_name_is_counted_with_others(name: str, expected: str) -> None:
    """A body may hold any text in its place, and whoever counts calls shows their names."""
    assert bare_model(name) == expected


@pytest.mark.parametrize("prefix", ["", "models/", "publishers/google/models/"])
def test_a_name_longer_than_any_is_cut(prefix: str) -> None:
    """A body may hold megabytes of one, and whoever counts calls keeps their names."""
    found = bare_model(prefix + "q" * 1_000_000)
    assert found == "q" * 256
    assert find_card(CATALOG, prefix + "q" * 1_000_000) is None
