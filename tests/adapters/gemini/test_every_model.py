"""Every current model in every mode, by both APIs and the real client: no 4xx is ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from google.genai import types

from balancer.core.catalog import ModelCard
from balancer.core.modes import MODES, Mode
from balancer.policy_file import default_policy
from sim.mock_gemini.server import Addresses, MockServer
from tests.mock_gemini.caller import settings

from .test_interactions_against_mock import bench, counters, talk

CATALOG = default_policy().catalog
MODELS = [
    card
    for card in CATALOG.cards
    if card.family and not (card.shutdown and card.shutdown <= CATALOG.as_of)
]
LOOK = types.Tool(function_declarations=[types.FunctionDeclaration(name="look")])


@pytest.fixture(scope="module")
def quick() -> Iterator[Addresses]:
    """A mock without waits that calls functions."""
    with MockServer(settings(latency=False, call_share=1.0)) as mock:
        yield mock.addresses


def thoughts(card: ModelCard) -> list[types.ThinkingConfig | None]:
    """Settings that a caller may give: none, the least and the most."""
    if card.levels:
        ends = (card.levels[0], card.levels[-1])
        return [None, *(types.ThinkingConfig(thinking_level=end) for end in ends)]  # type: ignore[arg-type]
    assert card.budget is not None
    least = 0 if card.off else card.budget[0]
    ends_in_tokens = (least, card.budget[1], -1)
    return [None, *(types.ThinkingConfig(thinking_budget=end) for end in ends_in_tokens)]


def converse(models: Any, card: ModelCard) -> None:
    """What an application does with generateContent: thoughts, a cap, a turn of functions, JSON."""
    for thinking in thoughts(card):
        for cap in (None, 3000):
            config = types.GenerateContentConfig(
                system_instruction="Be kind.", thinking_config=thinking, max_output_tokens=cap
            )
            models.generate_content(model=card.name, contents="Hello.", config=config)
            list(models.generate_content_stream(model=card.name, contents="Hi.", config=config))
    config = types.GenerateContentConfig(tools=[LOOK])
    asked = types.UserContent("Look!")
    called = models.generate_content(model=card.name, contents=asked, config=config)
    for call in called.function_calls or ():  # emergency sends no tools
        result = types.Part.from_function_response(name=call.name, response={"sun": True})
        history = [asked, called.candidates[0].content, types.UserContent(result)]
        models.generate_content(model=card.name, contents=history, config=config)
    shaped = types.GenerateContentConfig(response_mime_type="application/json")
    models.generate_content(model=card.name, contents="As JSON.", config=shaped)


@pytest.mark.parametrize("card", MODELS, ids=lambda card: card.name)
@pytest.mark.parametrize("mode", MODES)
def test_no_mode_makes_the_upstream_refuse_a_model(
    quick: Addresses, mode: Mode, card: ModelCard
) -> None:
    """Neither what a caller set nor what a plan makes of it."""
    plan = replace(default_policy().strategies[mode], shed=(0.0, 0.0, 0.0))
    here = bench(quick, plan)
    before = counters(quick)["refused"]

    def both(client: Any) -> None:
        converse(client.models, card)
        talk(client.interactions, card.name)

    here.run(both)
    assert counters(quick)["refused"] == before
    assert not here.balancer.status().withdrawn
    assert sum(entry.failed for entry in here.seen().served) == 0
