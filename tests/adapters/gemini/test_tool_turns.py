"""Turns of function calls through a change of modes and back, with Google's client and the mock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.genai import types

from balancer.adapters.gemini import Wrapped, served
from balancer.core.modes import Mode
from balancer.policy_file import default_policy
from sim.mock_gemini.server import MockServer
from tests.mock_gemini.caller import settings

from .bench import Bench

pytest.importorskip("balancer.core.routes", reason="without routes every model becomes another one")
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

ASKED = "gemini-3.8-flash"
TOOLS = types.Tool(function_declarations=[types.FunctionDeclaration(name="look")])
FORCED = types.GenerateContentConfig(
    tools=[TOOLS],
    tool_config=types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(
            mode=types.FunctionCallingConfigMode.ANY
        )
    ),
)
FREE = types.GenerateContentConfig(tools=[TOOLS])
WAY = (Mode.NORMAL, Mode.HARD, Mode.EMERGENCY, Mode.SOFT, Mode.NORMAL)


def result() -> types.Content:
    """What the function gave."""
    return types.Content(
        role="user",
        parts=[
            types.Part(
                function_response=types.FunctionResponse(name="look", response={"sky": "blue"})
            )
        ],
    )


def step(client: Wrapped, history: list[types.Content], config: Any) -> str:
    """One answer, added to the history as it came; the model that gave it."""
    response = client.models.generate_content(model=ASKED, contents=history, config=config)
    assert response.candidates
    content = response.candidates[0].content
    assert content is not None
    history.append(content)
    how = served(response)
    assert how is not None
    return how.model


@pytest.mark.parametrize("kind", ["sync"])
def test_a_tool_turn_goes_on_through_every_change_of_mode(kind: str) -> None:
    """Each change comes in the middle of a turn, between a call and its result.

    A turn may begin with a cheaper model that signs its calls; once it runs it stays with the
    model that was asked for, and the signatures come along.
    """
    default = default_policy()
    normal, soft, hard, emergency = default.strategies
    open_ = (normal, soft, hard, replace(emergency, shed=(0.0, 0.0, 0.0)))
    with MockServer(settings(latency=False)) as mock:
        here = Bench(
            url=mock.addresses.url,
            kind=kind,
            policy=replace(default, strategies=open_),
            api_key=mock.addresses.api_key,
        )
        history: list[types.Content] = []
        began: list[str] = []
        ran: list[str] = []

        def talk(client: Wrapped) -> None:
            for mode in WAY:
                history.append(types.Content(role="user", parts=[types.Part(text="Look up.")]))
                began.append(step(client, history, FORCED))
                here.balancer.override(mode, "a drill", for_s=600.0)
                here.seen()
                history.append(result())
                ran.append(step(client, history, FREE))

        here.run(talk)
    assert ran == [ASKED] * len(WAY)
    assert began[0] == ASKED
    assert set(began) > {ASKED}  # in a deeper mode a turn begins with a cheaper model
    calls = [
        part
        for content in history
        for part in content.parts or ()
        if part.function_call is not None
    ]
    assert len(calls) == len(WAY)
    assert all(call.thought_signature for call in calls)
