"""What an application says to a model through Google's client, by both APIs, of any version.

    python -m tests.adapters.gemini.conversations URL

does so with every current model through the wrapper, in every mode of the default policy, and
prints what was withdrawn and how many calls failed, as one line of JSON. It is a command because
versions 2 and 3 cannot live in one environment.
"""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import replace
from typing import Any

from google.genai import types

from balancer.core.catalog import ModelCard
from balancer.core.modes import MODES, Mode
from balancer.core.strategy import Strategy
from balancer.policy_file import default_policy
from tests.waiting import until

from .bench import Bench, policy

__all__ = ["LOOK", "MODELS", "converse", "everything", "plan_of", "talk"]

CATALOG = default_policy().catalog
MODELS = [
    card
    for card in CATALOG.cards
    if card.family and not (card.shutdown and card.shutdown <= CATALOG.as_of)
]
"""Those of today."""
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
_LOOK = types.Tool(function_declarations=[types.FunctionDeclaration(name="look")])


def plan_of(mode: Mode) -> Strategy:
    """What the default policy does in a mode, with nothing shed, and time for a busy machine."""
    return replace(default_policy().strategies[mode], shed=(0.0, 0.0, 0.0), timeout_s=600.0)


def _thoughts(card: ModelCard) -> list[types.ThinkingConfig | None]:
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
    for thinking in _thoughts(card):
        for cap in (None, 3000):
            config = types.GenerateContentConfig(
                system_instruction="Be kind.", thinking_config=thinking, max_output_tokens=cap
            )
            models.generate_content(model=card.name, contents="Hello.", config=config)
            list(models.generate_content_stream(model=card.name, contents="Hi.", config=config))
    config = types.GenerateContentConfig(tools=[_LOOK])
    asked = types.UserContent("Look!")
    called = models.generate_content(model=card.name, contents=asked, config=config)
    for call in called.function_calls or ():  # emergency sends no tools
        result = types.Part.from_function_response(name=call.name, response={"sun": True})
        history = [asked, called.candidates[0].content, types.UserContent(result)]
        models.generate_content(model=card.name, contents=history, config=config)
    shaped = types.GenerateContentConfig(response_mime_type="application/json")
    models.generate_content(model=card.name, contents="As JSON.", config=shaped)


def talk(resource: Any, model: str) -> list[Any]:
    """All that an application does with interactions, in one conversation."""
    system = {"system_instruction": "Be kind.", "generation_config": {"max_output_tokens": 3000}}
    first = resource.create(model=model, input="What is the weather?", **system)
    called = resource.create(
        model=model, input="Look!", previous_interaction_id=first.id, tools=[LOOK]
    )
    call = called.steps[-1]
    result = {"type": "function_result", "call_id": call.id, "name": call.name, "result": "sun"}
    answered = resource.create(
        model=model, input=[result], previous_interaction_id=called.id, tools=[LOOK]
    )
    steps = [
        {"type": "user_input", "content": [{"type": "text", "text": "What is the weather?"}]},
        *(each.model_dump(exclude_none=True) for each in called.steps),
        result,
    ]
    stateless = resource.create(model=model, input=steps, tools=[LOOK], store=False)
    form = {"type": "text", "mime_type": "application/json", "schema": {"type": "object"}}
    shaped = resource.create(model=model, input="As JSON.", response_format=form)
    events = list(resource.create(model=model, input="In parts.", stream=True))
    later = resource.create(model=model, input="Later.", background=True)
    ended = until(lambda: found if (found := resource.get(later.id)).status != "in_progress" else 0)
    resource.delete(later.id)
    return [first, called, answered, stateless, shaped, events[-1].interaction, ended]


def everything(client: Any, card: ModelCard) -> None:
    """By both APIs."""
    converse(client.models, card)
    talk(client.interactions, card.name)


if __name__ == "__main__":
    # Version 2 warns of members that it writes by itself.
    warnings.simplefilter("ignore")
    told = {}
    for mode in MODES:
        here = Bench(url=sys.argv[1], kind="sync", policy=policy(plan_of(mode)), api_key="mock-key")

        def all_models(client: Any) -> None:
            for card in MODELS:
                everything(client, card)

        here.run(all_models)
        withdrawn = here.balancer.status().withdrawn
        failed = sum(entry.failed for entry in here.seen().served)
        told[mode.label] = {"withdrawn": withdrawn, "failed": failed}
    sys.stdout.write(json.dumps(told) + "\n")
