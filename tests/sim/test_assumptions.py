"""What a run says it takes for granted."""

from __future__ import annotations

from dataclasses import replace

from scenarios.schema import Scenario
from sim.assumptions import assumptions, models_used
from tests.sim.small_world import PROFILES, world, world_policy


def text_of(scenario: Scenario) -> str:
    """All its sentences."""
    return " ".join(assumptions(scenario, world_policy()))


def test_the_declared_quality_of_every_model_is_said() -> None:
    """Of those the run may use."""
    assert "declared and not measured: big 1, small 0.8;" in text_of(world())


def test_prices_are_said_with_their_date() -> None:
    """They change."""
    assert "table dated 2026-11-22" in text_of(world())


def test_a_capacity_is_said_where_there_is_one() -> None:
    """And not where there is none."""
    upstream = {"models": {**PROFILES, "big": {**PROFILES["big"], "capacity": 60}}}
    assert "slows down: big 60." in text_of(world(upstream=upstream))
    assert "slows down" not in text_of(world())


def test_the_effect_of_an_instruction_is_said_where_one_is_given() -> None:
    """It is an assumption like the others."""
    policy = world_policy()
    normal, soft, hard, emergency = policy.strategies
    concise = replace(
        policy, strategies=(normal, replace(soft, instruction="Be brief."), hard, emergency)
    )
    told = " ".join(assumptions(world(), concise))
    assert "leaves 60% of an answer's natural length and 97% of its quality" in told
    assert "instruction" not in text_of(world())


def test_what_an_action_costs_is_said_where_it_is_taken() -> None:
    """By the modes of this policy."""
    policy = world_policy()
    normal, soft, hard, emergency = policy.strategies
    short = replace(
        policy, strategies=(normal, soft, replace(hard, history_turns=2, tools=False), emergency)
    )
    told = " ".join(assumptions(world(), short))
    assert "without tools keeps 90% of its quality" in told
    assert "with its history cut keeps 95% of its quality" in told
    plain = text_of(world())
    assert "without tools" not in plain and "history" not in plain
    assert "without any keeps 92% of its quality" in plain


def test_what_answers_are_worth_is_said() -> None:
    """Of models and of a plain queue."""
    worth = {"answer": "$0.1", "waiting": "1%", "within": "30s"}
    sentence = "worth $0.1 within 30s and nothing later; every second a user waits costs 1% of that"
    assert sentence in text_of(world(worth=worth))
    assert sentence in text_of(world(worth=worth, upstream={"kind": "queue"}))


def test_a_plain_queue_says_so() -> None:
    """And nothing of models."""
    queue = {"kind": "queue", "servers": 2, "mean": "1s"}
    assert text_of(world(upstream=queue)).startswith("The upstream is a plain queue of 2 servers")


def test_models_are_those_of_the_client_and_of_every_mode() -> None:
    """Each once, the client's first."""
    assert models_used(world(), world_policy()) == ("big", "small")
