"""Quotas by minute and by day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from balancer.core.observations import FAILURES
from sim.quota import CELLS, take
from sim.upstream import MODEL

MINUTE, DAY = FAILURES.index("quota_minute"), FAILURES.index("quota_day")


class Quota:
    """One model's quota, called as the upstream does."""

    def __init__(self, rpm: int = -1, tpm: int = -1, rpd: int = -1) -> None:
        self.models = np.zeros(1, MODEL)
        self.models["rpm"], self.models["tpm"], self.models["rpd"] = rpm, tpm, rpd
        self.minutes = np.zeros((2, CELLS), np.int64)
        self.midnights = np.array([1000.0, 87_400.0])

    def take(self, now_s: float, prompt: int = 10, factor: float = 1.0) -> tuple[int, float]:
        """A call at a moment."""
        row: Any = self.models[0]
        return take(row, self.minutes, self.midnights, now_s, prompt, factor)


def test_calls_beyond_the_minute_s_quota_are_refused_until_it_has_passed() -> None:
    """The delay leads to the moment at which the first second leaves the minute."""
    quota = Quota(rpm=3)
    assert [quota.take(second + 0.5)[0] for second in (0, 1, 2)] == [-1, -1, -1]
    refusal, delay_s = quota.take(10.0)
    assert refusal == MINUTE
    assert delay_s == pytest.approx(50.0)
    assert quota.take(10.0 + delay_s - 0.01)[0] == MINUTE
    assert quota.take(10.0 + delay_s)[0] == -1


def test_input_tokens_are_counted_too() -> None:
    """The delay frees enough tokens for this very prompt."""
    quota = Quota(tpm=100)
    assert quota.take(0.0, prompt=40)[0] == -1
    assert quota.take(5.0, prompt=50)[0] == -1
    assert quota.take(6.0, prompt=10)[0] == -1
    assert quota.take(7.0, prompt=1) == (MINUTE, 53.0)
    assert quota.take(7.0, prompt=60) == (MINUTE, 58.0)


def test_a_prompt_larger_than_the_quota_is_never_granted() -> None:
    """It is told to wait for a minute."""
    assert Quota(tpm=100).take(3.0, prompt=101) == (MINUTE, 60.0)


def test_a_fault_cuts_the_quota() -> None:
    """A factor of a half leaves half."""
    quota = Quota(rpm=4)
    answers = [quota.take(1.0, factor=0.5)[0] for _ in range(3)]
    assert answers == [-1, -1, MINUTE]


def test_the_day_s_quota_returns_at_midnight() -> None:
    """And not before, whatever the delay said."""
    quota = Quota(rpd=2)
    assert [quota.take(t)[0] for t in (0.0, 500.0, 999.9)] == [-1, -1, DAY]
    assert [quota.take(t)[0] for t in (1000.0, 1001.0, 1002.0)] == [-1, -1, DAY]
    assert quota.take(87_400.0)[0] == -1


def test_refused_calls_do_not_count() -> None:
    """A storm of refusals does not keep the minute full."""
    quota = Quota(rpm=1)
    quota.take(0.0)
    for tenth in range(590):
        assert quota.take(1.0 + tenth / 10)[0] == MINUTE
    assert quota.take(60.0)[0] == -1
