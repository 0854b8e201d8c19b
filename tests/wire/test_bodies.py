"""Edits on request bodies, as values and as bytes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.wire import Edits, apply, apply_bytes

QUESTION = {"role": "user", "parts": [{"text": "And then?"}]}
BODY = {
    "contents": [QUESTION],
    "systemInstruction": {"parts": [{"text": "You are a pirate."}]},
    "tools": [{"functionDeclarations": [{"name": "look"}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    "generationConfig": {
        "temperature": 1.0,
        "thinkingConfig": {"include_thoughts": True, "thinking_budget": 0},
    },
    "labels": {"team": "a"},
}


def test_nothing_to_change_gives_the_same_object() -> None:
    """And the same bytes."""
    raw = b'{"contents" : 1e400 }'
    assert apply(BODY, Edits(model="gemini-2.5-pro")) is BODY
    assert apply_bytes(raw, Edits(model="gemini-2.5-pro")) is raw
    assert apply(BODY, Edits(history_turns=1, settings=(("temperature", 1.0),))) is BODY


def test_settings_keep_the_spelling_they_have() -> None:
    """The SDK mixes them."""
    found = apply(BODY, Edits(output_cap_tokens=9, thinking=512, settings=(("temperature", 0.5),)))
    assert found["generationConfig"] == {
        "temperature": 0.5,
        "maxOutputTokens": 9,
        "thinkingConfig": {"include_thoughts": True, "thinking_budget": 512},
    }
    snake = {"generation_config": {"max_output_tokens": 100, "top_k": 1}}
    expected = {"generation_config": {"max_output_tokens": 9, "top_k": 1}}
    assert apply(snake, Edits(output_cap_tokens=9)) == expected
    assert apply({}, Edits(output_cap_tokens=9)) == {"generationConfig": {"maxOutputTokens": 9}}


def test_a_tier_stands_beside_the_contents_under_the_spelling_it_has() -> None:
    """`service_tier` is what Google's pages write, `serviceTier` what its clients send."""
    change = Edits(service_tier="flex")
    assert apply({"contents": []}, change) == {"contents": [], "serviceTier": "flex"}
    assert apply({"service_tier": "priority"}, change) == {"service_tier": "flex"}
    both = {"serviceTier": "priority", "service_tier": "standard"}
    assert apply(both, change) == {"serviceTier": "flex"}
    assert apply_bytes(b'{"service_tier" : "priority" ,"x":1e400}', change) == (
        b'{"service_tier" : "flex" ,"x":1e400}'
    )
    same = {"serviceTier": "flex"}
    assert apply(same, change) is same


def test_a_level_takes_the_place_of_a_budget() -> None:
    """Together they are refused."""
    found = apply(BODY, Edits(thinking="LOW"))["generationConfig"]["thinkingConfig"]
    assert found == {"include_thoughts": True, "thinkingLevel": "LOW"}
    level = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}
    found = apply(level, Edits(thinking=0))["generationConfig"]["thinkingConfig"]
    assert found == {"thinkingBudget": 0}
    kept = apply(BODY, Edits(clear_thinking=True))["generationConfig"]["thinkingConfig"]
    assert kept == {"include_thoughts": True}
    cleared = apply(BODY, Edits(clear_thinking=True, hide_thoughts=True))
    assert cleared["generationConfig"] == {"temperature": 1.0}
    quiet = apply(BODY, Edits(thinking=0, hide_thoughts=True))["generationConfig"]
    assert quiet["thinkingConfig"] == {"thinking_budget": 0}
    assert apply(level, Edits(hide_thoughts=True)) is level


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"parts": [{"text": "Be brief."}]}),
        ("You.", {"parts": [{"text": "You."}, {"text": "Be brief."}]}),
        (
            {"role": "system", "parts": [{"text": "You."}]},
            {"role": "system", "parts": [{"text": "You."}, {"text": "Be brief."}]},
        ),
        ({"parts": {"text": "You."}}, {"parts": [{"text": "You."}, {"text": "Be brief."}]}),
        (17, {"parts": [{"text": "Be brief."}]}),
    ],
)
def test_an_instruction_comes_last(before: Any, after: Any) -> None:
    """In whatever form the caller's stands."""
    body = {} if before is None else {"systemInstruction": before}
    assert apply(body, Edits(instruction="Be brief.")) == {"systemInstruction": after}


def test_tools_go_with_their_configuration() -> None:
    """In both spellings."""
    found = apply({**BODY, "tool_config": {}}, Edits(drop_tools=True))
    assert set(found) == {"contents", "systemInstruction", "generationConfig", "labels"}


def user(text: str) -> dict[str, Any]:
    """A user speaking."""
    return {"role": "user", "parts": [{"text": text}]}


def model(part: dict[str, Any]) -> dict[str, Any]:
    """The model speaking, or calling."""
    return {"role": "model", "parts": [part]}


CALL = model({"functionCall": {"name": "look", "args": {}}})
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {}}}]}
TALK = [user("a"), model({"text": "A"}), user("b"), CALL, RESULT, model({"text": "B"}), user("c")]


