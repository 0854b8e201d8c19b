"""Interactions through a wrapped client: the same plans, retries and accounting."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest
from google import genai

from balancer.adapters.gemini import CallOptions, ShedError, served
from balancer.core.modes import Mode, Priority
from balancer.core.policy import Strategy
from balancer.core.pricing import cost_nano_usd
from balancer.wire import interactions

from .bench import Bench, policy, served_models
from .interacting import (
    BEGUN,
    FLASH,
    LITE,
    SAYS,
    Make,
    Play,
    ask,
    kinds,
    made,
    over,
    stream,
    told,
    use,
)
from .script import Reply

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")
SHORT = Strategy(
    model=LITE, output_cap_tokens=400, thinking="MINIMAL", instruction="Be brief.", retries=0
)


def test_a_plan_is_applied(play: Play, make: Make) -> None:
    """To whole ones and streams; what serves them is marked, and no argument is changed."""
    script = play(made(), stream(BEGUN, SAYS, over()))
    config = {"max_output_tokens": 900, "thinking_level": "high"}
    here = make(script, policy(SHORT))
    found = ask(here, generation_config=config)
    assert found.output_text == "Hello."
    events, how = told(here, generation_config=config)
    assert kinds(events)[-1] == "interaction.completed"
    for received in script.received:
        assert received.body["model"] == LITE
        assert received.body["generation_config"] == {
            "max_output_tokens": 400,
            "thinking_level": "minimal",
        }
        assert received.body["system_instruction"] == "Be brief."
    assert config == {"max_output_tokens": 900, "thinking_level": "high"}
    for each in (served(found), how):
        assert each is not None
        assert (each.model, each.mode, each.attempts, each.outcome) == (LITE, Mode.NORMAL, 1, None)
    entry = served_models(here.seen())[LITE]
    assert (entry.started, entry.finished, entry.failed) == (2, 2, 0)
    assert (entry.prompt_tokens, entry.output_tokens, entry.thinking_tokens) == (20, 10, 4)
    assert entry.nano_usd > 0


def test_one_that_goes_on_from_another_stays_on_its_model(play: Play, make: Make) -> None:
    """Its answer is shortened all the same."""
    script = play(made())
    ask(
        make(script, policy(SHORT)), previous_interaction_id="i0", tools=[{"type": "google_search"}]
    )
    (received,) = script.received
    assert received.body["model"] == FLASH
    assert "system_instruction" not in received.body
    assert received.body["tools"] == [{"type": "google_search"}]


def test_an_agent_goes_as_it_is(play: Play, make: Make) -> None:
    """It is charged to its name, and how long it took says nothing."""
    script = play(made(agent="deep-research-preview-04-2026"))
    here = make(script, policy(SHORT))
    ask(here, model=None, agent="deep-research-preview-04-2026")
    assert script.received[0].body == {
        "agent": "deep-research-preview-04-2026",
        "input": "Say hello.",
    }
    entry = served_models(here.seen())["deep-research-preview-04-2026"]
    assert (entry.finished, entry.failed, entry.prompt_tokens) == (1, 0, 10)
    assert not entry.latency.total


@pytest.mark.parametrize("form", ["dicts", "models", "request", "extra"])
def test_every_form_of_arguments_is_understood(play: Play, make: Make, form: str) -> None:
    """Dicts, objects of the SDK's, a whole request, and members beside it."""
    from google.genai import interactions as sdk

    script = play(made())
    config: Any = {"max_output_tokens": 900, "seed": 1}
    steps: Any = [{"type": "user_input", "content": [{"type": "text", "text": "Hi."}]}]
    given: dict[str, Any] = {"input": steps, "generation_config": config}
    if form == "models":
        given["generation_config"] = sdk.GenerationConfig(max_output_tokens=900, seed=1)
        given["input"] = [sdk.UserInputStep(content=[sdk.TextContent(text="Hi.")])]
    elif form == "request":
        given = {"request": {"body": {"model": FLASH, **given}}, "model": None, "input": None}
    elif form == "extra":
        given = {"input": steps, "extra_body": {"generation_config": config}}
    here = make(script, policy(SHORT))
    arguments = {"model": FLASH, **given}
    use(here, "create", **{name: each for name, each in arguments.items() if each is not None})
    (received,) = script.received
    assert received.body["generation_config"]["max_output_tokens"] == 400
    assert received.body["generation_config"]["seed"] == 1
    assert received.body["model"] == LITE
    assert received.body["input"][0]["content"][0]["text"] == "Hi."


