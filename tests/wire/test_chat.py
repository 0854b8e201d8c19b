"""Chat completions in OpenAI's form, read and edited by the same rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from balancer.core.routes import RUNNING_TURN
from balancer.wire import Edits, chat

MESSAGES = [
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "content": [{"type": "text", "text": "look"}]},
    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "look"}}] * 2},
    {"role": "tool", "tool_call_id": "1", "content": "sky"},
    {"role": "tool", "tool_call_id": "2", "content": "sea"},
]


def body(**members: Any) -> dict[str, Any]:
    """A request."""
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}


@pytest.mark.parametrize(
    ("members", "name", "value"),
    [
        ({"max_tokens": 9}, "output_cap_tokens", 9),
        ({"max_completion_tokens": 8, "max_tokens": 9}, "output_cap_tokens", 8),
        ({"reasoning_effort": "none"}, "thinking", 0),
        ({"reasoning_effort": "low"}, "thinking", "LOW"),
        ({"extra_body": {"google": {"thinking_config": {"thinking_budget": 7}}}}, "thinking", 7),
        ({"response_format": {"type": "json_schema"}}, "structured", True),
        ({"response_format": {"type": "text"}}, "structured", False),
        ({"tool_choice": "required"}, "forced", True),
        ({"tool_choice": {"type": "function"}}, "forced", True),
        ({"tool_choice": "auto"}, "forced", False),
        ({"extra_body": {"google": {"cached_content": "cachedContents/1"}}}, "pinned", True),
        ({"model": "models/gemini-3.6-flash"}, "model", "gemini-3.6-flash"),
        ({"model": "google/gemini-3.6-flash"}, "model", "gemini-3.6-flash"),
    ],
)
def test_what_is_asked_for(members: dict[str, Any], name: str, value: Any) -> None:
    """In the words of plans."""
    assert getattr(chat.read_asked(body(**members)), name) == value


def test_what_a_model_must_be_able_to_do() -> None:
    """A running turn, functions, an instruction, pictures."""
    asked = chat.read_asked(body(messages=MESSAGES))
    assert asked.needs_tools
    assert {RUNNING_TURN, "tools.functions", "system_instruction"} <= asked.needs
    assert chat.is_plausible(body(messages=MESSAGES))
    url = {"url": "data:image/png;base64,AAAA"}
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": url}]}]
    assert "inputs.image" in chat.read_asked(body(messages=picture)).needs


@pytest.mark.parametrize(
    "odd",
    [None, [], {}, {"messages": 3}, {"messages": [3, None]}, {"messages": [{"role": "pope"}]}],
)
def test_odd_requests_break_nothing_and_are_not_plausible(odd: Any) -> None:
    """They are the upstream's to refuse."""
    assert chat.read_asked(odd).model == ""
    assert not chat.is_plausible(odd)
    assert isinstance(chat.shape_of(odd), str)
    raw = json.dumps(odd).encode()
    json.loads(chat.apply_bytes(raw, Edits(model="n", instruction="x", history_turns=1), odd))


@pytest.mark.parametrize(
    ("given", "edits", "changed"),
    [
        ({}, Edits(model="n"), {"model": "n"}),
        ({"model": "google/m"}, Edits(model="n"), {"model": "google/n"}),
        ({"model": "a model/of words"}, Edits(model="n"), {"model": "n"}),
        ({"model": "m:x"}, Edits(model="n"), {"model": "n"}),
        ({}, Edits(output_cap_tokens=5), {"max_tokens": 5}),
        ({"max_completion_tokens": 9}, Edits(output_cap_tokens=5), {"max_completion_tokens": 5}),
        ({}, Edits(thinking="LOW"), {"reasoning_effort": "low"}),
        (
            {"reasoning_effort": "high"},
            Edits(thinking=0),
            {"extra_body": {"google": {"thinking_config": {"thinking_budget": 0}}}},
        ),
        (
            {"extra_body": {"google": {"thinking_config": {"include_thoughts": True}, "x": 1}}},
            Edits(thinking="LOW"),
            {
                "extra_body": {
                    "google": {
                        "thinking_config": {"include_thoughts": True, "thinking_level": "low"},
                        "x": 1,
                    }
                }
            },
        ),
        (
            {"extra_body": {"google": {"thinking_config": {"include_thoughts": True}}}},
            Edits(clear_thinking=True, hide_thoughts=True),
            {},
        ),
        ({"reasoning_effort": "high"}, Edits(clear_thinking=True), {}),
        ({"temperature": 1}, Edits(settings=(("temperature", 0.2),)), {"temperature": 0.2}),
        ({"tools": [], "tool_choice": "auto"}, Edits(drop_tools=True), {}),
    ],
)
def test_an_edit_in_its_spelling(
    given: dict[str, Any], edits: Edits, changed: dict[str, Any]
) -> None:
    """What is not edited keeps its bytes."""
    before = body(**given)
    raw = json.dumps(before, indent=3).encode()
    after = json.loads(chat.apply_bytes(raw, edits, before))
    assert after == {**body(), **changed}
    assert chat.apply(after, edits) == after