@pytest.mark.parametrize(("turns", "first"), [(0, 6), (1, 6), (2, 2), (3, 0), (9, 0)])
def test_history_is_cut_between_turns(turns: int, first: int) -> None:
    """A call and its result stay together, and the current question is always sent."""
    body = {"contents": TALK}
    assert apply(body, Edits(history_turns=turns))["contents"] == TALK[first:]


def test_history_keeps_the_call_that_a_result_at_the_end_answers() -> None:
    """The turn is still going on."""
    body = {"contents": TALK[:5]}
    assert apply(body, Edits(history_turns=1))["contents"] == TALK[2:5]
    function_role = [*TALK[:4], {**RESULT, "role": "function"}]
    assert apply({"contents": function_role}, Edits(history_turns=1))["contents"][0] == TALK[2]


def test_two_messages_in_a_row_are_one_turn() -> None:
    """A question may come with a document of its own."""
    talk = [user("a"), model({"text": "A"}), user("the document"), user("the question")]
    assert apply({"contents": talk}, Edits(history_turns=1))["contents"] == talk[2:]


def test_only_the_bytes_that_change_change() -> None:
    """Odd numbers, order and space stay, at every depth."""
    raw = (
        '{ "zeta": 1.50e+02,\n "generationConfig" : {"topP" :0.90, "maxOutputTokens": 9e3 } ,'
        '"big":123456789012345678901234567890, "contents":[ {"role":"user","parts":'
        '[{"text":"h\\u00e9"}]} ,{"role":"model","parts":[{"text":"A"}]},'
        '{"role":"user" , "parts":[{"text":"é"}]}],"tools" : [ ] , "x": {} }'
    )
    expected = (
        '{ "zeta": 1.50e+02,\n "generationConfig" : {"topP" :0.90, "maxOutputTokens": 256 } ,'
        '"big":123456789012345678901234567890, "contents":['
        ' {"role":"user" , "parts":[{"text":"é"}]}] , "x": {},'
        '"systemInstruction":{"parts":[{"text":"Be brief."}]} }'
    )
    change = Edits(output_cap_tokens=256, history_turns=1, drop_tools=True, instruction="Be brief.")
    assert apply_bytes(raw.encode(), change).decode() == expected


@pytest.mark.parametrize(
    "raw",
    [b"", b"\xff\xfe", b"{", b"[1]", b"null", b"1", b"[" * 100_000, b"9" * 5000, b'"\\ud800"'],
)
def test_what_is_no_request_passes_as_it_is(raw: bytes) -> None:
    """The upstream refuses it in its own words."""
    assert apply_bytes(raw, Edits(output_cap_tokens=1, instruction="x")) is raw


def test_a_key_that_stands_there_twice_is_settled() -> None:
    """As every reader of JSON does, by the last one."""
    found = apply_bytes(b'{"tools":[1],"a":1,"a":2}', Edits(drop_tools=True))
    assert json.loads(found) == {"a": 2}


EDITED = {
    "contents",
    "systemInstruction",
    "system_instruction",
    "tools",
    "toolConfig",
    "tool_config",
    "generationConfig",
    "generation_config",
}
INSIDE = [
    "maxOutputTokens",
    "max_output_tokens",
    "thinkingConfig",
    "thinking_config",
    "thinkingBudget",
    "thinking_level",
    "temperature",
    "parts",
    "role",
    "text",
    "functionResponse",
    "labels",
]
NAMES = st.sampled_from([*sorted(EDITED), *INSIDE])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.just("user"),
        st.just(10**300),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=25,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=8)
EDITS = st.builds(
    Edits,
    output_cap_tokens=st.one_of(st.none(), st.integers(1, 9)),
    thinking=st.one_of(st.none(), st.integers(-1, 9), st.just("LOW")),
    clear_thinking=st.booleans(),
    instruction=st.one_of(st.none(), st.just("Be brief.")),
    drop_tools=st.booleans(),
    history_turns=st.one_of(st.none(), st.integers(0, 3)),
    settings=st.sampled_from([(), (("temperature", 0.5),)]),
)


@pytest.mark.slow
@given(BODIES, EDITS)
def test_any_body_is_edited_without_being_changed(body: dict[str, Any], change: Edits) -> None:
    """Members that no edit names stay the same objects, and a second time changes nothing."""
    before = copy.deepcopy(body)
    found = apply(body, change)
    assert repr(body) == repr(before)
    for name in body.keys() - EDITED:
        assert found[name] is body[name]
    assert repr(apply(found, change)) == repr(found)


@pytest.mark.slow
@given(BODIES, EDITS, st.sampled_from([None, 1]))
def test_bytes_are_edited_as_values_are(
    body: dict[str, Any], change: Edits, indent: int | None
) -> None:
    """Spliced text reads back as the edited value."""
    raw = json.dumps(body, indent=indent).encode()
    found = json.loads(apply_bytes(raw, change))
    assert json.dumps(found, sort_keys=True) == json.dumps(apply(body, change), sort_keys=True)
