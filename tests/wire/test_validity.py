"""Mistakes that can be seen in a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from balancer.wire import is_plausible

from .test_bodies import BODY, VALUES

ASK = {"role": "user", "parts": [{"text": "How are you?"}]}
CALL = {"role": "model", "parts": [{"function_call": {"name": "look"}}]}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "look"}}]}


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [ASK]},
        {"contents": ASK},
        {"contents": [{"parts": [{"inlineData": {"data": "AA=="}}]}]},
        {"contents": [ASK, CALL, RESULT]},
        {"contents": [ASK], "generation_config": {"temperature": 2}},
        BODY,
    ],
)
def test_a_plain_request_is_plausible(body: dict[str, Any]) -> None:
    """In any spelling."""
    assert is_plausible(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contents": []},
        {"contents": ["text"]},
        {"contents": [{"role": "robot", "parts": [{"text": "x"}]}]},
        {"contents": [{"role": "user", "parts": []}]},
        {"contents": [{"role": "user", "parts": [{"txt": "x"}]}]},
        {"contents": [ASK, CALL]},
        {"contents": [ASK, RESULT]},
        {"contents": [ASK, {**CALL, "role": "user"}, RESULT]},
        {"contents": [ASK], "generationConfig": {"temperature": 2.5}},
        {"contents": [ASK], "generationConfig": {"temperature": "hot"}},
        {"contents": [ASK], "generationConfig": {"topK": -4}},
        {"contents": [ASK], "generation_config": {"top_p": 1.5}},
        {"contents": [ASK], "generationConfig": {"maxOutputTokens": 0}},
        {"contents": [ASK], "generationConfig": {"stopSequences": list("abcdef")}},
    ],
)
def test_a_mistake_is_seen(body: dict[str, Any]) -> None:
    """So that its caller learns of it, rather than gets a static answer."""
    assert not is_plausible(body)


@given(VALUES)
def test_anything_can_be_looked_at(value: Any) -> None:
    """Whatever comes."""
    for body in (value, {"contents": value}, {"contents": [value, {"parts": value}]}):
        assert is_plausible(body) in (True, False)
