"""What answers count for, and what users wait: worlds small enough to work out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.policy import Strategy
from scenarios.loader import load
from scenarios.schema import UpstreamFault
from sim.plant.quality import kept_quality_ppm

from .small_world import world
from .worlds import FLASH, LITE, plant, policy, requests, scenario

FAILS = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1, "model": FLASH})


@pytest.mark.parametrize(
    ("strategy", "kept"),
    [
        (Strategy(), 1.0),
        (Strategy(instruction="Be brief."), 0.97),
        (Strategy(tools=False), 0.90),
        (Strategy(history_turns=6), 0.95),
        (Strategy(instruction="Be brief.", tools=False, history_turns=0), 0.97 * 0.90 * 0.95),
        (Strategy(output_cap_tokens=9, thinking=0, temperature=0.0, timeout_s=1.0), 1.0),
    ],
    ids=["nothing", "concise", "tools", "history", "all", "what-calls-show"],
)
def test_every_action_has_its_price_and_they_multiply(strategy: Strategy, kept: float) -> None:
    """Caps and thinking are left out: what they cost is seen in each call."""
    assert kept_quality_ppm(scenario(), strategy) == round(kept * 1e6)


def test_what_actions_cost_can_be_said_otherwise() -> None:
    """From the command line too."""
    loaded = load("steady", ["upstream.actions.concise=50%", "upstream.actions.no_tools=1"])
    strategy = Strategy(instruction="Be brief.", tools=False)
    assert kept_quality_ppm(loaded.scenario, strategy) == 500_000


def test_a_plain_queue_knows_no_quality() -> None:
    """Its answers are all alike."""
    queue = world(upstream={"kind": "queue"})
    assert kept_quality_ppm(queue, Strategy(instruction="Be brief.")) == 1_000_000


def test_an_answer_counts_by_its_model_its_plan_and_its_thinking() -> None:
    """Half a model, half its thinking, brief and without history: product of all four."""
    run = plant(
        requests(0.0, thinking=100),
        scenario(flash={"quality": 0.5}, clients={"thinking": 50}),
        policy(Strategy(instruction="Be brief.", history_turns=2)),
    )
    run.drain()
    expected = 0.5 * (1 - 0.08 / 2) * 0.97 * 0.95
    assert run.totals().quality_ppm_sum == pytest.approx(expected * 1e6, abs=1)


def test_the_fallback_model_answers_with_its_own_quality() -> None:
    """Not with that of the one that failed."""
    of = scenario(flash={"quality": 0.25})
    run = plant(requests(0.0), of, policy(Strategy(fallback_models=(LITE,))))
    run.set_fault(0, FAILS)
    run.drain()
    assert run.totals().quality_ppm_sum == run.totals().sibling_quality_ppm_sum == 850_000


def test_a_late_answer_is_an_answer_but_worth_nothing() -> None:
    """Each takes 1.5 s, one at a time: the third comes 4.5 s after it was asked for."""
    of = scenario(clients={"concurrency": 1}, worth={"within": 4.0})
    run = plant(requests(0.0, 0.0, 0.0), of)
    run.drain()
    totals = run.totals()
    assert (totals.quality_ppm_sum, totals.good_quality_ppm_sum) == (3_000_000, 2_000_000)
    assert totals.sibling_quality_ppm_sum == 0
    assert totals.waiting_s == pytest.approx(1.5 + 3.0 + 4.5)


def test_who_gives_up_has_waited_as_long_as_their_patience() -> None:
    """In line or in a call; who is shed does not wait at all."""
    of = scenario(clients={"concurrency": 1, "patience": 1.0})
    run = plant(requests(0.0, 0.5), of)
    run.drain()
    assert run.totals().answered == 0
    assert run.totals().waiting_s == pytest.approx(2.0)


def test_a_quick_failure_costs_its_user_no_time_but_its_own() -> None:
    """A refusal takes 0.3 s."""
    run = plant(requests(0.0))
    run.set_fault(0, FAILS)
    run.drain()
    assert run.totals().waiting_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("faults", "attempts", "fallbacks"),
    [([], 1, 0), ([FAILS], 2, 1), ([FAILS, {"model": LITE}], 6, 3)],
    ids=["healthy", "one-sick", "both-sick"],
)
def test_a_call_of_the_next_model_is_a_fallback_and_a_new_round_is_not(
    faults: list[Any], attempts: int, fallbacks: int
) -> None:
    """Two models gone through three times are six attempts, and three of them fall back."""
    of = scenario(clients={"backoff": {"initial": 0.0, "jitter": 0.0}})
    run = plant(requests(0.0), of, policy(Strategy(fallback_models=(LITE,), retries=4)))
    for row, fault in enumerate(faults):
        long = {"kind": "error", "at": 0, "for": 9}
        given = fault if row == 0 else UpstreamFault.model_validate({**long, **fault})
        run.set_fault(row, given)
    run.drain()
    totals = run.totals()
    assert (totals.attempts, totals.fallback_attempts) == (attempts, fallbacks)


def test_passing_over_a_model_that_is_out_for_the_day_repeats_the_other() -> None:
    """After its first fallback every attempt is one more at the same model."""
    day = FAILS.model_copy(update={"error": "quota_day"})
    lite = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1, "model": LITE})
    of = scenario(clients={"backoff": {"initial": 0.0, "jitter": 0.0}})
    run = plant(requests(0.0), of, policy(Strategy(fallback_models=(LITE,), retries=3)))
    run.set_fault(0, day)
    run.set_fault(1, lite)
    run.drain()
    assert (run.totals().attempts, run.totals().fallback_attempts) == (5, 1)
