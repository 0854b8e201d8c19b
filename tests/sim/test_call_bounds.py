"""What a plan leaves of a client's own cap and thinking, simulated and live alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from balancer.core.policy import Strategy
from balancer.policy_file import default_policy
from balancer.wire import apply, edits, read_asked
from scenarios.profiles import profiles
from sim.plant.call_bounds import UNBOUNDED, call_bounds, thinking_bound

from .worlds import FLASH, LITE, plant, policy, requests, scenario

CATALOG = default_policy().catalog


@pytest.mark.parametrize(
    ("model", "client", "strategy", "most"),
    [
        pytest.param(FLASH, None, None, 24_576, id="thinks as much as it likes"),
        pytest.param(LITE, None, None, 0, id="thinks only when told to"),
        pytest.param(LITE, None, -1, 0, id="told to choose, which would be more"),
        pytest.param(LITE, -1, None, 24_576, id="told to choose by its client"),
        pytest.param(FLASH, 512, None, 512, id="the client's budget"),
        pytest.param(FLASH, 512, 0, 0, id="the strategy's, which is less"),
        pytest.param(FLASH, 512, 1024, 512, id="the client's, which is less"),
        pytest.param(FLASH, 512, -1, 512, id="the client's, where the strategy leaves it free"),
        pytest.param("gemini-3.5-flash", "LOW", None, 1024, id="a level"),
        pytest.param("gemini-3.5-flash-lite", None, None, 128, id="what it does by itself"),
    ],
)
def test_a_call_thinks_no_more_than_client_and_strategy_let_it(
    model: str, client: int | str | None, strategy: int | None, most: int
) -> None:
    """A plan takes away, it never adds."""
    of = scenario(clients={"thinking": client, "model": model})
    bounds = call_bounds(of, Strategy(thinking=strategy), CATALOG.card(model))
    assert bounds.thinking_tokens == most


@pytest.mark.parametrize(
    ("client", "strategy", "cap"),
    [(None, None, UNBOUNDED), (None, 800, 800), (500, None, 500), (500, 800, 500), (800, 500, 500)],
)
def test_the_lower_cap_of_client_and_strategy_holds(
    client: int | None, strategy: int | None, cap: int
) -> None:
    """As on the wire."""
    of = scenario(clients={"thinking": 0, "output_cap": client})
    asks = Strategy(thinking=0, output_cap_tokens=strategy)
    assert call_bounds(of, asks, CATALOG.card(FLASH)).cap_tokens == cap


def test_an_answer_ends_at_the_clients_own_cap_whatever_the_plan_allows() -> None:
    """In a run, from end to end."""
    of = scenario(clients={"thinking": 0, "output_cap": 60})
    run = plant(requests(0.0), of, policy(Strategy(thinking=0, output_cap_tokens=500)))
    run.drain()
    assert (run.totals().answered, run.totals().output_tokens) == (1, 60)


@pytest.mark.parametrize("thinking", [None, 0, 512, 8000])
@pytest.mark.parametrize("cap", [None, 200, 1500, 3072, 20_000])
@pytest.mark.parametrize("strategy", [*default_policy().strategies, Strategy()])
@pytest.mark.parametrize("model", [FLASH, LITE])
def test_a_simulated_call_is_bounded_as_the_body_of_a_live_one(
    model: str, strategy: Strategy, cap: int | None, thinking: int | None
) -> None:
    """Of each mode, from the body that a load test sends to the one that arrives."""
    card = CATALOG.card(model)
    clients = {"model": FLASH, "output_cap": cap, "thinking": thinking}
    config: dict[str, Any] = {} if cap is None else {"maxOutputTokens": cap}
    if thinking is not None:
        config["thinkingConfig"] = {"thinkingBudget": thinking}
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": config}
    arrives = read_asked(
        json.loads(json.dumps(apply(body, edits(strategy, card, read_asked(body, FLASH))))), model
    )
    of = scenario(clients=clients)
    # The mock bounds thinking by the same function, from what the body says.
    assert call_bounds(of, strategy, card) == (
        arrives.output_cap_tokens or UNBOUNDED,
        thinking_bound(profiles(of)[model], card, arrives.thinking),
    )
