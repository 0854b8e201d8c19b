"""A hundred thousand keys with a budget each: what a tick, a call and a look at the store cost does
not grow with them, and what a key takes is bounded.
"""

from __future__ import annotations

import random
import tracemalloc
from dataclasses import replace

import pytest

from balancer.core.policy import BudgetLimit, Policy
from balancer.fleet.leases import Leases
from balancer.fleet.pool import Pool
from balancer.policy_file import default_policy
from balancer.runtime.key_rows import MOST_SHOWN
from balancer.runtime.ledger import Ledger

pytestmark = pytest.mark.slow

KEYS = 100_000
USED = 40
MOST_BYTES = 1500
"""Of a key with one limit, in a replica."""


REPLICAS = 20
WINDOW_S = 300
CALL_NANO = 280_000
"""That a call of 100 tokens and at most 100 more reserves."""


def policy(keys: int, usd: float = 1.0, window_s: float = 3600.0) -> Policy:
    """A dollar an hour for each, unless it is said, and some for all together."""
    limits = [BudgetLimit(key=f"k{number}", usd=usd, window_s=window_s) for number in range(keys)]
    return replace(default_policy(), budgets=(BudgetLimit(usd=1e5, window_s=3600.0), *limits))


class Replica:
    """A ledger, its leases, and the store that they are taken from.

    Args:
        limits: the policy that has them.
        pool: the store; None: one of its own.
        name: of the replica.
    """

    def __init__(self, limits: Policy, pool: Pool | None = None, name: str = "a") -> None:
        self.name = name
        self.pool = Pool() if pool is None else pool
        self.ledger = Ledger(limits)
        self.leases = Leases()
        self.ledger.lend(self.leases, lambda: None, 1.0)
        self._number = 0
        # A store that is new grants nothing at first: it may have lost what others hold.
        self.pool.lease("another", 1, (), 0, life=15_000, linger=900_000, gone=False)
        self.look(10.0)

    def look(self, now_s: float) -> int:
        """As a replica looks once a second; how many limits the store heard of."""
        names = self.leases.due(now_s)
        for first in range(0, len(names), 1000):
            asks = self.leases.asks(names[first : first + 1000], now_s)
            self._number += 1
            answer = self.pool.lease(
                self.name,
                self._number,
                asks,
                round(now_s * 1000),
                life=15_000,
                linger=900_000,
                gone=False,
            )
            self.leases.granted(answer, now_s)
        return len(names)

    def call(self, key: str) -> bool:
        """One of a key; whether there was money for it."""
        card = default_policy().catalog.card("gemini-2.5-flash")
        claim = self.ledger.reserve(
            card, prompt_tokens=100, cap_tokens=100, thinking_tokens=0, key=key
        )
        if claim is not None:
            self.ledger.settle(claim, 100_000)
        return claim is not None


@pytest.fixture(scope="module")
def replica() -> Replica:
    """With all its leases."""
    return Replica(policy(KEYS))


def test_the_store_hears_of_the_limits_that_were_used_and_of_no_other(replica: Replica) -> None:
    """Whether there are a hundred limits or a hundred thousand."""
    assert replica.look(20.0) == 0
    assert all(replica.call(f"k{number * 1000}") for number in range(USED))
    assert replica.look(21.0) == USED + 1  # everybody's is used by all of them
    assert replica.look(22.0) == 0
    for number in range(USED):
        settled, _ = replica.pool.standing(f"key k{number * 1000} 3600s")
        assert settled == 100_000


def test_what_is_shown_is_everybody_s_limit_and_those_of_the_last_that_called(
    replica: Replica,
) -> None:
    """A page, a metric or a status with a hundred thousand lines is of use to nobody."""
    for number in range(2 * MOST_SHOWN):
        replica.call(f"k{number}")
    shown = replica.ledger.standings()
    assert shown[0].key is None
    assert shown[1].key == f"k{2 * MOST_SHOWN - 1}"
    assert len(shown) <= MOST_SHOWN + 1
    assert len(replica.ledger.left_nano_usd()) <= MOST_SHOWN + 1


def test_a_tick_rolls_no_row_until_it_is_used() -> None:
    """And then to the tick that it is, as if it had been rolled at each."""
    lazy, eager = Ledger(policy(2)), Ledger(policy(2))
    card = default_policy().catalog.card("gemini-2.5-flash")
    for tick in range(0, 4000, 7):
        lazy.advance(tick)
        eager.advance(tick)
        eager.state()  # which rolls all of them
        key = f"k{tick // 1400}"
        claims = [
            each.reserve(card, prompt_tokens=100, cap_tokens=100, thinking_tokens=0, key=key)
            for each in (lazy, eager)
        ]
        assert (claims[0] is None) == (claims[1] is None)
        for each, claim in zip((lazy, eager), claims, strict=True):
            if claim is not None:
                each.settle(claim, 9_000_000)
    assert lazy.state() == eager.state()


def usable(keys: int, used: int) -> list[float]:
    """Part of its budget that each key in use spends, by twenty replicas with twice the demand.

    Args:
        keys: that have a budget.
        used: of them, by all replicas alike.

    Returns:
        Of each of those, over the second of two windows.
    """
    afforded = 300  # calls in a window
    limits = policy(keys, usd=afforded * CALL_NANO / 1e9, window_s=float(WINDOW_S))
    pool, chance = Pool(), random.Random(1)
    replicas = [Replica(limits, pool, f"r{number}") for number in range(REPLICAS)]
    card = default_policy().catalog.card("gemini-2.5-flash")
    spent = dict.fromkeys((f"k{number}" for number in range(used)), 0)
    rate_per_s = 2 * afforded / WINDOW_S / REPLICAS
    for now_s in range(20, 20 + 2 * WINDOW_S):
        for replica in replicas:
            replica.ledger.advance(now_s)
            for key in spent:
                if chance.random() >= rate_per_s:
                    continue
                claim = replica.ledger.reserve(
                    card, prompt_tokens=100, cap_tokens=100, thinking_tokens=0, key=key
                )
                if claim is not None:
                    cost = chance.randint(CALL_NANO // 4, CALL_NANO)
                    replica.ledger.settle(claim, cost)
                    spent[key] += cost if now_s >= 20 + WINDOW_S else 0
            replica.look(float(now_s))
    return [each / (afforded * CALL_NANO) for each in spent.values()]


def test_most_of_each_key_s_budget_is_usable_by_twenty_replicas() -> None:
    """And never more than all of it."""
    found = usable(100, 5)
    assert 0.85 <= min(found) <= max(found) <= 1.0


def test_a_key_takes_no_more_than_it_should() -> None:
    """Its row, its lease, and what finds them."""
    few, many = 1000, 5000
    held = []
    for keys in (few, many):
        limits = policy(keys)
        tracemalloc.start()
        ledger, leases = Ledger(limits), Leases()
        ledger.lend(leases, lambda: None, 1.0)
        held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert (held[1] - held[0]) / (many - few) < MOST_BYTES
