"""The hard budget under the default policy's own calls, which bound neither answer nor thought."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.policy import BudgetLimit
from balancer.policy_file import default_policy
from scenarios.schema import Scenario
from sim.run.engine import simulate


@pytest.mark.parametrize(("usd", "window_s"), [(8.0, 300.0), (16.0, 600.0)])
def test_a_worst_case_nobody_comes_near_leaves_the_budget_in_use(
    usd: float, window_s: float
) -> None:
    """Demand is above the budget: at least 90 % of it is spent, and nothing beyond."""
    scenario = Scenario(scenario="budget", title="Spending", duration=1800.0, warm_up=0.0)
    budget = BudgetLimit(usd=usd, window_s=window_s)
    policy = replace(default_policy(), law="none", budgets=(budget,))
    metrics = simulate(scenario, policy, replication=0, arm="policy").metrics
    assert metrics["refused_share"] > 0.05
    assert metrics["budget_overshoot_usd"] == 0.0
    assert metrics["cost_usd"] >= 0.9 * usd * 1800.0 / window_s
    assert metrics["truncated_share"] < 0.01


def test_what_nothing_bounds_is_held_against_the_budget_all_the_same() -> None:
    """Clients without a controller spend more, are held back in nothing, and it is measured."""
    scenario = Scenario(scenario="budget", title="Spending", duration=1800.0, warm_up=0.0)
    budget = BudgetLimit(usd=8.0, window_s=1800.0)
    free, bound = (replace(default_policy(), budgets=each) for each in ((), (budget,)))
    without, held = (simulate(scenario, each, replication=0, arm="none") for each in (free, bound))
    over_usd = without.metrics["cost_usd"] - 8.0
    assert over_usd > 8.0
    # The window is the run, but for what was under way at its end.
    assert held.metrics["budget_overshoot_usd"] == pytest.approx(over_usd, rel=0.02)
    assert {**held.metrics, "budget_overshoot_usd": 0.0} == without.metrics
