"""What an application does by itself: retries, patience, waiting, budgets."""

from __future__ import annotations

import numpy as np
import pytest

from balancer.core.claims import claimed_prompt
from balancer.core.observations import FAILURES, Observations
from balancer.core.policy import BudgetLimit, Strategy
from scenarios.schema import UpstreamFault
from sim.plant.fault_rows import OFF

from .worlds import FLASH, LITE, Requests, plant, policy, requests, scenario

ALL_FAIL = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1})
FAILS = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1, "model": FLASH})
HANGS = UpstreamFault.model_validate({"kind": "hang", "at": 0, "for": 1, "model": FLASH})


def _starts(observed: list[Observations], model: str) -> list[int]:
    """Ticks at which calls of a model started."""
    return [
        seen.tick for seen in observed for row in seen.served if row.model == model and row.started
    ]


def test_retries_back_off_and_then_give_up() -> None:
    """Attempts at 0, then 0.3 + 1, then 0.3 + 2 s later: three in all."""
    run = plant(requests(0.0), scenario(clients={"retries": 2}))
    run.set_fault(0, FAILS)
    observed = []
    for tick in range(8):
        run.advance(tick + 1.0)
        observed.append(run.observe(tick))
    assert _starts(observed, FLASH) == [0, 1, 3]
    totals = run.totals()
    assert (totals.attempts, totals.failed, totals.answered) == (3, 1, 0)


def test_fallback_models_are_tried_at_once() -> None:
    """Before any backoff."""
    run = plant(requests(0.0), under=policy(Strategy(fallback_models=(LITE,))))
    run.set_fault(0, FAILS)
    run.advance(0.4)
    seen = run.observe(0)
    assert [row.model for row in seen.served] == [FLASH, LITE]
    run.advance(10.0)
    assert run.totals().answered == 1


def test_retries_start_over_with_the_first_model() -> None:
    """At most 1 + fallbacks + retries attempts."""
    both = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1})
    run = plant(requests(0.0), under=policy(Strategy(fallback_models=(LITE,), retries=2)))
    run.set_fault(0, both)
    run.drain()
    seen = run.observe(0)
    assert {row.model: row.started for row in seen.served} == {FLASH: 2, LITE: 2}


def test_a_model_out_for_the_day_is_not_tried_again() -> None:
    """The retries go to the other one."""
    day = FAILS.model_copy(update={"error": "quota_day"})
    lite = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1, "model": LITE})
    run = plant(requests(0.0), under=policy(Strategy(fallback_models=(LITE,), retries=3)))
    run.set_fault(0, day)
    run.set_fault(1, lite)
    run.drain()
    seen = run.observe(0)
    assert {row.model: row.started for row in seen.served} == {FLASH: 1, LITE: 4}


def test_the_retry_delay_is_honoured_if_the_client_does() -> None:
    """A refusal by quota says how long to wait; most clients do not listen."""
    for honours, answered in ((True, 2), (False, 1)):
        of = scenario(
            flash={"quota": {"rpm": 1}},
            clients={"retries": 1, "honours_retry_delay": honours, "patience": 200},
        )
        run = plant(requests(0.0, 10.0), of)
        run.drain()
        assert run.totals().answered == answered


def test_a_retry_budget_bounds_the_retries() -> None:
    """Ten saved up, and after that a tenth of the answers: none where nobody is answered."""
    of = scenario(clients={"retries": 1, "retry_budget": 0.1})
    run = plant(requests(*np.arange(0.0, 3000.0, 5.0)), of)
    run.set_fault(0, FAILS)
    run.advance(1000.0)
    assert run.totals().attempts - 200 == 10
    run.set_fault(0, FAILS, OFF)
    run.advance(1300.0)
    run.set_fault(0, FAILS)
    run.drain()
    assert run.totals().answered == 60
    assert run.totals().attempts - 600 == pytest.approx(10 + 60 * 0.1, abs=1)


def test_an_attempt_beyond_the_first_on_each_model_takes_from_the_budget() -> None:
    """The fallback is what the plan has the other model for; a second round of both is not."""
    of = scenario(clients={"retries": 3, "retry_budget": 0.0})
    under = policy(Strategy(fallback_models=(LITE,)))
    run = plant(requests(*np.arange(0.0, 100.0, 5.0)), of, under)
    run.set_fault(0, ALL_FAIL)
    run.drain()
    assert run.totals().attempts == 20 * 2 + 10


def test_a_timeout_is_a_failure_and_the_upstream_works_on() -> None:
    """It is billed in full; the client only knows its prompt."""
    run = plant(requests(0.0), scenario(clients={"timeout": 1.0}))
    run.advance(1.2)
    seen = run.observe(0).served[0]
    assert seen.failures[FAILURES.index("timeout")] == 1
    assert seen.nano_usd == 1000 * 300
    run.drain()
    assert run.totals().true_nano_usd == 1000 * 300 + 100 * 2500
    assert run.totals().latency.total == 1


