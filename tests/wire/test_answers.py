"""How calls end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.observations import FAILURES
from balancer.core.surcharges import Media
from balancer.wire import Answer, AnswerReader, Usage, read_answer, read_usage

from .cards import FLASH, FLASH_3, PLAIN
from .test_bodies import VALUES

WHOLE: dict[str, Any] = {
    "candidates": [
        {
            "content": {"parts": [{"text": "Hello."}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 18,
        "candidatesTokenCount": 80,
        "thoughtsTokenCount": 35,
        "totalTokenCount": 133,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 18}],
        "serviceTier": "standard",
    },
    "modelVersion": "gemini-2.5-flash",
    "responseId": "r",
}
USAGE = Usage(prompt_tokens=18, output_tokens=80, thinking_tokens=35)
SERVED = Answer(
    failure=None, finish_reason="STOP", usage=USAGE, model="gemini-2.5-flash", tier="standard"
)


def candidate(reason: str | None, *parts: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """A body with one candidate."""
    found: dict[str, Any] = {"content": {"role": "model"}, "index": index}
    if parts:
        found["content"]["parts"] = list(parts)
    if reason is not None:
        found["finishReason"] = reason
    return {"candidates": [found]}


def test_a_complete_answer() -> None:
    """With its usage."""
    assert read_answer(WHOLE) == SERVED


def test_an_answer_cut_by_the_cap_is_an_answer() -> None:
    """The caller has text."""
    assert read_answer(candidate("MAX_TOKENS", {"text": "Hel"})).failure is None


@pytest.mark.parametrize(
    "body",
    [
        candidate("MAX_TOKENS"),
        candidate("STOP", {"text": ""}),
        candidate("MAX_TOKENS", {"text": "Hm.", "thought": True}),
        candidate("STOP", {"text": "", "thoughtSignature": "x"}),
        candidate("OTHER"),
        {"usageMetadata": {"promptTokenCount": 1}},
        {},
    ],
)
def test_an_answer_without_content_is_empty(body: dict[str, Any]) -> None:
    """Thoughts and signatures are no content."""
    assert read_answer(body).failure == "empty"


@pytest.mark.parametrize(
    "part",
    [
        {"functionCall": {"name": "look"}},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {"executable_code": {"code": "1"}},
        {"somethingNew": {}},
    ],
)
def test_content_need_not_be_text(part: dict[str, Any]) -> None:
    """A function call is an answer; so is what we do not know yet."""
    assert read_answer(candidate("STOP", part)).failure is None


@pytest.mark.parametrize(
    "body",
    [
        {"promptFeedback": {"blockReason": "SAFETY"}},
        {"prompt_feedback": {"block_reason": "OTHER"}},
        candidate("SAFETY"),
        candidate("PROHIBITED_CONTENT"),
        candidate("RECITATION", {"text": "It was the"}),
    ],
)
def test_a_block_is_a_complete_outcome(body: dict[str, Any]) -> None:
    """The model did its work and said no."""
    found = read_answer(body)
    assert (found.failure, found.blocked) == (None, True)


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
def test_output_nobody_can_use_is_malformed(reason: str) -> None:
    """And billed."""
    found = read_answer({**candidate(reason), "usageMetadata": WHOLE["usageMetadata"]})
    assert (found.failure, found.usage) == ("malformed", USAGE)


@pytest.mark.parametrize("body", [None, [], "text", 3])
def test_what_does_not_parse_is_malformed(body: Any) -> None:
    """As a whole."""
    assert read_answer(body).failure == "malformed"


def test_a_stream_counts_its_last_usage() -> None:
    """Each chunk's is a running total, and the last chunk may have none."""
    reader = AnswerReader()
    reader.add({**candidate(None, {"text": "He"}), "usageMetadata": {"promptTokenCount": 18}})
    reader.add({**candidate(None, {"text": "llo"}), "usageMetadata": WHOLE["usageMetadata"]})
    assert not reader.finished
    reader.add(candidate("STOP"))
    assert reader.finished
    assert reader.answer() == replace(SERVED, model="")


def test_a_stream_without_finish_reason_is_cut() -> None:
    """The clients pass it on in silence."""
    reader = AnswerReader()
    assert reader.answer().failure == "cut"
    reader.add(candidate(None, {"text": "He"}))
    assert reader.answer().failure == "cut"


def test_every_candidate_has_to_finish() -> None:
    """Of those that began."""
    reader = AnswerReader()
    reader.add(candidate("STOP", {"text": "a"}))
    reader.add(candidate(None, {"text": "b"}, index=1))
    assert reader.answer().failure == "cut"
    reader.add(candidate("MAX_TOKENS", index=1))
    assert reader.answer() == Answer(failure=None, finish_reason="STOP")


def test_an_error_inside_a_stream_is_the_stream_s_outcome() -> None:
    """Whatever came before."""
    reader = AnswerReader()
    reader.add(candidate(None, {"text": "He"}))
    reader.add({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}})
    found = reader.answer()
    assert found.failure == "overloaded"
    assert found.error is not None
    assert found.error.code == 503