def test_what_a_caller_says_beside_it_counts(play: Play, make: Make) -> None:
    """In headers, which are not sent on, and in options."""
    script = play(made(), made())
    here = make(script)
    headers = {"x-open-balancer-priority": "high", "x-mine": "1"}
    ask(here, extra_headers=headers)
    ask(here, options=CallOptions(priority=Priority.LOW))
    assert here.seen().admitted == (1, 0, 1)
    assert script.received[0].headers["x-mine"] == "1"
    assert "x-open-balancer-priority" not in script.received[0].headers


def test_it_is_billed_by_who_served(play: Play, make: Make) -> None:
    """Another model and another tier than were sent are seen, and are no failures."""
    served_by = {"model": LITE, "service_tier": "standard"}
    script = play(made(**served_by), stream(BEGUN, SAYS, over(**served_by)))
    plan = policy(Strategy(service_tier=("priority",) * 3, retries=0))
    here = make(script, plan)
    ask(here)
    told(here)
    assert [each.body["service_tier"] for each in script.received] == ["priority"] * 2
    entry = served_models(here.seen())[FLASH]
    assert (entry.finished, entry.failed, entry.rerouted, entry.downgraded) == (2, 0, 2, 2)
    card = here.balancer.catalog.card(LITE)
    price = card.price_of("standard")
    assert entry.nano_usd == 2 * cost_nano_usd(price, 10, 0, 5, 2)


def test_history_is_cut_where_it_is_in_the_input(play: Play, make: Make) -> None:
    """Between turns."""
    script = play(made())
    steps = [
        {"type": kind, "content": [{"type": "text", "text": text}]}
        for kind, text in (("user_input", "1"), ("model_output", "2"), ("user_input", "3"))
    ]
    ask(make(script, policy(Strategy(history_turns=1, retries=0))), input=steps)
    assert script.received[0].body["input"] == steps[2:]


def test_what_is_shed_is_not_sent(play: Play, make: Make) -> None:
    """It raises, or gets the static answer, whole or as events."""
    script = play(made(), made())
    limited = Strategy(max_starts_per_s=1.0, timeout_s=60.0, retries=0)
    here = make(script, policy(limited))
    here.seen()
    ask(here)
    for again in (ask, told):
        with pytest.raises(ShedError, match="as many calls are under way"):
            again(here)
    here = make(script, policy(replace(limited, static_fallback="Busy.")))
    here.seen()
    ask(here)
    found = ask(here, previous_interaction_id="i0")
    assert (found.output_text, found.id) == ("Busy.", "i0")
    events, how = told(here)
    assert events[2].delta.text == "Busy."
    assert kinds(events)[-1] == "interaction.completed"
    assert how is not None
    assert how.fallback
    assert len(script.received) == 2


def test_what_is_not_made_here_is_passed_through(play: Play, make: Make) -> None:
    """And counts as nothing."""
    script = play(made(), made("cancelled"), Reply(body={}))
    here = make(script)
    assert use(here, "get", "i1").output_text == "Hello."
    assert use(here, "cancel", "i1").status == "cancelled"
    assert use(here, "delete", "i1") is None
    assert here.seen().served == ()


def test_of_too_many_the_oldest_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is waited for is bounded."""
    from balancer.runtime import watched

    class Noted:
        ended: Any = None

        def settle(self, body: Any) -> None:
            self.ended = interactions.status_of(body)

        def give_up(self) -> None:
            self.ended = "given up"

    monkeypatch.setattr(watched, "MOST_WATCHED", 2)
    found, calls = watched.Watched(), [Noted() for _ in range(3)]
    for name, call in zip("abc", calls, strict=True):
        found.add(name, call)
    found.see({"id": "b", "status": "completed"})
    found.see({"id": "b", "status": "failed"})
    found.see({"id": "c", "status": "queued"})
    found.drop("nobody")
    assert [each.ended for each in calls] == ["given up", "completed", None]
    assert len(found) == 1


def test_wrong_arguments_are_the_sdks_to_refuse(play: Play, make: Make) -> None:
    """In its words, and nothing is sent."""
    script = play()
    with pytest.raises(TypeError, match="either request"):
        ask(make(script), request={"body": {"model": FLASH, "input": "x"}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError, match="unexpected keyword"):
            ask(make(script), nonsense=1)
    assert script.received == []


def test_a_client_without_interactions_says_so(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does by itself."""
    here = Bench(url=play().url, kind="sync", policy=policy())
    monkeypatch.delattr(genai.Client, "interactions")
    with pytest.raises(AttributeError, match="interactions"):
        here.run(lambda client: client.interactions)
