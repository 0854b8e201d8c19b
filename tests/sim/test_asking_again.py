"""What production does not know: who asks again, how long a prompt is, when a decision arrives."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.modes import Mode
from balancer.core.policy import BudgetLimit, Strategy
from scenarios.schema import UpstreamFault
from sim.plant.fault_rows import OFF
from sim.plant.totals import Totals
from sim.run.engine import simulate
from tests.sim.small_world import SLOW, world, world_policy

from .worlds import FLASH, decision, plant, policy, requests, scenario

FAILS = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1, "model": FLASH})
ALWAYS = 0.999_999


def asked(share: float, *, after: float = 20.0, fails_for_s: float = 1.0, count: int = 1) -> Totals:
    """Requests at second 0, when every call fails, and what becomes of them."""
    of = scenario(clients={"reasks": {"share": share, "after": after}})
    run = plant(requests(*[0.0] * count), of)
    run.set_fault(0, FAILS)
    run.advance(fails_for_s)
    run.set_fault(0, FAILS, OFF)
    run.drain()
    return run.totals()


def test_a_user_who_got_nothing_asks_again_as_a_new_request() -> None:
    """Offered twice and answered once, between half the time and one and a half."""
    found = asked(ALWAYS)
    assert (found.offered, found.reasked, found.failed, found.answered) == (2, 1, 1, 1)


def test_nobody_asks_again_where_nobody_does() -> None:
    """A share of none."""
    found = asked(0.0)
    assert (found.offered, found.reasked, found.failed) == (1, 0, 1)


def test_each_asking_is_decided_anew() -> None:
    """Half of all, then half of those: twice as many requests in all while nothing helps."""
    found = asked(0.5, after=1.0, fails_for_s=1000.0, count=4000)
    assert found.offered == found.failed == 4000 + found.reasked
    assert found.offered == pytest.approx(8000, rel=0.03)


def test_who_was_shed_asks_again_too() -> None:
    """And is let in once nobody is shed any more."""
    under = policy()
    run = plant(requests(0.0), scenario(clients={"reasks": {"share": ALWAYS, "after": 10}}), under)
    run.apply(decision(under, Mode.NORMAL, admit=(0.0, 0.0, 0.0)))
    run.advance(1.0)
    seen = run.observe(0)
    assert (sum(seen.offered), sum(seen.shed)) == (1, 1)
    run.apply(decision(under, Mode.NORMAL))
    run.advance(4.9)
    assert sum(run.observe(1).offered) == 0
    run.drain()
    assert run.totals().answered == 1


def test_nobody_asks_again_after_the_horizon() -> None:
    """Or a run of nothing but refusals would never end."""
    of = scenario(duration=30, clients={"reasks": {"share": ALWAYS, "after": 20}})
    run = plant(requests(0.0), of)
    run.set_fault(0, FAILS)
    run.drain()
    assert run.totals().offered <= 4
    assert run.empty


def test_an_asking_has_all_its_retries() -> None:
    """Each asking makes as many attempts as the first."""
    of = scenario(clients={"retries": 2, "reasks": {"share": ALWAYS, "after": 1}}, duration=8)
    run = plant(requests(0.0), of)
    run.set_fault(0, FAILS)
    run.drain()
    found = run.totals()
    assert found.attempts == 3 * found.offered


def test_a_user_asks_again_in_any_of_the_arms_alike() -> None:
    """The same users come by themselves, whatever they get."""
    of = world(faults=[{**SLOW, "kind": "error", "share": 0.9}])
    came = []
    for arm in ("policy", "static", "none"):
        found = simulate(of, world_policy(), replication=0, arm=arm).metrics
        came.append(found["offered"] - found["reasked"])
        assert (found["reasked"] > 0) is (found["availability"] < 1.0)
    assert len(set(came)) == 1


def test_overhead_is_part_of_what_users_wait() -> None:
    """0.5 s, 1 s of tokens, and the client's own time."""
    for overhead, latency_s in ((0.0, 1.5), (0.25, 1.75)):
        run = plant(requests(0.0), scenario(clients={"overhead": overhead}))
        run.drain()
        assert run.totals().latency_sum_s == pytest.approx(latency_s)


def budgeted(**clients: Any) -> tuple[int, int]:
    """Requests at once under a budget, by how many were refused, and nano-dollars over it."""
    limit = BudgetLimit(usd=0.02, window_s=600.0)
    under = policy(Strategy(output_cap_tokens=200, thinking=0), budgets=(limit,))
    run = plant(requests(*[0.0] * 40, prompt=20_000, output=1), scenario(clients=clients), under)
    run.advance(1.0)
    run.observe(0)
    run.drain()
    run.observe(1)
    return run.totals().refused, run.totals().overshoot_nano_usd


def test_who_takes_prompts_for_shorter_than_they_are_overshoots_a_budget() -> None:
    """Each call was promised less than it costs; where the tokens are known, nothing is over."""
    known = budgeted(prompt_estimate={"error": 0})
    short = budgeted(prompt_estimate={"error": 0, "bias": -0.5})
    assert known[1] == 0
    assert short[0] < known[0]
    assert short[1] > 0


def test_a_decision_governs_after_its_lag() -> None:
    """The same decision, so much later."""
    at_s = []
    for lag in (0, 0.25):
        of = world(faults=[SLOW], decision_lag=lag)
        found = simulate(of, world_policy(), replication=0, arm="policy")
        at_s.append(found.transitions[0].at_s)
    assert at_s[1] == at_s[0] + 0.25
