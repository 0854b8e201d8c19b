"""What Gemini refuses: every rule, and what stands next to it and is taken."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.catalog import ModelCard
from sim.mock_gemini.refusals import Refusal
from sim.mock_gemini.strict import check

from .models import COMPUTER, GEMMA, IMAGE, SPEECH, THIRD, THIRD_FAST, TWO, TWO_LITE, TWO_PRO

Body = dict[str, Any]


def said(*parts: Body, role: str = "user") -> Body:
    """A content."""
    return {"role": role, "parts": list(parts)}


def call(name: str = "look", **more: Any) -> Body:
    """A part with a call."""
    return {"functionCall": {"name": name, "args": {}}, **more}


def result(name: str = "look") -> Body:
    """A part with what it gave."""
    return {"functionResponse": {"name": name, "response": {"found": 1}}}


TEXT = {"text": "How are you?"}
ASK = said(TEXT)
TOOLS = [{"functionDeclarations": [{"name": "look"}]}]
PLACEHOLDER = "skip_thought_signature_validator"


def body(*contents: Body, config: Body | None = None, **more: Any) -> Body:
    """A request."""
    found: Body = {"contents": list(contents or (ASK,)), **more}
    return found if config is None else {**found, "generationConfig": config}


def refusal(document: Body, card: ModelCard, **more: Any) -> str:
    """Why it is refused, "" where it is taken."""
    try:
        check(document, card, **more)
    except Refusal as found:
        return f"{found.code} {found.status}: {found.message}"
    return ""


JSON = {"responseMimeType": "application/json"}
CACHED: Body = {"cachedContent": "cachedContents/1"}
THOUGHTS = {"includeThoughts": True}
SNAKE_THOUGHTS = {"include_thoughts": True}
SIGNED = said(call(thoughtSignature="c2lnbmVk"), role="model")

BROWSER = {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}}

REFUSED: dict[str, tuple[Body, ModelCard, str]] = {
    "a model that uses computers without its tool": (body(tools=TOOLS), COMPUTER, "requires"),
    "thoughts with thinking off": (
        body(config={"thinkingConfig": {**THOUGHTS, "thinkingBudget": 0}}),
        TWO,
        "include_thoughts is only enabled when thinking is enabled",
    ),
    "thoughts with thinking off, in snake case": (
        body(generation_config={"thinking_config": {**SNAKE_THOUGHTS, "thinking_budget": 0}}),
        TWO_LITE,
        "include_thoughts",
    ),
    "thoughts of a model that has none": (
        body(config={"thinkingConfig": THOUGHTS}),
        GEMMA,
        "include_thoughts",
    ),
    "an image of a text model": (
        body(config={"responseModalities": ["TEXT", "IMAGE"]}),
        TWO,
        "(IMAGE) is not supported",
    ),
    "speech of a text model": (
        body(config={"responseModalities": ["AUDIO"]}),
        THIRD,
        "(AUDIO) is not supported",
    ),
    "a voice for a text model": (body(config={"speechConfig": {}}), TWO, "Speech"),
    "an image's settings for a text model": (body(config={"imageConfig": {}}), TWO, "Image"),
    "text of a model of speech": (body(), SPEECH, "(TEXT) is not supported"),
    "an instruction for Gemma": (
        body(systemInstruction=said(TEXT)),
        GEMMA,
        "Developer instruction is not enabled",
    ),
    "a cache with an instruction": (
        body(**CACHED, systemInstruction=said(TEXT)),
        TWO,
        "CachedContent can not be used with",
    ),
    "a cache with tools": (body(**CACHED, tools=TOOLS), TWO, "CachedContent"),
    "a cache with a tool config": (
        body(**CACHED, toolConfig={"retrievalConfig": {"languageCode": "en"}}),
        TWO,
        "CachedContent",
    ),
    "a cache where there is no caching": (body(**CACHED), IMAGE, "not supported"),
    "fewer results than calls": (
        body(ASK, said(call(), call(), role="model"), said(result())),
        TWO,
        "is equal to the number",
    ),
    "more results than calls": (
        body(ASK, said(call(), role="model"), said(result(), result())),
        TWO,
        "is equal to",
    ),
    "results that come later": (
        body(ASK, said(call(), role="model"), ASK, said(result())),
        TWO,
        "is equal to",
    ),
    "results without a call": (body(ASK, said(result())), TWO, "immediately after a function call"),
    "a call at the end": (body(ASK, said(call(), role="model")), TWO, "has its response turn"),
    "a history that begins with a call": (
        body(said(call(), role="model"), said(result())),
        TWO,
        "immediately after a user turn",
    ),
    "a call after the model's own turn": (
        body(ASK, said(TEXT, role="model"), said(call(), role="model"), said(result())),
        TWO,
        "immediately after a user turn",
    ),
    "a call that the user makes": (body(said(call()), said(result())), TWO, "of the role model"),
    "a result that the model gives": (
        body(ASK, said(call(), role="model"), said(result(), role="model")),
        TWO,
        "role user",
    ),
    "a call without its signature": (
        body(ASK, said(call(), role="model"), said(result())),
        THIRD,
        "missing a thought_signature",
    ),
    "a second step without its signature": (
        body(ASK, SIGNED, said(result()), said(call(), role="model"), said(result())),
        THIRD_FAST,
        "missing a thought_signature",
    ),
    "functions with JSON on 2.x": (
        body(tools=TOOLS, config=JSON),
        TWO,
        "'application/json' is unsupported",
    ),
    "functions beside search on 2.x": (
        body(tools=[*TOOLS, {"google_search": {}}]),
        TWO_PRO,
        "cannot be combined",
    ),
    "a tool that the model lacks": (body(tools=TOOLS), GEMMA, "functions is not enabled"),
    "a forced call of nothing": (
        body(toolConfig={"functionCallingConfig": {"mode": "ANY"}}),
        TWO,
        "without function_decl",
    ),
    "a call allowed of what is not declared": (
        body(
            tools=TOOLS,
            toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["go"]}},
        ),
        TWO,
        "'go' is not declared",
    ),
    "names allowed where none is forced": (
        body(
            tools=TOOLS,
            toolConfig={
                "functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["look"]}
            },
        ),
        TWO,
        "only taken with",
    ),
    "a function declared twice": (body(tools=[*TOOLS, *TOOLS]), TWO, "Duplicate"),
    "a function without a name": (
        body(tools=[{"functionDeclarations": [{}]}]),
        TWO,
        "Invalid func",
    ),
    "a warm temperature": (body(config={"temperature": 2.1}), TWO, "temperature is 2.1"),
    "nine candidates": (body(config={"candidateCount": 9}), TWO, "candidateCount is 9"),
    "a cap beyond the model's": (body(config={"maxOutputTokens": 70_000}), TWO, "at most 65536"),
    "six stop sequences": (body(config={"stopSequences": list("abcdef")}), TWO, "6 stop sequences"),
    "two schemas": (
        body(config={**JSON, "responseSchema": {"type": "STRING"}, "responseJsonSchema": {"a": 1}}),
        TWO,
        "Only one of",
    ),
    "an unknown field": (body(system="Be nice."), TWO, 'Unknown name "system": Cannot find field.'),
    "an unknown field inside": (
        body(config={"max_tokens": 5}),
        TWO,
        "Unknown name \"max_tokens\" at 'generation_config'",
    ),
    "an unknown field in a part": (
        body(said({"txt": "x"})),
        TWO,
        "Unknown name \"txt\" at 'contents[0].parts[0]'",
    ),
    "a value of another kind": (body(said({"text": 5})), TWO, "(TYPE_STRING), 5"),
    "a word for a number": (body(config={"temperature": "hot"}), TWO, "(TYPE_FLOAT)"),
    "an instruction that is a text": (body(systemInstruction="Be nice."), TWO, "(Content)"),
    "an unknown word": (body(toolConfig={"functionCallingConfig": {"mode": "MAY"}}), TWO, "(Mode)"),
    "data that are no Base64": (
        body(said({"inlineData": {"mimeType": "image/png", "data": "§§"}})),
        TWO,
        "Base64 decoding",
    ),
    "a part without data": (body(said(TEXT, {"thought": True})), TWO, "parts[1].data"),
    "a part with two data": (body(said({**TEXT, **result()})), TWO, "found 2"),
    "a role that is none": (body(said(TEXT, role="system")), TWO, "use a valid role"),
    "the role of functions": (
        body(ASK, said(call(), role="model"), said(result(), role="function")),
        TWO,
        "valid role",
    ),
    "a call without a name": (body(ASK, said(call(""), role="model")), TWO, "cannot be empty"),
    "a long prompt": (
        body(said({"text": "x" * 140_000}), config={"responseModalities": ["IMAGE"]}),
        IMAGE,
        "exceeds the maximum number of tokens",
    ),
    "a medium that the model cannot read": (
        body(said({"fileData": {"mimeType": "audio/ogg", "fileUri": "files/1"}}, TEXT)),
        IMAGE,
        "Audio input modality is not enabled",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_gemini_refuses_is_refused(what: str) -> None:
    """In its form, and by words that name the trouble."""
    document, card, words = REFUSED[what]
    found = refusal(document, card)
    assert found.startswith("400 INVALID_ARGUMENT: ")
    assert words in found


TAKEN: dict[str, tuple[Body, ModelCard]] = {
    "a question": (body(), TWO),
    "functions beside a computer's tool": (body(tools=[*TOOLS, BROWSER]), COMPUTER),
    "no role": (body({"parts": [TEXT]}), GEMMA),
    "thoughts": (body(config={"thinkingConfig": {**THOUGHTS, "thinkingBudget": -1}}), TWO),
    "an image of a model of images": (
        body(config={"responseModalities": ["Text", "Image"]}),
        IMAGE,
    ),
    "speech of a model of speech": (
        body(config={"responseModalities": ["AUDIO"], "speechConfig": {"languageCode": "de"}}),
        SPEECH,
    ),
    "a cache": (body(**CACHED, config={"temperature": 2}), TWO),
    "calls at once, and their results": (
        body(ASK, said(call(), call("go"), role="model"), said(result(), result("go"))),
        TWO,
    ),
    "one signature for calls at once": (
        body(
            ASK,
            said(call(thoughtSignature="c2lnbmVk"), call("go"), role="model"),
            said(result(), result("go")),
        ),
        THIRD,
    ),
    "the placeholder": (
        body(ASK, said(call(thought_signature=PLACEHOLDER), role="model"), said(result())),
        THIRD,
    ),
    "calls without signatures in turns that are over": (
        body(ASK, said(call(), role="model"), said(result()), said(TEXT, role="model"), ASK),
        THIRD,
    ),
    "functions with JSON on 3.x": (body(tools=TOOLS, config=JSON), THIRD),
    "functions beside search on 3.x": (body(tools=[*TOOLS, {"googleSearch": {}}]), THIRD),
    "a forced call": (
        body(
            tools=TOOLS,
            tool_config={
                "function_calling_config": {"mode": "ANY", "allowed_function_names": ["look"]}
            },
        ),
        TWO,
    ),
    "numbers as texts": (body(config={"temperature": "1", "topK": "40", "seed": 1.0}), TWO),
    "text of a caller's own tools": (
        body(tools=[{"functionDeclarations": [{"name": "a", "parameters": {"any": "thing"}}]}]),
        TWO_LITE,
    ),
    "an empty member": (body(tools=None, config={"stopSequences": ["."]}), TWO),
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_gemini_takes_is_taken(what: str) -> None:
    """Strictness is no reason to refuse more than it does."""
    document, card = TAKEN[what]
    assert refusal(document, card) == ""


def test_a_cache_is_of_one_model() -> None:
    """Of that which it was made for."""
    assert "has to be the same" in refusal(body(**CACHED), TWO, cached_for=TWO_LITE.name)
    assert refusal(body(**CACHED), TWO, cached_for=TWO.name) == ""


def test_a_card_that_says_no_family_says_nothing_of_tools_and_media() -> None:
    """Such as one that somebody wrote for its price."""
    card = ModelCard(name="own", price=TWO.price, budget=None, off=False)
    picture = said({"inlineData": {"mimeType": "image/png", "data": "AA=="}})
    assert refusal(body(picture, tools=TOOLS), card) == ""