def test_prompt_tokens_include_cached_ones_and_tools_results() -> None:
    """As they are billed."""
    usage = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "toolUsePromptTokenCount": 7,
        "candidatesTokenCount": 10,
    }
    found = read_usage({"usageMetadata": usage})
    assert found == Usage(prompt_tokens=107, cached_tokens=60, output_tokens=10)
    # 47 at 0.30, 60 at 0.03 and 10 at 2.50 dollars a million
    assert found.cost_nano_usd(FLASH) == 14_100 + 1_800 + 25_000
    assert (found + found).prompt_tokens == 214


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("18", 18),
        (True, 0),
        (-1, 0),
        (float("nan"), 0),
        (float("inf"), 1 << 40),
        (10**400, 1 << 40),
        (None, 0),
        ("x", 0),
        ([], 0),
        (2.9, 2),
    ],
)
def test_odd_counts_do_not_break_a_call(value: Any, expected: int) -> None:
    """They come from outside."""
    found = read_usage({"usage_metadata": {"candidates_token_count": value}})
    assert found == Usage(output_tokens=expected)


@given(st.lists(VALUES, max_size=3), st.booleans())
def test_any_chunks_give_an_outcome(chunks: list[Any], streamed: bool) -> None:
    """Whatever stands in them."""
    reader = AnswerReader(streamed=streamed)
    for chunk in chunks:
        reader.add(chunk)
        reader.add({"candidates": chunk, "usageMetadata": chunk, "promptFeedback": chunk})
        reader.add({"candidates": [chunk, {"content": chunk}, {"content": {"parts": [chunk]}}]})
    assert reader.answer().failure in (None, *FAILURES)


@pytest.mark.parametrize("reason", ["MODEL_ARMOR", "IMAGE_SAFETY", "NEW_POLICY_BLOCK", "LANGUAGE"])
def test_filters_that_nobody_has_heard_of_block_too(reason: str) -> None:
    """The model would say no again."""
    found = read_answer(candidate(reason))
    assert (found.failure, found.blocked) == (None, True)


def test_an_error_in_a_list_is_the_streams_outcome() -> None:
    """With its kind and its delay."""
    reader = AnswerReader()
    reader.add([{"error": {"code": 429, "message": "Please retry in 9s."}}])
    found = reader.answer()
    assert found.failure == "quota_minute"
    assert found.error is not None
    assert found.error.retry_after_s == 9.0


def test_an_hour_of_audio_has_its_price() -> None:
    """8 tokens of text, 115,200 of sound, 500 out: $0.1164524 on 2.5-flash."""
    details = [
        {"modality": "TEXT", "tokenCount": 8},
        {"modality": "AUDIO", "tokenCount": 115_200},
        {"modality": "SMELL", "tokenCount": 3},
        "odd",
    ]
    usage = read_usage(
        {
            "usageMetadata": {
                "promptTokenCount": 115_208,
                "candidatesTokenCount": 500,
                "promptTokensDetails": details,
            }
        }
    )
    assert usage is not None
    assert usage.cost_nano_usd(FLASH) == 116_452_400
    assert (usage + usage).surcharge_nano_usd(FLASH) == 2 * usage.surcharge_nano_usd(FLASH)
    assert usage.surcharge_nano_usd(PLAIN) == usage.surcharge_nano_usd(None) == 0


def test_media_are_read_from_prompt_cache_tools_and_answer() -> None:
    """Cached ones are no more than there are."""
    usage = read_usage(
        {
            "usage_metadata": {
                "prompt_token_count": 900,
                "prompt_tokens_details": [{"modality": "audio", "token_count": 300}],
                "cache_tokens_details": [{"modality": "AUDIO", "tokenCount": 500}],
                "tool_use_prompt_tokens_details": [{"modality": "IMAGE", "tokenCount": 7}],
                "candidates_tokens_details": [{"modality": "IMAGE", "tokenCount": 1290}],
            }
        }
    )
    assert usage is not None
    assert usage.media == (Media("image", 7, 0, 1290), Media("audio", 300, 300, 0))


def test_searches_are_counted_once_however_often_chunks_repeat_them() -> None:
    """By candidate; and they cost by prompt up to 2.5, by query from 3 on."""
    reader = AnswerReader()
    for queries in (["a"], ["a", "b"], None):
        body = candidate("STOP", {"text": "x"})
        body["candidates"][0]["groundingMetadata"] = {
            "webSearchQueries": queries,
            "groundingChunks": [{"web": {}}],
        }
        reader.add(body)
    usage = reader.usage
    assert usage is not None
    assert (usage.searches, usage.maps) == (2, 0)
    assert usage.surcharge_nano_usd(FLASH) == 35_000_000
    assert usage.surcharge_nano_usd(FLASH_3) == 28_000_000


def test_maps_are_grounding_of_their_own() -> None:
    """Known by what was found."""
    body = candidate("STOP", {"text": "x"})
    body["candidates"][0]["groundingMetadata"] = {"groundingChunks": [{"maps": {}}, {"maps": {}}]}
    usage = read_answer(body).usage
    assert usage is not None
    assert usage.surcharge_nano_usd(FLASH) == 25_000_000
