"""No edit breaks a call: what the strict mock takes as written, it takes as a plan changes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.catalog import ModelCard
from balancer.core.modes import MODES
from balancer.core.strategy import Strategy
from balancer.policy_file import default_policy
from balancer.wire import Edits, apply, apply_bytes, edits, first_kept, is_plausible, read_asked
from balancer.wire.members import child, member
from sim.mock_gemini.bodies import read_body
from sim.mock_gemini.refusals import Refusal
from sim.mock_gemini.strict import check

from .valid_requests import CARDS, Valid, requests, strategies

pytestmark = pytest.mark.slow

DEFAULT = st.sampled_from([default_policy().strategies[mode] for mode in MODES])
BUDGETS = st.none() | st.integers(1, 70_000)


def refusal(body: dict[str, Any], card: ModelCard) -> str:
    """Why the mock refuses a body, "" where it takes it."""
    try:
        read_body(body, card)
        check(body, card, cached_for=card.name)
    except Refusal as found:
        return found.message
    return ""


def takers(asked: Valid) -> list[ModelCard]:
    """Models that can do what a request uses: that take it, limits of thought and length apart.

    What Google keeps for a model stays with that model.
    """
    if member(asked.body, "cachedContent"):
        return [asked.card]
    config = {
        name: value
        for name, value in child(asked.body, "generationConfig").items()
        if name not in ("thinkingConfig", "thinking_config", "maxOutputTokens", "max_output_tokens")
    }
    bare = {**asked.body, "generationConfig": config}
    bare.pop("generation_config", None)
    return [card for card in CARDS if card is asked.card or not refusal(bare, card)]


def edited(
    asked: Valid, strategy: Strategy, card: ModelCard, most: int | None
) -> tuple[Edits, dict[str, Any]]:
    """A request as it goes to one of the models that may get it."""
    said = read_asked(asked.body, asked.card.name)
    change = edits(strategy, card, said, most_output_tokens=most)
    return change, apply(asked.body, change)


@given(requests())
def test_the_requests_are_valid(asked: Valid) -> None:
    """As written; and none of them looks as if it had a mistake."""
    assert refusal(asked.body, asked.card) == ""
    assert is_plausible(asked.body)


@settings(max_examples=400)
@given(requests(), st.one_of(strategies(), DEFAULT), BUDGETS, st.data())
def test_what_is_taken_as_written_is_taken_edited(
    asked: Valid, strategy: Strategy, most: int | None, data: st.DataObject
) -> None:
    """By its own model, and by each that can do what it uses, whatever the strategy."""
    card = data.draw(st.sampled_from(takers(asked)))
    change, body = edited(asked, strategy, card, most)
    assert refusal(body, card) == "", change
    raw = json.dumps(asked.body, indent=data.draw(st.sampled_from([None, 1]))).encode()
    assert json.loads(apply_bytes(raw, change)) == json.loads(json.dumps(body))


@settings(max_examples=300)
@given(requests(), st.one_of(strategies(), DEFAULT))
def test_an_edit_takes_away_and_keeps_what_is_meant(asked: Valid, strategy: Strategy) -> None:
    """No higher cap, no more thinking; format, forced calls, stops and candidates stay."""
    card, said = asked.card, read_asked(asked.body, asked.card.name)
    _, body = edited(asked, strategy, card, None)
    after = read_asked(body, card.name)
    if said.output_cap_tokens is not None:
        assert after.output_cap_tokens is not None
        assert after.output_cap_tokens <= said.output_cap_tokens
    assert card.most_thinking_tokens(after.thinking) <= card.most_thinking_tokens(said.thinking)
    if said.tearable:
        assert after.output_cap_tokens == said.output_cap_tokens
    for name in ("tools", "toolConfig") if said.needs_tools else ():
        assert member(body, name) == member(asked.body, name)
    was, now = child(asked.body, "generationConfig"), child(body, "generationConfig")
    for name in (
        "stopSequences", "candidateCount", "responseMimeType", "responseSchema",
        "responseModalities", "speechConfig", "topP", "seed",
    ):  # fmt: skip
        assert member(now, name) == member(was, name)
    if said.pinned:
        assert body.keys() == asked.body.keys() | ({"generationConfig"} & body.keys())
        assert body["contents" if "contents" in body else ""] == asked.body["contents"]


@settings(max_examples=200)
@given(requests(), st.integers(0, 4))
def test_a_cut_history_keeps_the_running_turn_whole(asked: Valid, turns: int) -> None:
    """Its signatures and all; and it is the end of the conversation as it was."""
    contents = asked.body["contents"]
    kept = contents[first_kept(contents, turns) :]
    assert contents[-len(kept) :] == kept
    spoken = [
        index
        for index, content in enumerate(contents)
        if content.get("role", "user") == "user"
        and not any("functionResponse" in part for part in content["parts"])
    ]
    assert len(kept) >= len(contents) - spoken[-1]
    assert kept[0].get("role", "user") == "user"


@given(requests())
def test_a_strategy_that_takes_nothing_changes_no_byte(asked: Valid) -> None:
    """As normal is what the caller wrote."""
    raw = json.dumps(asked.body).encode()
    change = edits(Strategy(), asked.card, read_asked(asked.body, asked.card.name))
    assert change == Edits()
    assert apply_bytes(raw, change) is raw