def test_a_call_left_behind_still_loads_the_upstream() -> None:
    """A second call during its work is slowed, one after it is not."""
    of = scenario(flash={"capacity": 1, "slowdown": 1.0}, clients={"timeout": 1.4, "patience": 100})
    run = plant(requests(0.0, 1.45, 10.0, output=[100, 40, 40]), of)
    run.drain()
    # Alone 0.9 s; beside the first, twice that and more than the timeout.
    assert run.totals().answered == 1


def test_a_user_gives_up_when_patience_ends() -> None:
    """In the middle of an attempt, which is a timeout; no further attempt is made."""
    of = scenario(clients={"patience": 5.0, "retries": 3})
    run = plant(requests(0.0), of)
    run.set_fault(0, HANGS)
    run.advance(4.99)
    assert run.in_flight == 1
    run.advance(5.01)
    assert run.empty
    assert run.totals().attempts == 1
    assert run.totals().latency_sum_s == pytest.approx(5.0)


def test_requests_wait_for_a_place_in_order() -> None:
    """One at a time: each takes 1.5 s, and its latency counts from its own start."""
    run = plant(requests(0.0, 0.1, 0.2), scenario(clients={"concurrency": 1}))
    run.advance(1.0)
    seen = run.observe(0)
    assert (seen.waiting, seen.in_flight) == (2, 1)
    run.advance(4.4)
    assert run.totals().answered == 2
    run.advance(4.6)
    assert run.totals().answered == 3
    assert run.totals().latency_sum_s == pytest.approx(4.5)


def test_who_waits_too_long_leaves_the_line() -> None:
    """From its middle, without an attempt and without a latency."""
    of = scenario(clients={"concurrency": 1, "patience": 2.0})
    run = plant(requests(0.0, 0.1, 1.0), of)
    run.drain()
    totals = run.totals()
    assert (totals.answered, totals.failed, totals.attempts) == (1, 2, 3)


def _steady(rate: float, seconds: int, **columns: object) -> Requests:
    return requests(*np.arange(0.0, seconds, 1.0 / rate), **columns)


def test_a_budget_is_never_overshot_and_nearly_all_of_it_is_used() -> None:
    """Under steady load that would cost four times as much."""
    limit = BudgetLimit(usd=0.5, window_s=600.0)
    run = plant(
        _steady(2.0, 3000),
        under=policy(Strategy(thinking=0, output_cap_tokens=1000), budgets=(limit,)),
    )
    spent = []
    for tick in range(3000):
        run.advance(tick + 1.0)
        spent.append(sum(row.nano_usd for row in run.observe(tick).served))
    totals = run.totals()
    assert totals.overshoot_nano_usd == 0
    windows = np.convolve(spent, np.ones(600), mode="valid")
    assert windows.max() <= 0.5e9
    assert totals.true_nano_usd >= 0.9 * 0.5e9 * 3000 / 600
    assert totals.refused == totals.shed > 1000


def test_a_timed_out_call_settles_its_worst_case() -> None:
    """So that bills the client never sees do not pass the budget."""
    limit = BudgetLimit(usd=0.05, window_s=300.0)
    run = plant(
        _steady(2.0, 1200, output=400),
        scenario(clients={"timeout": 2.0}),
        policy(Strategy(thinking=0, output_cap_tokens=500), budgets=(limit,)),
    )
    for tick in range(1200):
        run.advance(tick + 1.0)
        run.observe(tick)
    totals = run.totals()
    # Where little is left the cap is so short that a few answers come in time.
    assert totals.answered < 0.1 * totals.admitted
    assert totals.overshoot_nano_usd == 0
    assert totals.true_nano_usd > 0.12e9


def test_the_cap_is_shortened_before_a_request_is_refused() -> None:
    """The answer is cut to what is left."""
    nano_usd = claimed_prompt(1000) * 300 + 70 * 2500
    run = plant(
        requests(0.0), under=policy(budgets=(BudgetLimit(usd=nano_usd / 1e9, window_s=60.0),))
    )
    run.advance(1.0)
    assert run.observe(0).reserved_nano_usd == nano_usd
    run.drain()
    totals = run.totals()
    assert totals.truncated == totals.answered == 1
    assert totals.output_tokens == 70
    assert totals.quality_ppm_sum == 700_000


def test_a_request_that_no_cap_makes_affordable_is_refused() -> None:
    """Below 64 tokens an answer is not worth making."""
    nano_usd = 1000 * 300 + 63 * 2500
    run = plant(
        requests(0.0), under=policy(budgets=(BudgetLimit(usd=nano_usd / 1e9, window_s=60.0),))
    )
    run.drain()
    assert (run.totals().refused, run.totals().shed, run.totals().attempts) == (1, 1, 0)


def test_a_budget_of_a_key_binds_that_key_only() -> None:
    """The tenants are indexed in the order of their names."""
    of = scenario(
        workload={
            "classes": [
                {"name": "a", "share": 0.5, "key": "acme"},
                {"name": "b", "share": 0.5, "key": "beta"},
            ]
        }
    )
    limit = BudgetLimit(usd=1e-6, window_s=60.0, key="beta")
    run = plant(requests(0.0, 1.0, 2.0, key=[0, 1, -1]), of, policy(budgets=(limit,)))
    run.drain()
    assert (run.totals().answered, run.totals().refused) == (2, 1)
