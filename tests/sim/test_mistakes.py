"""Requests that the upstream refuses as their callers wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.histogram import EMPTY
from balancer.core.modes import Mode
from balancer.core.observations import FAILURES, merge_ticks
from balancer.core.policy import Strategy
from scenarios.schema import Scenario
from sim.streams import replication_key
from sim.traffic.workload import generate

from .worlds import LITE, plant, policy, requests, scenario

KEY = replication_key(1, 0)
TRIES = Strategy(fallback_models=(LITE,), retries=2, static_fallback="Sorry.")


def test_a_mistake_is_one_attempt_that_costs_nothing() -> None:
    """Unjudged by its priority; no retry, no other model, no static answer, and in no total."""
    rows = requests(0.0, 0.1, 0.2, mistake=[True, False, True], priority=[2, 1, 0])
    run = plant(rows, scenario(clients={"retries": 3}), policy(TRIES))
    run.advance(3.0)
    seen = run.observe(0)
    (entry,), (felt,) = seen.served, seen.requests
    assert (entry.started, entry.finished, entry.judged, entry.ill) == (3, 3, 1, 0)
    assert entry.failures[FAILURES.index("rejected")] == 2
    assert (felt.mode, felt.begun, felt.unjudged) == (Mode.NORMAL, 3, (1, 0, 1))
    assert (felt.answered.total, felt.failed) == (1, EMPTY)
    assert (seen.demand, seen.fallback) == ((0, 1, 0), (0, 0, 0))
    totals = run.totals()
    assert (totals.offered, totals.admitted, totals.answered, totals.failed) == (1, 1, 1, 0)
    assert (totals.attempts, totals.attempts_failed) == (1, 0)
    assert totals.observed_nano_usd == totals.true_nano_usd == entry.nano_usd


def test_a_tick_of_nothing_but_the_end_of_mistakes_is_told() -> None:
    """Begun in one tick, over in the next; nothing is left behind."""
    run = plant(requests(0.9, mistake=[True]))
    run.advance(1.0)
    first = run.observe(0)
    run.advance(2.0)
    second = run.observe(1)
    assert first.requests[0].ages.total == 1
    assert second.requests[0][:2] == (Mode.NORMAL, 0)
    assert second.requests[0].unjudged == (0, 1, 0)
    assert merge_ticks([first, second]).demand == (0, 0, 0)
    run.advance(3.0)
    assert run.observe(2).requests == ()


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_a_class_makes_its_share_of_mistakes(share: float) -> None:
    """By a draw of its own, so that nothing else about the traffic changes."""

    def traffic(mistakes: float) -> Any:
        found = Scenario.model_validate(
            {
                "scenario": "s",
                "title": "t",
                "duration": "1h",
                "warm_up": 0,
                "workload": {
                    "arrivals": {"rate": 1},
                    "classes": [{"name": "chat", "mistakes": mistakes}],
                },
            }
        )
        return generate(found, KEY)

    rows, without = traffic(share), traffic(0.0)
    assert rows["mistake"].mean() == pytest.approx(share, abs=0.03)
    for name in ("s", "prompt", "output", "thinking"):
        assert (rows[name] == without[name]).all()
