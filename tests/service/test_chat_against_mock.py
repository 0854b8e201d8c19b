"""Chat completions through the proxy and the mock Gemini: nothing of ours is refused, and the bill
is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from balancer.core.catalog import ModelCard
from balancer.core.modes import MODES, Mode
from balancer.core.observations import merge_ticks
from balancer.policy_file import default_policy
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer
from tests.mock_gemini.caller import settings
from tests.service.conftest import Service, serving

PATH = "/v1beta/openai/chat/completions"
KEY = {"authorization": "Bearer mock-key"}
CATALOG = default_policy().catalog
MODELS = [
    card
    for card in CATALOG.cards
    if card.family and not (card.shutdown and card.shutdown <= CATALOG.as_of)
]
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture(scope="module")
def quick() -> Iterator[Addresses]:
    """A mock without waits that calls functions."""
    with MockServer(settings(latency=False, call_share=1.0)) as mock:
        yield mock.addresses


@pytest.fixture(scope="module", params=MODES, ids=lambda mode: mode.label)
def service(
    request: pytest.FixtureRequest, quick: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """With one mode's strategy in all of them, and nothing shed."""
    default = default_policy()
    mode: Mode = request.param
    strategy = replace(default.strategies[mode], shed=(0.0, 0.0, 0.0), retries=0)
    policy = replace(default, strategies=(strategy,) * 4, baseline=None)
    with serving(tmp_path_factory.mktemp("data"), policy=policy, upstream=quick.url) as running:
        yield running


def counters(mock: Addresses) -> Any:
    """Of the mock."""
    return Admin(mock.admin_url, mock.token).counters()


def efforts(card: ModelCard) -> list[dict[str, Any]]:
    """Settings that a caller may give: none, an effort, and Gemini's own."""
    if card.levels:
        ends = (card.levels[0].lower(), card.levels[-1].lower())
        own = {"thinking_level": card.levels[-1]}
        return [{}, *({"reasoning_effort": end} for end in ends), _own(own)]
    assert card.budget is not None
    least = {"reasoning_effort": "none"} if card.off else {"reasoning_effort": "low"}
    return [{}, least, _own({"thinking_budget": card.budget[1]})]


def _own(config: dict[str, Any]) -> dict[str, Any]:
    return {"extra_body": {"google": {"thinking_config": config}}}


def converse(client: httpx.Client, model: str, thinking: dict[str, Any]) -> None:
    """What an application does: a cap, a stream, a turn of functions, JSON."""

    def ask(messages: list[Any], **members: Any) -> httpx.Response:
        body = {"model": model, "messages": messages, **thinking, **members}
        found = client.post(PATH, json=body, headers=KEY)
        assert found.status_code == 200, found.text
        return found

    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Look!"}]
    ask(asked)
    ask(asked, max_tokens=3000)
    assert ask(asked, **USAGE).text.endswith("data: [DONE]\r\n\r\n")
    message = ask(asked, tools=[LOOK]).json()["choices"][0]["message"]
    for call in message.get("tool_calls", ()):  # emergency sends no tools
        result = {"role": "tool", "tool_call_id": call["id"], "content": "sun"}
        ask([*asked, message, result], tools=[LOOK])
    ask(asked, response_format={"type": "json_object"})


@pytest.mark.slow
@pytest.mark.parametrize("card", MODELS, ids=lambda card: card.name)
def test_no_mode_makes_the_upstream_refuse_a_model(
    quick: Addresses, service: Service, card: ModelCard
) -> None:
    """Neither what a caller set nor what a plan makes of it."""
    before = counters(quick)["refused"]
    with service.client() as client:
        for thinking in efforts(card):
            converse(client, card.name, thinking)
    assert counters(quick)["refused"] == before
    assert not service.balancer.status().withdrawn


def test_tokens_and_cost_are_what_the_upstream_bills(tmp_path: Path) -> None:
    """Whole and streamed, in every tier that served."""
    with MockServer(settings(latency=False)) as mock:
        with (
            serving(tmp_path, upstream=mock.addresses.url) as service,
            service.client() as client,
        ):
            for more in ({}, USAGE, {"service_tier": "flex"}, {"n": 2}):
                said = {"messages": [{"role": "user", "content": "Hi."}], **more}
                body = {"model": "gemini-3.6-flash", **said}
                assert client.post(PATH, json=body, headers=KEY).status_code == 200
            service.balancer.close()
            (entry,) = merge_ticks(service.seen).served
        total = counters(mock.addresses)["total"]
    assert (entry.finished, entry.ill) == (4, 0)
    assert entry.nano_usd == total["bill_nano_usd"]
    spent = (entry.prompt_tokens, entry.output_tokens, entry.thinking_tokens)
    assert spent == (total["prompt_tokens"], total["output_tokens"], total["thinking_tokens"])
