"""Conversations in whatever form the SDK takes them."""

from __future__ import annotations

from typing import Any

import pytest
from google.genai import types

from balancer.adapters.gemini import CallOptions
from balancer.adapters.gemini.asking import is_plausible, read_call
from balancer.adapters.gemini.contents import kept
from balancer.core.policy import Strategy

from .bench import FLASH, LITE, Bench, policy
from .test_answers import Play

CALL = types.Part.from_function_call(name="f", args={})
RESULT = types.Part.from_function_response(name="f", response={"r": 1})
AS_DICTS = ({"function_call": {"name": "f"}}, {"functionResponse": {"name": "f"}})


def said(role: str, *parts: Any) -> types.Content:
    """A content."""
    return types.Content(
        role=role,
        parts=[types.Part(text=part) if isinstance(part, str) else part for part in parts],
    )


TALK = [said("user", "a"), said("model", "A"), said("user", "b"), said("model", CALL)]
TAILS: list[list[Any]] = [
    [RESULT],
    [RESULT, "and be brief"],
    ["see:", RESULT],
    ["see", types.Part(text="this:"), RESULT, "and be brief"],
    [[RESULT, types.Part(text="and be brief")]],
    [AS_DICTS[1], "and be brief"],
    [said("user", RESULT, "and be brief")],
    [{"parts": [{"function_response": {"name": "f", "response": {}}}, {"text": "and be brief"}]}],
]


def test_history_is_cut_in_any_shape() -> None:
    """Loose parts in a row are one content of the user."""
    talk: list[Any] = [
        "a",
        types.Content(role="model", parts=[types.Part(text="A")]),
        {"role": "user", "parts": [{"text": "b"}]},
        types.Content(role="model", parts=[types.Part.from_function_call(name="f", args={})]),
        types.Part.from_function_response(name="f", response={}),
        types.Content(role="model", parts=[types.Part(text="B")]),
        "see",
        "c",
    ]
    assert kept(talk, 1) == talk[6:]
    assert kept(talk, 2) == talk[2:]
    assert kept(talk, 3) is talk
    assert kept("just a question", 1) == "just a question"


@pytest.mark.parametrize("tail", TAILS)
def test_a_result_is_never_apart_from_its_call(tail: list[Any]) -> None:
    """Loose parts in a row are one content, and what is said beside a result is no new turn."""
    assert kept([*TALK, *tail], 1) == [*TALK[2:], *tail]
    assert kept([*TALK, *tail, said("model", "B"), "c"], 1) == ["c"]


@pytest.mark.parametrize("tail", TAILS)
def test_a_running_turn_is_seen_in_any_shape(tail: list[Any]) -> None:
    """It stays with the model that called the function; it is one that a model would take."""
    talk = [*TALK, *tail]
    assert read_call(FLASH, talk, None, CallOptions()).needs_tools
    assert is_plausible(talk, None)
    assert not read_call(FLASH, [*talk, said("model", "B"), "c"], None, CallOptions()).needs_tools


def test_what_goes_is_what_the_sdk_sends_of_the_last_turn(play: Play) -> None:
    """To the model that was asked for, with its tools."""
    script = play()
    plan = policy(Strategy(model=LITE, tools=False, history_turns=1))
    here = Bench(url=script.url, kind="sync", policy=plan)
    here.ask(
        [*TALK, RESULT, "and be brief"], {"tools": [{"function_declarations": [{"name": "f"}]}]}
    )
    (one,) = script.received
    assert FLASH + ":" in one.path
    assert "tools" in one.body
    parts = [[next(iter(part)) for part in each["parts"]] for each in one.body["contents"]]
    assert parts == [["text"], ["functionCall"], ["functionResponse", "text"]]


@pytest.mark.parametrize(
    ("rest", "plausible"),
    [
        ([CALL, CALL, RESULT, RESULT], True),
        ([said("model", CALL, CALL), RESULT, RESULT], True),
        ([*AS_DICTS], True),
        ([("b", "c")], True),
        ([{"file_uri": "gs://b/f", "mime_type": "text/plain"}, types.File(uri="u")], True),
        ([CALL, CALL, RESULT], False),
        ([CALL, "b"], False),
        ([RESULT], False),
        ([{"role": "user"}], False),
    ],
)
def test_calls_and_results_in_a_row_are_one_content_each(
    rest: list[Any], *, plausible: bool
) -> None:
    """The model's, and the user's, who has spoken before."""
    assert is_plausible(["a", *rest], None) is plausible


def test_a_tuple_is_a_conversation_too() -> None:
    """As the SDK has it."""
    talk = ("a", said("model", "A"), "b", "c")
    assert kept(talk, 1) == ("b", "c")
    assert kept(talk, 2) is talk
