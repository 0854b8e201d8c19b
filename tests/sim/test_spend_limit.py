"""A project's spend limit over a rolling window."""

from __future__ import annotations

from typing import Any

import pytest

from sim.plant.spend_limit import charge, new_spending, spend_wait_s

USD = 1_000_000_000
WINDOW_S = 600.0
CELL_S = 1.0


class Account:
    """A limit of ten dollars in ten minutes."""

    def __init__(self, usd: float = 10.0, window_s: float = WINDOW_S) -> None:
        self.rows, self.cells = new_spending(round(usd * USD), window_s, ahead_s=600.0)

    def wait_s(self, now_s: float, factor: float = 1.0) -> float:
        """How long calls are refused."""
        row: Any = self.rows[0]
        return spend_wait_s(row, self.cells, now_s, factor)

    def charge(self, now_s: float, due_s: float, usd: float) -> None:
        """A call that begins now and is billed later."""
        row: Any = self.rows[0]
        charge(row, self.cells, due_s, now_s, round(usd * USD))


def test_calls_are_refused_once_the_limit_is_spent_and_until_enough_has_left_the_window() -> None:
    """The delay leads to the moment at which the first bills leave, to a cell."""
    account = Account()
    for second in range(10):
        assert account.wait_s(float(second)) == 0.0
        account.charge(float(second), float(second), 1.0)
    delay_s = account.wait_s(9.0)
    assert WINDOW_S - 9.0 <= delay_s <= WINDOW_S - 9.0 + CELL_S
    assert account.wait_s(599.0) > 0.0
    assert account.wait_s(9.0 + delay_s) == 0.0


def test_a_bill_counts_from_when_it_falls_due() -> None:
    """A call in flight is not billed yet."""
    account = Account()
    account.wait_s(0.0)
    account.charge(0.0, 100.0, 10.0)
    assert account.wait_s(99.9) == 0.0
    assert account.wait_s(100.0) > 0.0
    assert account.wait_s(699.0) > 0.0
    assert account.wait_s(701.0) == 0.0


def test_a_call_that_runs_for_longer_than_any_is_billed_by_then() -> None:
    """No bill lies further ahead than the cells reach."""
    account = Account()
    account.wait_s(0.0)
    account.charge(0.0, 5000.0, 10.0)
    assert account.wait_s(599.0) == 0.0
    assert account.wait_s(600.0) > 0.0


def test_a_fault_cuts_the_limit() -> None:
    """What is left of it decides; of nothing, no call is granted."""
    account = Account()
    account.wait_s(0.0)
    account.charge(0.0, 0.0, 5.0)
    assert account.wait_s(1.0) == 0.0
    assert account.wait_s(1.0, factor=0.5) > 0.0
    assert account.wait_s(2000.0, factor=0.0) == WINDOW_S


def test_no_limit_refuses_nothing() -> None:
    """Whatever was spent."""
    account = Account(usd=-1.0)
    assert account.wait_s(1e6) == 0.0


@pytest.mark.parametrize("window_s", [60.0, 600.0, 86_400.0])
def test_a_constant_rate_of_spending_is_cut_to_the_limit(window_s: float) -> None:
    """Twice the limit's rate is granted half, over five windows."""
    account = Account(usd=10.0, window_s=window_s)
    gap_s, granted, calls = window_s / 200.0, 0, 0
    while calls < 1000:
        now_s = calls * gap_s
        if account.wait_s(now_s) == 0.0:
            account.charge(now_s, now_s, 0.1)
            granted += 1
        calls += 1
    assert granted == pytest.approx(500, rel=0.01)