def test_an_instruction_goes_to_the_system() -> None:
    """Behind what stands there; made once."""
    edits = Edits(instruction="Be brief.")
    new = chat.apply(body(), edits)
    assert new["messages"][0] == {"role": "system", "content": "Be brief."}
    there = chat.apply(body(messages=MESSAGES), edits)
    assert there["messages"][0]["content"] == "Be kind.\n\nBe brief."
    assert chat.apply(there, edits) is there
    parts = [{"role": "system", "content": [{"type": "text", "text": "x"}]}]
    found = chat.apply(body(messages=parts), edits)["messages"][0]["content"]
    assert found[-1] == {"type": "text", "text": "Be brief."}


def test_history_is_cut_between_turns() -> None:
    """And what is said to the system stays."""
    earlier = [MESSAGES[0], {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    kept = chat.apply(body(messages=[*earlier, *MESSAGES[1:]]), Edits(history_turns=1))
    assert kept["messages"] == MESSAGES


def answered(reason: str | None, **message: Any) -> dict[str, Any]:
    """An answer."""
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


@pytest.mark.parametrize(
    ("value", "failure"),
    [
        (answered("stop", content="x"), None),
        (answered("stop", content=""), "empty"),
        (answered("length", content=None), "empty"),
        (answered("tool_calls", tool_calls=[{"function": {"name": "f"}}]), None),
        (answered("content_filter: RECITATION"), None),
        (answered("malformed_function_call"), "malformed"),
        (answered("function_call_filter: MALFORMED_FUNCTION_CALL"), "malformed"),
        ({"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}, "overloaded"),
        ([{"error": {"code": 429, "message": "x"}}], "quota_minute"),
        (None, "malformed"),
        ({}, "empty"),
    ],
)
def test_how_it_ended(value: Any, failure: str | None) -> None:
    """As generateContent's answers."""
    assert chat.read_answer(value).failure == failure


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}, (5, 9, 0)),
        ({"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 20}, (5, 9, 6)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 9,
                "completion_tokens_details": {"reasoning_tokens": 4},
                "total_tokens": 14,
            },
            (5, 5, 4),
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 9,
                "completion_tokens_details": {"reasoning_tokens": 4},
                "total_tokens": 18,
            },
            (5, 9, 4),
        ),
        ({"prompt_tokens": -1, "completion_tokens": "x", "total_tokens": None}, (0, 0, 0)),
    ],
)
def test_thinking_is_in_the_answer_or_beside_it(
    usage: dict[str, Any], found: tuple[int, int, int]
) -> None:
    """The total says which."""
    read = chat.read_usage({"usage": usage})
    assert read is not None
    assert (read.prompt_tokens, read.output_tokens, read.thinking_tokens) == found


def test_no_usage_is_none() -> None:
    """Nothing is made up."""
    assert chat.read_usage({}) is None
    assert chat.read_usage({"usage": 3}) is None
    of_an_interaction = {"total_input_tokens": 100, "total_output_tokens": 0, "total_tokens": 100}
    assert chat.read_usage({"usage": of_an_interaction}) is None
