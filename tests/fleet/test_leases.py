"""Leases between owners and a pool: never beyond the limit, whatever is lost on the way."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core import budget
from balancer.fleet.leases import Leases
from balancer.fleet.pool import QUIET_MS, Pool

LIMIT = 100_000
NAME = "all 60s"


class Owner:
    """One owner of leases, and what it spent."""

    def __init__(self, name: str, pool: Pool, *, share: float = 0.0, limit: int = LIMIT) -> None:
        self.name = name
        self.pool = pool
        self.row = budget.new_row(limit, 60)
        self.leases = Leases(share=share, most=20)
        self.leases.take_up([(None, 60.0, False, self.row)])
        self.number = 0

    def ask(self, now_s: float, *, heard: bool = True, gone: bool = False) -> None:
        """Ask the pool; the answer may be lost."""
        asks = self.leases.asks(self.leases.due(now_s) or [NAME], now_s, gone=gone)
        self.number += 1
        leased = self.pool.lease(
            self.name,
            self.number,
            asks,
            round(now_s * 1000),
            life=15_000,
            linger=900_000,
            gone=gone,
        )
        if heard:
            self.leases.granted(leased, now_s)

    def spend(self, nano_usd: int) -> bool:
        """A call that is over at once."""
        self.leases.touch([self.row])
        if not budget.reserve(self.row, nano_usd):
            self.leases.wants(self.row, nano_usd)
            return False
        budget.settle(self.row, nano_usd, nano_usd)
        return True

    @property
    def left(self) -> int:
        """May be spent."""
        return budget.headroom(self.row)


def begun() -> Pool:
    """A pool that is not quiet any more."""
    pool = Pool()
    pool.lease("nobody", 1, (), 0, life=1, linger=1, gone=True)
    return pool


def test_nothing_is_spent_before_the_store_has_granted_it() -> None:
    """And nothing is granted in the first seconds of a store, which may have lost everything."""
    pool = Pool()
    owner = Owner("a", pool)
    assert not owner.spend(1)
    owner.ask(0.0)
    assert owner.left == 0
    owner.ask(QUIET_MS / 1000)
    assert owner.left > 0


def test_a_slice_grows_with_use_and_shrinks_without() -> None:
    """Doubled when it is nearly used up, halved when it is hardly touched."""
    owner = Owner("a", begun())
    sizes = []
    for now in range(10, 20):
        owner.ask(float(now))
        sizes.append(owner.left)
        owner.spend(owner.left)
    assert sizes[0] < LIMIT / 500
    assert sizes[-1] > 10 * sizes[0]
    assert sizes[-1] <= LIMIT / 20
    for now in range(20, 90):
        owner.ask(float(now))
    assert owner.left <= 2 * sizes[0]


def test_a_call_that_finds_too_little_is_answered_by_the_next_slice() -> None:
    """A slice that is smaller than one call would be of no use."""
    owner = Owner("a", begun())
    owner.ask(10.0)
    assert not owner.spend(2_000)
    assert owner.leases.due(10.0) == [NAME]
    owner.ask(10.1)
    assert owner.spend(2_000)


def test_an_answer_that_is_lost_costs_room_and_no_money() -> None:
    """What it gave up is free for others; what it was granted it does not know of."""
    pool = begun()
    a, b = Owner("a", pool), Owner("b", pool)
    a.ask(10.0, heard=False)
    assert a.left == 0
    settled, leased = pool.standing(NAME)
    assert (settled, leased > 0) == (0, True)
    b.ask(10.0)
    a.ask(11.0)
    assert a.left + b.left == pool.standing(NAME)[1]


def test_a_question_that_comes_late_does_nothing() -> None:
    """It was overtaken by a later one, whose answer holds."""
    pool = begun()
    owner = Owner("a", pool)
    owner.ask(10.0)
    before = owner.left
    late = owner.leases.asks([NAME], 10.0, gone=True)
    owner.leases.granted(
        pool.lease("a", 1, late, 10_000, life=15_000, linger=900_000, gone=False), 10.0
    )
    assert pool.standing(NAME)[1] == before


def test_what_goes_is_given_back() -> None:
    """At once, and all of it."""
    pool = begun()
    owner = Owner("a", pool)
    owner.ask(10.0)
    owner.spend(50)
    owner.ask(11.0, gone=True)
    assert pool.standing(NAME) == (50, 0)
    assert owner.left == 0


def test_a_lease_lapses_by_the_owner_s_clock_before_it_does_by_the_store_s() -> None:
    """Nothing more may be begun; what is in flight is still held."""
    owner = Owner("a", begun())
    owner.ask(10.0)
    assert budget.reserve(owner.row, 50)
    assert not owner.leases.lapse(21.0)
    assert owner.leases.lapse(24.0)
    assert owner.left == 0
    budget.settle(owner.row, 50, 20)
    owner.leases.touch([owner.row])
    owner.leases.lapse(24.0 + 900.0)
    assert owner.left <= 0


def test_a_share_is_for_those_with_a_place() -> None:
    """It is spent once in a window, and grows back with it."""
    pool = begun()
    owner = Owner("a", pool, share=0.01)
    owner.ask(10.0)
    owner.leases.lapse(40.0)
    assert owner.left == LIMIT // 100
    assert owner.spend(600)
    owner.leases.lapse(41.0)
    assert owner.left == LIMIT // 100 - 600
    owner.leases.lapse(110.0)
    assert owner.left == LIMIT // 100


def test_another_limit_is_taken_up_with_what_was_spent() -> None:
    """The row of the same window and key goes on."""
    owner = Owner("a", begun())
    owner.ask(10.0)
    left = owner.left
    owner.row[budget.LIMIT] = 2 * LIMIT
    owner.leases.take_up([(None, 60.0, False, owner.row)])
    assert owner.left == left
    assert owner.leases.limit(owner.row) == 2 * LIMIT


@pytest.mark.slow
@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.2, 0.7]),
    share=st.sampled_from([0.0, 0.01]),
)
def test_together_they_never_exceed_a_limit(seed: int, loss: float, share: float) -> None:
    """For any order of spending, asking, losing answers, lapsing and dying."""
    chance = random.Random(seed)
    pool = begun()
    owners = [Owner(f"o{number}", pool, share=share) for number in range(5)]
    spent: list[tuple[float, int]] = []
    now = 10.0
    for step in range(300):
        now += chance.choice([0.0, 0.1, 1.0, 1.0, 7.0])
        owner = chance.choice(owners)
        owner.leases.lapse(now)
        if chance.random() < 0.4:
            owner.ask(now, heard=chance.random() >= loss)
        elif chance.random() < 0.02:
            owners.remove(owner)
            owners.append(Owner(f"n{step}", pool, share=share))
        else:
            for _ in range(20):
                cost = chance.randint(1, 400)
                if owner.spend(cost):
                    spent.append((now, cost))
        window = sum(cost for at, cost in spent if at > now - 60.0)
        assert window <= LIMIT


@pytest.mark.slow
def test_twenty_owners_of_a_hundred_thousand_limits_find_room_in_each() -> None:
    """Every limit is leased in its own slices; a handful of them at full size are asked here."""
    pool = begun()
    rows = [budget.new_row(LIMIT, 60) for _ in range(100_000)]
    leases = Leases(most=20)
    leases.take_up((f"k{number}", 60.0, False, row) for number, row in enumerate(rows))
    names = leases.due(10.0)
    assert len(names) == 100_000
    for start in range(0, 1000, 100):
        asks = leases.asks(names[start : start + 100], 10.0)
        leases.granted(
            pool.lease("a", 1 + start, asks, 10_000, life=15_000, linger=900_000, gone=False), 10.0
        )
    assert all(budget.headroom(row) == LIMIT // 512 for row in rows[:1000])
    assert leases.due(10.0)[0] == "key k1000 60s"
