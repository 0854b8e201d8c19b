"""No edit breaks an interaction: what the strict mock takes as written, it takes edited."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.catalog import ModelCard
from balancer.core.strategy import Strategy
from balancer.wire import Edits, edits, interactions
from balancer.wire.members import child
from sim.mock_gemini.bodies import read_body
from sim.mock_gemini.interactions.shape import check_request, document_of
from sim.mock_gemini.refusals import Refusal
from sim.mock_gemini.strict import check

from .test_valid_requests import BUDGETS, DEFAULT
from .valid_interactions import valid_interactions
from .valid_requests import CARDS, Valid, strategies

pytestmark = pytest.mark.slow


def refusal(body: dict[str, Any], card: ModelCard) -> str:
    """Why the mock refuses a body, "" where it takes it."""
    try:
        check_request(body)
        document = document_of(body, interactions.steps_of(body["input"]))
        read_body(document, card)
        check(document, card, cached_for=card.name)
    except Refusal as found:
        return found.message
    return ""


def takers(asked: Valid) -> list[ModelCard]:
    """Models that can do what a request uses: that take it, limits of thought and length apart."""
    if "cached_content" in asked.body:
        return [asked.card]
    config = {
        name: value
        for name, value in child(asked.body, "generationConfig").items()
        if name not in ("thinking_level", "max_output_tokens")
    }
    bare = {**asked.body, "generation_config": config}
    return [card for card in CARDS if card is asked.card or not refusal(bare, card)]


@given(valid_interactions())
def test_the_interactions_are_valid(asked: Valid) -> None:
    """As written; and none of them looks as if it had a mistake."""
    assert refusal(asked.body, asked.card) == ""
    assert interactions.is_plausible(asked.body)


@settings(max_examples=400)
@given(valid_interactions(), st.one_of(strategies(), DEFAULT), BUDGETS, st.data())
def test_what_is_taken_as_written_is_taken_edited(
    asked: Valid, strategy: Strategy, most: int | None, data: st.DataObject
) -> None:
    """By its own model, and by each that can do what it uses, whatever the strategy."""
    card = data.draw(st.sampled_from(takers(asked)))
    said = interactions.read_asked(asked.body)
    change = edits(strategy, card, said, most_output_tokens=most)
    body = interactions.apply(asked.body, change)
    assert refusal(body, card) == "", change
    assert body["model"].endswith(card.name)
    raw = json.dumps(asked.body, indent=data.draw(st.sampled_from([None, 1]))).encode()
    assert json.loads(interactions.apply_bytes(raw, change)) == json.loads(json.dumps(body))
    # Once more changes nothing.
    assert interactions.apply(body, change) == body


@settings(max_examples=200)
@given(valid_interactions(), st.one_of(strategies(), DEFAULT), BUDGETS)
def test_a_chain_is_never_broken(asked: Valid, strategy: Strategy, most: int | None) -> None:
    """Whatever the plan: only cap and thought change."""
    body = {**asked.body, "previous_interaction_id": "i0"}
    said = interactions.read_asked(body)
    change = edits(strategy, asked.card, said, most_output_tokens=most)
    new = {**interactions.apply(body, change)}
    before, after = body.pop("generation_config", {}), new.pop("generation_config", {})
    assert new == body
    kept = ("tool_choice", "seed", "stop_sequences", "top_p", "speech_config")
    assert all(before.get(name) == after.get(name) for name in kept)


@given(valid_interactions())
def test_a_strategy_that_takes_nothing_changes_no_byte(asked: Valid) -> None:
    """As normal is what the caller wrote."""
    raw = json.dumps(asked.body).encode()
    change = edits(Strategy(), asked.card, interactions.read_asked(asked.body))
    assert change == Edits()
    assert interactions.apply_bytes(raw, change) is raw


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            (
                "type", "model", "agent", "input", "content", "role", "text", "tools", "usage",
                "status", "steps", "event_type", "interaction", "error", "code", "message",
                "generation_config", "thinking_level", "tool_choice", "response_format", "step",
                "delta", "errors", "total_tokens", "total_output_tokens", "data", "result",
            )
        ),
        inner
        | st.sampled_from(
            ("completed", "failed", "error", "interaction.completed", "step.delta", "step.start")
        ),
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300)
@given(JSON)
def test_nothing_that_comes_breaks_a_reader(value: Any) -> None:
    """Whatever a caller or an upstream sends."""
    said = interactions.read_asked(value)
    interactions.is_plausible(value)
    interactions.shape_of(value)
    interactions.apply(value, edits(Strategy(output_cap_tokens=5, tools=False), None, said))
    interactions.apply(value, Edits(model="m", thinking="LOW", instruction="x", history_turns=1))
    interactions.read_answer(value)
    reader = interactions.AnswerReader()
    reader.add(value)
    assert reader.answer().failure is None or reader.answer().failure
    interactions.id_of(value)
    interactions.resume_token(value)
