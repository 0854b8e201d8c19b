"""Requests that Gemini takes: every feature that a request may use, as its model has them.

`requests()` draws a model and a body that the strict mock takes as it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from balancer.core.catalog import ModelCard
from balancer.core.strategy import Strategy
from balancer.prices import default_catalog
from balancer.wire.members import snake
from sim.mock_gemini.strict.functions import is_silent
from tests.mock_gemini.models import MODELS

__all__ = ["CARDS", "Valid", "requests", "strategies"]

_KNOWN = {card.name: card for card in MODELS} | {
    card.name: card for card in default_catalog().cards if not is_silent(card)
}
CARDS = tuple(card for card in _KNOWN.values() if card.outputs & {"text", "image", "audio"})
"""Models that answer, and of which it is known what they can do."""

_MIMES = {
    "image": "image/png",
    "audio": "audio/wav",
    "video": "video/mp4",
    "document": "application/pdf",
}
_WORDS = st.text("abc de.", min_size=1, max_size=12)
_NAMES = ("look", "go", "wait_for")
_BUILT_IN = ("googleSearch", "codeExecution", "urlContext")


@dataclass(frozen=True, slots=True)
class Valid:
    """A request.

    Attributes:
        card: of the model that is asked.
        body: what is asked.
    """

    card: ModelCard
    body: dict[str, Any]


@st.composite
def requests(draw: st.DrawFn) -> Valid:
    """A model and a request that it takes."""
    card = draw(st.sampled_from(CARDS))
    body: dict[str, Any] = {}
    cached = card.caching and draw(st.integers(0, 5)) == 0
    calls = "functions" in card.tools and draw(st.booleans())
    body["contents"] = _conversation(draw, card, calls=calls)
    functions = False
    if cached:
        body["cachedContent"] = "cachedContents/1"
    else:
        if card.system_instruction and draw(st.booleans()):
            body["systemInstruction"] = {"parts": [{"text": draw(_WORDS)}]}
        functions = _tools(draw, card, body, calls=calls)
    config = _generation(draw, card, functions=functions)
    if config:
        body["generationConfig"] = config
    if draw(st.integers(0, 3)) == 0:
        body["safetySettings"] = [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
        ]
    if draw(st.integers(0, 3)) == 0:
        body["labels"] = {"team": "a"}
    return Valid(card, _spelled(draw, body))


def _conversation(draw: st.DrawFn, card: ModelCard, *, calls: bool) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 3))):
        contents.append(_asks(draw, card))
        if calls and draw(st.booleans()):
            # Turns that are over need no signatures.
            contents += _steps(draw, signed=draw(st.booleans()))
        contents.append({"role": "model", "parts": [{"text": draw(_WORDS)}]})
    contents.append(_asks(draw, card))
    if calls and draw(st.booleans()):
        contents += _steps(draw, signed=card.signs_calls or draw(st.booleans()))
    return contents


def _asks(draw: st.DrawFn, card: ModelCard) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": draw(_WORDS)}]
    kinds = sorted(card.inputs & set(_MIMES))
    if kinds and draw(st.integers(0, 3)) == 0:
        mime = _MIMES[draw(st.sampled_from(kinds))]
        data = {"inlineData": {"mimeType": mime, "data": "AAAA"}}
        file = {"fileData": {"mimeType": mime, "fileUri": "files/1"}}
        parts.append(draw(st.sampled_from([data, file])))
    return {**({"role": "user"} if draw(st.booleans()) else {}), "parts": parts}


def _steps(draw: st.DrawFn, *, signed: bool) -> list[dict[str, Any]]:
    """Calls of functions and their results, step by step."""
    found: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 2))):
        names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3))
        parts: list[dict[str, Any]] = [
            {"functionCall": {"name": name, "args": {"at": "noon"}}} for name in names
        ]
        if signed:
            key = draw(st.sampled_from(["thoughtSignature", "thought_signature"]))
            parts[0][key] = "c2lnbmVk"
        results = [{"functionResponse": {"name": name, "response": {}}} for name in names]
        found += [{"role": "model", "parts": parts}, {"role": "user", "parts": results}]
    return found


def _tools(draw: st.DrawFn, card: ModelCard, body: dict[str, Any], *, calls: bool) -> bool:
    """Add tools; whether functions are among them."""
    functions = "functions" in card.tools and (calls or draw(st.booleans()))
    built_in = [name for name in _BUILT_IN if name in card.tools]
    tools: list[dict[str, Any]] = []
    if functions:
        tools.append({"functionDeclarations": [{"name": name} for name in _NAMES]})
    if built_in and (not functions or card.json_with_functions) and draw(st.integers(0, 2)) == 0:
        tools.append({draw(st.sampled_from(built_in)): {}})
    if "computerUse" in card.tools and "computer-use" in card.name:
        tools.append({"computerUse": {"environment": "ENVIRONMENT_BROWSER"}})
    if tools:
        body["tools"] = tools
    if functions and draw(st.booleans()):
        mode = draw(st.sampled_from(["AUTO", "ANY", "NONE", "VALIDATED"]))
        calling: dict[str, Any] = {"mode": mode}
        if mode in ("ANY", "VALIDATED") and draw(st.booleans()):
            calling["allowedFunctionNames"] = [draw(st.sampled_from(_NAMES))]
        body["toolConfig"] = {"functionCallingConfig": calling}
    return functions


def _generation(draw: st.DrawFn, card: ModelCard, *, functions: bool) -> dict[str, Any]:
    config = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "temperature": st.floats(0, 2),
                "topP": st.floats(0, 1),
                "candidateCount": st.integers(1, 8),
                "maxOutputTokens": st.one_of(
                    st.integers(1, 300), st.integers(1, card.output_limit_tokens)
                ),
                "stopSequences": st.lists(_WORDS, max_size=5),
                "seed": st.integers(0, 99),
            },
        )
    )
    json = "text" in card.outputs and (card.json_with_functions or not functions)
    if json and draw(st.integers(0, 2)) == 0:
        config["responseMimeType"] = "application/json"
        if draw(st.booleans()):
            config["responseSchema"] = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    outputs = sorted(word.upper() for word in card.outputs)
    if "text" not in card.outputs or draw(st.integers(0, 2)) == 0:
        config["responseModalities"] = outputs
        if "AUDIO" in outputs:
            config["speechConfig"] = {"languageCode": "de-DE"}
    thinking = _thinking(draw, card)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _thinking(draw: st.DrawFn, card: ModelCard) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not card.thinks or draw(st.booleans()):
        return found
    if card.levels:
        found["thinkingLevel"] = draw(st.sampled_from(card.levels))
    elif card.budget is not None:
        budgets = [st.just(-1), st.integers(*card.budget)]
        found["thinkingBudget"] = draw(st.one_of(*budgets, *([st.just(0)] if card.off else [])))
    if draw(st.booleans()):
        found = {}
    if found.get("thinkingBudget") != 0 and draw(st.booleans()):
        found["includeThoughts"] = True
    return found


def _spelled(draw: st.DrawFn, body: dict[str, Any]) -> dict[str, Any]:
    """Some members in snake case, as clients mix them."""
    if draw(st.booleans()):
        return body
    config = body.get("generationConfig")
    if isinstance(config, dict):
        thinking = config.get("thinkingConfig")
        if isinstance(thinking, dict):
            config = {**config, "thinkingConfig": _in_snake(thinking)}
        body = {**body, "generationConfig": _in_snake(config) if draw(st.booleans()) else config}
    return _in_snake(body) if draw(st.booleans()) else body


def _in_snake(members: dict[str, Any]) -> dict[str, Any]:
    return {snake(name): value for name, value in members.items()}


def strategies() -> st.SearchStrategy[Strategy]:
    """What any policy may do to a call."""
    return st.builds(
        Strategy,
        output_cap_tokens=st.none() | st.integers(1, 100_000),
        thinking=st.none()
        | st.integers(-1, 40_000)
        | st.sampled_from(["MINIMAL", "LOW", "MEDIUM", "HIGH"]),
        instruction=st.none() | st.just("Answer concisely."),
        tools=st.booleans(),
        history_turns=st.none() | st.integers(0, 4),
        temperature=st.none() | st.floats(0, 2),
    )
