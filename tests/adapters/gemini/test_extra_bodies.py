"""Members of the body that a caller lays over what the SDK makes of a call."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from google.genai import types

from balancer.adapters.gemini.asking import is_plausible, shape
from balancer.adapters.gemini.extra_bodies import merged, rewritten
from balancer.core.policy import BudgetLimit, Strategy
from balancer.wire import Edits

from .bench import FLASH, LITE, Bench, policy
from .test_answers import Make, Play

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

LONG = {"generationConfig": {"maxOutputTokens": 60_000}}
LONG_IN_SNAKE_CASE = {"generation_config": {"max_output_tokens": 60_000}}
LOOK = [{"functionDeclarations": [{"name": "look"}]}]


def beside(extra: dict[str, Any], **more: Any) -> types.GenerateContentConfig:
    """A config with them."""
    return types.GenerateContentConfig(http_options=types.HttpOptions(extra_body=extra), **more)


@pytest.mark.parametrize("extra", [LONG, LONG_IN_SNAKE_CASE])
@pytest.mark.parametrize("of_client", [True, False])
def test_a_budget_shortens_what_is_laid_over_the_body(
    play: Play, *, extra: dict[str, Any], of_client: bool
) -> None:
    """On a call as of the client: money is held for no more."""
    script = play()
    here = Bench(
        url=script.url,
        kind="sync",
        policy=policy(budgets=(BudgetLimit(usd=0.05, window_s=3600.0),)),
        options=types.HttpOptions(extra_body=extra) if of_client else None,
    )
    before = copy.deepcopy(extra)
    here.ask(config=None if of_client else beside(extra))
    (one,) = script.received
    assert one.body["generationConfig"]["maxOutputTokens"] == 2048
    assert extra == before


def test_the_plan_is_applied_to_what_is_laid_over_the_body(play: Play, bench: Make) -> None:
    """As it is to a config, and what it does not speak of stays."""
    script = play()
    plan = Strategy(
        model=LITE,
        output_cap_tokens=1000,
        thinking=512,
        instruction="Be brief.",
        history_turns=1,
        tools=False,
        service_tier=("flex", "flex", "flex"),
    )
    extra: dict[str, Any] = {
        "contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "A"}]},
            {"role": "user", "parts": [{"text": "b"}]},
        ],
        "systemInstruction": {"parts": [{"text": "You."}]},
        "tools": LOOK,
        "serviceTier": "priority",
        "generationConfig": {
            "maxOutputTokens": 60_000,
            "seed": 7,
            "thinkingConfig": {"thinkingBudget": 8000},
        },
        "labels": {"team": "a"},
    }
    before = copy.deepcopy(extra)
    bench(script, policy(plan)).ask("not sent", beside(extra))
    assert extra == before
    (one,) = script.received
    assert LITE in one.path
    settings = one.body["generationConfig"]
    thinking = settings.pop("thinkingConfig")
    assert thinking.get("thinking_budget", thinking.get("thinkingBudget")) == 512
    assert one.body == {
        "contents": [{"role": "user", "parts": [{"text": "b"}]}],
        "systemInstruction": {
            "parts": [{"text": "You."}, {"text": "Be brief."}],
            **({"role": "user"} if "role" in one.body["systemInstruction"] else {}),
        },
        "serviceTier": "flex",
        "generationConfig": {"maxOutputTokens": 1000, "seed": 7},
        "labels": {"team": "a"},
    }


def test_a_plan_lays_nothing_over_the_body_by_itself(play: Play, bench: Make) -> None:
    """The instruction of a config is not lost where another member is laid over the body."""
    script = play()
    plan = Strategy(model=FLASH, instruction="Be brief.", output_cap_tokens=100, thinking=0)
    bench(script, policy(plan)).ask(
        config=beside({"labels": {"team": "a"}}, system_instruction="You.")
    )
    (one,) = script.received
    assert [part["text"] for part in one.body["systemInstruction"]["parts"]] == [
        "You.",
        "Be brief.",
    ]
    assert one.body["generationConfig"]["maxOutputTokens"] == 100
    assert one.body["labels"] == {"team": "a"}


def test_a_call_s_own_take_the_place_of_its_client_s(play: Play) -> None:
    """Empty ones too, and those of which the plan leaves nothing."""
    script = play()
    here = Bench(
        url=script.url,
        kind="sync",
        policy=policy(Strategy(model=FLASH, tools=False)),
        options=types.HttpOptions(extra_body={"tools": LOOK, "labels": {"team": "a"}}),
    )
    for config in (None, beside({}), beside({"tools": LOOK})):
        here.ask(config=config)
    assert ["labels" in one.body for one in script.received] == [True, False, False]
    assert not any("tools" in one.body for one in script.received)


def test_cached_content_stays_with_its_model(play: Play, bench: Make) -> None:
    """And gets no instruction beside it."""
    script = play()
    plan = Strategy(model=LITE, instruction="Be brief.")
    bench(script, policy(plan)).ask(config=beside({"cachedContent": "cachedContents/a"}))
    (one,) = script.received
    assert FLASH + ":" in one.path
    assert one.body["cachedContent"] == "cachedContents/a"
    assert "systemInstruction" not in one.body


def test_a_conversation_that_is_laid_over_the_body_is_read(play: Play, bench: Make) -> None:
    """It ends in the result of a function, which goes to the model that called it."""
    script = play()
    talk = [
        {"role": "user", "parts": [{"text": "Look."}]},
        {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {}}}]},
    ]
    bench(script, policy(Strategy(model=LITE, tools=False))).ask(
        config=beside({"contents": talk, "tools": LOOK})
    )
    (one,) = script.received
    assert FLASH + ":" in one.path
    assert (one.body["contents"], one.body["tools"]) == (talk, LOOK)


def test_members_go_by_the_spelling_of_those_below_them() -> None:
    """As the SDK has it; an object and something else are not mixed."""
    body = {"generationConfig": {"topK": 1, "seed": 2}, "tools": []}
    extra = {"generation_config": {"top_k": 3}, "tools": {"a": 1}, "labels": {}}
    assert merged(body, extra) == {
        "generationConfig": {"topK": 3, "seed": 2},
        "tools": {"a": 1},
        "labels": {},
    }
    assert body == {"generationConfig": {"topK": 1, "seed": 2}, "tools": []}
    assert merged(body, {}) is body
    assert rewritten(extra, Edits(service_tier="flex")) is extra


def test_form_and_names_are_of_what_is_sent() -> None:
    """With a config and without."""
    extra = {"generationConfig": {"temperature": 9.0}, "labels": {}}
    assert not is_plausible("x", None, extra)
    assert is_plausible(
        "x",
        types.GenerateContentConfig(temperature=9.0),
        {"generation_config": {"temperature": 1.0}},
    )
    assert shape(None, extra) == "labels temperature"
    assert (
        shape(types.GenerateContentConfig(seed=1), extra)
        == "labels seed temperature thinkingConfig"
    )
