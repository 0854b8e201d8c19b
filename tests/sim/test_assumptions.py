"""What a run says it takes for granted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from balancer.policy_file import default_policy
from scenarios.loader import load
from scenarios.schema import Scenario
from scenarios.tiers import tier_dated
from sim.run.assumptions import assumptions, models_used
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
    assert "gemini-3.8-flash 2k requests a minute, 3M input tokens a minute" in text
    assert "gemini-3.8-flash 212, exponent 0.5" in text
    assert "usage tier" not in text_of(world())
    assert "may not exceed" not in text_of(world())


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


def replaying(folder: Path, *rows: tuple[float, int, int], **more: Any) -> Scenario:
    """The small world on a trace with these times, prompt and answer tokens."""
    path = folder / "evening.csv"
    lines = "".join(f"{at},{prompt},{output}\n" for at, prompt, output in rows)
    path.write_text("Timestamp,Request tokens,Response tokens\n" + lines)
    arrivals = {"trace": str(path), "format": "burstgpt", **more}
    return world(duration=600, warm_up=0, workload={"arrivals": arrivals})


def test_a_trace_is_said_with_its_window(tmp_path: Path) -> None:
    """Name, how much of it, from where on; and that the luck of traffic is left out."""
    every_second = tuple((at, 10, 10) for at in range(5000))
    said = text_of(replaying(tmp_path, *every_second, start="1h"))
    assert (
        "those of the trace evening.csv, of which 10m (600 requests) are replayed, from 1h after "
        "its first request on. All replications replay the same arrivals" in said
    )
    assert "times over" not in said
    assert "No request comes" not in said
    assert "recorded with no" not in said


def test_a_trace_that_starts_again_says_how_often(tmp_path: Path) -> None:
    """What is rare in it counts that often."""
    said = text_of(replaying(tmp_path, *((at, 10, 10) for at in range(240))))
    assert "of which 4m (240 requests) are replayed, from its start on" in said
    assert "are replayed 2.5 times over" in said


def test_a_long_gap_of_a_trace_is_said(tmp_path: Path) -> None:
    """From when, for how long, and how much of the scenario that is."""
    times = [*range(100), *range(400, 1000)]
    said = text_of(replaying(tmp_path, *((at, 10, 10) for at in times)))
    assert "No request comes for 5m 1s from 1m 39s on, 50.2% of the scenario." in said


def test_requests_recorded_without_tokens_are_counted(tmp_path: Path) -> None:
    """And what they are given is said."""
    rows = tuple((at, 10, 0 if at % 4 == 0 else 10) for at in range(1000))
    said = text_of(replaying(tmp_path, *rows))
    assert "150 of the 600 requests (25.00%) were recorded with no answer tokens" in said


def test_a_plain_queue_says_of_its_trace_what_there_is_to_say(tmp_path: Path) -> None:
    """Traffic is traffic."""
    queue = {"kind": "queue", "servers": 2, "mean": "1s"}
    scenario = replaying(tmp_path, (0, 1, 1), (1, 1, 1))
    scenario = scenario.model_copy(update={"upstream": world(upstream=queue).upstream})
    assert "the trace evening.csv" in text_of(scenario)
