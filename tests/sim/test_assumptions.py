"""What a run says it takes for granted."""

from __future__ import annotations

from dataclasses import replace

from balancer.policy_file import default_policy
from scenarios.loader import load
from scenarios.schema import Scenario
from scenarios.tiers import tier_dated
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


def test_the_capacity_of_every_model_is_said() -> None:
    """And where there is none, that there is none."""
    upstream = {"models": {**PROFILES, "big": {**PROFILES["big"], "capacity": 60}}}
    text = text_of(world(upstream=upstream))
    assert "exponent: big 60, exponent 1; small never." in text


def test_how_quotas_are_counted_is_said_of_every_model() -> None:
    """Counting, whether refused calls count, and who has no quota."""
    big = {**PROFILES["big"], "quota": {"rpm": 1000, "tpm": "1M", "rpd": 500}}
    upstream = {"models": {**PROFILES, "big": big}}
    limits = "1k requests a minute, 1M input tokens a minute, 500 requests a day"
    assert (
        f"Quotas: big {limits} (counted by the clock's minute, refused calls not counted); "
        "small none." in text_of(world(upstream=upstream))
    )
    project = {"rpm": 50, "counting": "bucket", "counts_refused": True, "burst": "10s"}
    text = text_of(world(upstream={**upstream, "quota": project}))
    bucket = "(counted by a token bucket that holds 10s of it, refused calls counted)"
    assert f"big {limits} {bucket}" in text
    assert f"all models together 50 requests a minute {bucket}." in text


def test_a_tier_and_its_spend_limit_are_said() -> None:
    """With the date of its figures."""
    scenario = load("steady", ["upstream.tier=2"]).scenario
    text = " ".join(assumptions(scenario, default_policy()))
    assert f"usage tier 2, as of {tier_dated()}" in text
    assert "may not exceed $50 in any 10m" in text
    assert "gemini-2.5-flash 2k requests a minute, 3M input tokens a minute" in text
    assert "gemini-2.5-flash 231, exponent 0.5" in text
    assert "usage tier" not in text_of(world())
    assert "may not exceed" not in text_of(world())


def test_the_effect_of_an_instruction_is_said_where_one_is_given() -> None:
    """It is an assumption like the others."""
    policy = world_policy()
    normal, soft, hard, emergency = policy.strategies
    concise = replace(
        policy, strategies=(normal, replace(soft, instruction="Be brief."), hard, emergency)
    )
    assert "leaves 60%" in " ".join(assumptions(world(), concise))
    assert "instruction" not in text_of(world())


def test_a_plain_queue_says_so() -> None:
    """And nothing of models."""
    queue = {"kind": "queue", "servers": 2, "mean": "1s"}
    assert text_of(world(upstream=queue)).startswith("The upstream is a plain queue of 2 servers")


def test_models_are_those_of_the_client_and_of_every_mode() -> None:
    """Each once, the client's first."""
    assert models_used(world(), world_policy()) == ("big", "small")
