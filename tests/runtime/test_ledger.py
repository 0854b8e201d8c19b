"""The ledger: never beyond a limit, however many calls share it."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.policy import BudgetLimit, Policy
from balancer.policy_file import default_policy
from balancer.runtime.claim import Claim
from balancer.runtime.ledger import Ledger

from .budget_load import AfterTheFact, spend

pytestmark = pytest.mark.slow

POLICY = default_policy()
CARD = POLICY.catalog.card("gemini-2.5-flash")
USD = 1_000_000_000


def limited(*limits: tuple[float, float, str | None], tick_s: float = 1.0) -> Policy:
    """The default policy under limits of (dollars, window, key)."""
    budgets = tuple(BudgetLimit(usd=usd, window_s=window_s, key=k) for usd, window_s, k in limits)
    return replace(POLICY, budgets=budgets, tick_s=tick_s)


def claim(ledger: Ledger, key: str | None = None, cap: int = 1000) -> Claim:
    """A claim, which must be granted."""
    found = ledger.reserve(CARD, prompt_tokens=1000, cap_tokens=cap, thinking_tokens=0, key=key)
    assert found is not None
    return found


def test_128_streams_on_three_balancers_never_exceed_a_budget_and_use_most_of_it() -> None:
    """Overshoot 0 in every window; at least 90 % usable under steady load."""
    found = spend(Ledger, usd=2.0, window_s=450.0)
    assert found.overshoot == 0.0
    assert found.usable >= 0.9
    assert found.refused > found.answered > 1000


def test_counting_after_the_fact_exceeds_it() -> None:
    """The same streams: what is in flight when it runs out is spent beside it."""
    found = spend(AfterTheFact, usd=2.0, window_s=450.0)
    assert found.overshoot > 0.01


def test_threads_at_full_speed_keep_to_it() -> None:
    """What is held is given back, and what was spent never exceeds the limit."""
    ledger = Ledger(limited((0.05, 60.0, None)))
    spent: list[int] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(500):
            found = ledger.reserve(CARD, prompt_tokens=100, cap_tokens=500, thinking_tokens=0)
            if found is not None:
                cost = chance.randint(0, found.nano_usd)
                ledger.settle(found, cost)
                spent.append(cost)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.reserved_nano_usd == 0
    assert 0.9 * 0.05 * USD <= sum(spent) <= 0.05 * USD
    assert ledger.headroom_nano_usd() == round(0.05 * USD) - sum(spent)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5000), st.floats(0, 1)), max_size=60))
def test_what_is_held_and_spent_never_exceeds_a_limit(
    steps: list[tuple[int, int, float]],
) -> None:
    """For any order of claims, settlements and ticks."""
    ledger = Ledger(limited((0.02, 20.0, None)))
    held: list[Claim] = []
    tick = 0
    for step, cap, share in steps:
        if step < 2:
            found = ledger.reserve(CARD, prompt_tokens=10, cap_tokens=cap, thinking_tokens=0)
            held += [found] if found is not None else []
        elif step == 2 and held:
            settled = held.pop()
            ledger.settle(settled, round(settled.nano_usd * share))
        else:
            tick += 1
            ledger.advance(tick)
        room = ledger.headroom_nano_usd()
        assert room is not None
        assert room >= 0
        assert ledger.reserved_nano_usd == sum(each.nano_usd for each in held)


def test_a_key_has_its_own_limit_beside_everybodys() -> None:
    """Others are not concerned."""
    ledger = Ledger(limited((1.0, 60.0, None), (0.005, 60.0, "acme")))
    first = claim(ledger, "acme")
    refused = ledger.reserve(
        CARD,
        prompt_tokens=1000,
        cap_tokens=1000,
        thinking_tokens=0,
        key="acme",
        min_output_tokens=900,
    )
    assert refused is None
    claim(ledger, "other")
    ledger.settle(first, 0)
    assert ledger.headroom_nano_usd("acme") == 5_000_000
    ledger.book(1_000_000, "acme")
    assert ledger.headroom_nano_usd("acme") == 4_000_000


def test_without_a_limit_there_is_no_headroom_to_speak_of() -> None:
    """And nothing is refused."""
    ledger = Ledger(POLICY)
    assert not ledger.limited
    assert ledger.headroom_nano_usd() is None
    assert claim(ledger).cap_tokens == 1000


def test_another_policys_limits_count_what_was_spent_under_the_old_ones() -> None:
    """Of the same window and key; a new limit begins empty."""
    ledger = Ledger(limited((1.0, 60.0, None)))
    under_way = claim(ledger)
    ledger.book(300_000_000)
    ledger.use(limited((0.5, 60.0, None), (2.0, 3600.0, None)))
    held = under_way.nano_usd
    assert ledger.headroom_nano_usd() == 200_000_000 - held
    ledger.settle(under_way, 0)
    assert ledger.headroom_nano_usd() == 200_000_000


def test_ticks_of_another_length_count_all_that_was_spent_as_just_now() -> None:
    """When exactly is lost, so it is held the longest."""
    ledger = Ledger(limited((1.0, 60.0, None)))
    ledger.advance(10)
    ledger.book(300_000_000)
    ledger.advance(50)
    ledger.use(limited((1.0, 60.0, None), tick_s=0.5))
    ledger.advance(100 + 120)
    assert ledger.headroom_nano_usd() == 700_000_000
    ledger.advance(100 + 124)
    assert ledger.headroom_nano_usd() == USD


@pytest.mark.parametrize("change", ["", "window", "ticks"])
def test_a_state_is_taken_up_for_the_same_limits(change: str) -> None:
    """What was held counts as spent, for nobody knows what became of it."""
    ledger = Ledger(limited((1.0, 60.0, None)))
    ledger.advance(5)
    ledger.book(300_000_000)
    held = claim(ledger).nano_usd
    window_s = 90.0 if change == "window" else 60.0
    after = Ledger(limited((1.0, window_s, None), tick_s=0.5 if change == "ticks" else 1.0))
    after.restore(ledger.state())
    # Where ticks are of another length, when it was spent is lost: it counts as just now.
    expected = USD if change == "window" else 700_000_000 - held
    assert after.headroom_nano_usd() == expected
    assert after.reserved_nano_usd == 0


def test_a_fork_forgets_claims_and_keeps_what_was_spent() -> None:
    """Calls in flight are the parent's."""
    ledger = Ledger(limited((1.0, 60.0, None)))
    ledger.book(300_000_000)
    claim(ledger)
    ledger.hold()
    ledger.forget_claims()
    assert ledger.reserved_nano_usd == 0
    assert ledger.headroom_nano_usd() == 700_000_000


def test_a_child_gives_back_nothing_that_it_does_not_hold() -> None:
    """Calls in flight at a fork end in both processes; the claims are the parent's."""
    ledger = Ledger(limited((1.0, 60.0, None)))
    inherited = [claim(ledger) for _ in range(10)]
    ledger.forget_claims()
    own = claim(ledger)
    held = ledger.reserved_nano_usd
    for each in inherited:
        ledger.settle(each, each.nano_usd)
    assert (ledger.reserved_nano_usd, ledger.headroom_nano_usd()) == (held, USD - held)
    ledger.settle(own, held)
    assert (ledger.reserved_nano_usd, ledger.headroom_nano_usd()) == (0, USD - held)
    ledger.settle(own, held)
    assert ledger.headroom_nano_usd() == USD - held
