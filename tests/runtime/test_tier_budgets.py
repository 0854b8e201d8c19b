"""Service tiers of a live balancer: what a hard budget holds, and that of the priority tier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balancer.core.modes import Priority
from balancer.core.policy import BudgetLimit, Policy
from balancer.runtime.calls import Outcome

from .bench import ANSWER, Bench
from .test_requests import fail, started
from .tiered import CARD, HIGH, LOW, NORMAL, ask, tiered


def held(priority: Priority, tier: str | None = None) -> int:
    """What a hard budget holds for a call."""
    policy = replace(tiered(), budgets=(BudgetLimit(usd=1000.0, window_s=3600.0),))
    bench = Bench(policy)
    started(ask(bench, priority, output_cap_tokens=1000, prompt_tokens=1000, service_tier=tier))
    return bench.balancer.ledger.reserved_nano_usd


def test_a_budget_holds_the_dearer_of_the_tier_and_standard() -> None:
    """A flex call may have to go to standard; a priority call costs more."""
    standard = held(NORMAL)
    assert held(LOW) == standard
    assert held(HIGH) == held(NORMAL, "priority") == pytest.approx(1.8 * standard)


def test_what_flex_gave_back_is_there_for_its_fallback() -> None:
    """A budget with room for one call has room for a call that is put off."""
    policy = replace(tiered(), budgets=(BudgetLimit(usd=0.02, window_s=3600.0),))
    bench = Bench(policy)
    request = ask(bench, output_cap_tokens=1000, prompt_tokens=100)
    assert fail(request) == 0.0
    started(request).finish(ANSWER)
    assert request.answered


def priority_budget(usd: float, **more: Any) -> Policy:
    """A budget of priority, and none that refuses calls."""
    limit = BudgetLimit(usd=usd, window_s=3600.0)
    return replace(tiered(), priority_budgets=(limit,), **more)


def test_beyond_their_budget_calls_of_priority_go_as_standard() -> None:
    """None is refused, whatever the model costs; nothing else is bounded."""
    bench = Bench(priority_budget(0.02))
    tiers = []
    for _ in range(6):
        attempt = started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=100))
        tiers.append(attempt.tier)
        attempt.finish(Outcome(prompt_tokens=100, output_tokens=500, served_tier=attempt.tier))
    assert tiers[0] == "priority"
    assert tiers[-1] == "standard"
    assert tiers == sorted(tiers)
    call = bench.balancer.begin()  # no budget that would forbid plain calls
    bench.balancer.finish(call, prompt_tokens=1)
    assert started(ask(bench, NORMAL)).tier == "standard"


def test_a_priority_budget_is_never_exceeded_by_calls_in_flight() -> None:
    """Money is held before a call starts."""
    bench = Bench(priority_budget(0.05))
    attempts = [
        started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=100)) for _ in range(30)
    ]
    paid = [attempt for attempt in attempts if attempt.tier == "priority"]
    assert 0 < len(paid) < 30
    row = CARD.price_of("priority")
    worst = (150 * row[1] + 1000 * row[2]) // 1_000_000
    assert len(paid) * worst <= 50_000_000 < (len(paid) + 1) * worst


def test_what_was_served_as_standard_is_not_charged_to_priority() -> None:
    """In a rush, priority's share is over and its calls are downgraded in silence."""
    bench = Bench(priority_budget(0.02))
    for _ in range(20):
        attempt = started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=100))
        assert attempt.tier == "priority"
        attempt.finish(Outcome(prompt_tokens=100, output_tokens=500, served_tier="standard"))


def test_a_callers_own_priority_is_bounded_too_but_not_where_the_plan_has_no_say() -> None:
    """A call in headers of its own, or as it was written, keeps its tier."""
    bench = Bench(priority_budget(1e-9))
    assert started(ask(bench, NORMAL, service_tier="priority")).tier == "standard"
    vertex = ask(bench, NORMAL, service_tier="priority", takes_tiers=False)
    assert started(vertex).tier == "priority"


def test_a_budget_that_refuses_priority_still_makes_the_call_as_standard() -> None:
    """Before it refuses any."""
    worst = (150 * CARD.price[1] + 1000 * CARD.price[2]) // 1_000_000
    asked = {"output_cap_tokens": 1000, "min_output_tokens": 1000, "prompt_tokens": 100}
    for usd, tier in ((2.0 * worst, "priority"), (1.5 * worst, "standard"), (0.9 * worst, None)):
        limit = BudgetLimit(usd=usd / 1e9, window_s=3600.0)
        bench = Bench(replace(tiered(), budgets=(limit,)))
        attempt = ask(bench, HIGH, **asked).start()
        assert (None if attempt is None else attempt.tier) == tier


def test_a_priority_budget_outlives_a_restart_and_another_policy() -> None:
    """What was spent still counts, and what is in flight counts as spent."""
    bench = Bench(priority_budget(0.02))
    ledger = bench.balancer.ledger
    started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=100))
    state = ledger.state()
    other = Bench(priority_budget(0.02))
    other.balancer.ledger.restore(state)
    assert started(ask(other, HIGH, output_cap_tokens=1000, prompt_tokens=900)).tier == (
        started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=900)).tier
    )
    older = {name: value for name, value in state.items() if name != "priority"}
    other.balancer.ledger.restore(older)
    bench.balancer.use(priority_budget(1e-9))
    assert started(ask(bench, HIGH, output_cap_tokens=10, prompt_tokens=1)).tier == "standard"
    bench.balancer.use(tiered())
    assert started(ask(bench, HIGH)).tier == "priority"
