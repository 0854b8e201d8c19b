"""Service tiers: which one a call is sent in, and what a mode with tiers is expected to cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balancer.core.catalog import Catalog
from balancer.core.doubts import doubts
from balancer.core.errors import PolicyError
from balancer.core.modes import Mode
from balancer.core.policy import Baseline, BudgetLimit, Policy, Strategy
from balancer.core.strategy import tier_of
from tests.core.builders import BIG, CATALOG, SMALL, STRATEGIES, make_policy

HALF = (200_000, 150_000_000, 1_250_000_000, 15_000_000, 150_000_000, 1_250_000_000, 15_000_000)
DOUBLE = (200_000, 600_000_000, 5_000_000_000, 60_000_000, 600_000_000, 5_000_000_000, 60_000_000)
TIERED = replace(BIG, tier_prices=(("flex", HALF), ("priority", DOUBLE)))
BASELINE = Baseline(
    workload="w", requests_per_s=1.0, prompt_tokens=900.0, output_tokens=300.0, thinking_tokens=0.0
)


def tiered_policy(strategy: Strategy, **more: Any) -> Policy:
    """A policy whose normal has a model with tiers, and what is said about them."""
    catalog = Catalog(dated="2026-11-22", cards=(TIERED, SMALL))
    return replace(make_policy(), catalog=catalog, strategies=(strategy, *STRATEGIES[1:]), **more)


@pytest.mark.parametrize(
    ("planned", "own", "sent"),
    [
        (None, None, "standard"),
        (None, "priority", "priority"),
        ("flex", None, "flex"),
        ("flex", "priority", "flex"),
        ("standard", "priority", "standard"),
        ("priority", "standard", "priority"),
        ("priority", "flex", "flex"),
        ("standard", "flex", "flex"),
        ("batch", None, "standard"),
    ],
)
def test_a_plan_says_the_tier_but_to_those_who_ask_for_flex(
    planned: str | None, own: str | None, sent: str
) -> None:
    """A plan that says nothing leaves what the caller wrote."""
    assert tier_of(planned, own, TIERED) == sent


def test_a_model_is_sent_no_tier_that_it_has_no_price_for() -> None:
    """What the caller wrote for its own model stays; another model is not made to refuse it."""
    assert tier_of("flex", None, BIG) == "standard"
    assert tier_of("flex", "priority", BIG) == "priority"
    assert tier_of("flex", "priority", BIG, moved=True) == "standard"
    assert tier_of(None, "priority", TIERED, moved=True) == "priority"


def test_of_an_unknown_model_the_tier_stays_as_written() -> None:
    """Nobody knows what it takes."""
    assert tier_of("flex", None, None) == "standard"
    assert tier_of("flex", "priority", None) == "priority"


def test_an_unknown_tier_is_refused_with_the_nearest_one() -> None:
    """Batch is no tier of a request: it has a path of its own."""
    with pytest.raises(PolicyError, match=r"unknown service tier 'flx' \(did you mean 'flex'"):
        make_policy(strategies=(Strategy(service_tier=("flx", None, None)), *STRATEGIES[1:]))


def test_a_budget_of_priority_is_checked_as_any() -> None:
    """Nought dollars are a mistake."""
    with pytest.raises(PolicyError, match=r"budget is 0\.0"):
        make_policy(priority_budgets=(BudgetLimit(usd=0.0, window_s=60.0),))


def test_a_mode_is_expected_to_cost_what_its_tiers_do() -> None:
    """Each priority's share of the requests at its tier, those that are shed left out."""
    standard = tiered_policy(Strategy(model="big"), baseline=BASELINE)
    usual = standard.expected_cost_usd(Mode.NORMAL)
    assert usual is not None
    flex = Strategy(model="big", service_tier=("flex", "flex", "flex"))
    assert tiered_policy(flex, baseline=BASELINE).expected_cost_usd(Mode.NORMAL) == pytest.approx(
        usual / 2
    )
    mixed = Strategy(model="big", service_tier=("flex", None, "priority"), shed=(1.0, 0.5, 0.0))
    assert tiered_policy(mixed, baseline=BASELINE).expected_cost_usd(Mode.NORMAL) == pytest.approx(
        usual * (0.0 + 0.5 + 2.0) / 3
    )


def test_a_tier_without_a_price_is_warned_of() -> None:
    """Its calls would silently go as they were written."""
    strategy = Strategy(model="big", service_tier=("flex", None, None))
    assert doubts(tiered_policy(strategy)) == ()
    (warning,) = doubts(replace(tiered_policy(strategy), catalog=CATALOG))
    assert warning.startswith("modes.normal: big has no price in the flex tier")


def test_a_tier_of_the_usual_model_is_looked_at_too() -> None:
    """Where normal leaves the model to its callers, and the baseline says which that is."""
    strategy = Strategy(service_tier=("priority", None, None))
    baseline = replace(BASELINE, model="big")
    assert doubts(tiered_policy(strategy, baseline=baseline)) == ()
    policy = replace(tiered_policy(strategy, baseline=baseline), catalog=CATALOG)
    (warning,) = doubts(policy)
    assert "big has no price in the priority tier" in warning
