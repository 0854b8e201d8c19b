"""Quotas by minute and by day, one at a time: how each counting counts."""

from __future__ import annotations

import pytest

from balancer.core.observations import FAILURES
from tests.sim.quotas import Quota

MINUTE, DAY = FAILURES.index("quota_minute"), FAILURES.index("quota_day")
COUNTINGS = ("sliding", "calendar", "bucket")
CELL_S = 1 / 64


def test_a_sliding_minute_frees_a_call_when_sixty_seconds_have_passed() -> None:
    """The delay leads to the moment at which the first call leaves the minute."""
    quota = Quota("sliding", rpm=3)
    assert [quota.take(second + 0.5)[0] for second in (0, 1, 2)] == [-1, -1, -1]
    refusal, delay_s = quota.take(10.0)
    assert refusal == MINUTE
    assert delay_s == pytest.approx(50.5 + CELL_S)
    assert quota.take(60.5)[0] == MINUTE
    assert quota.take(10.0 + delay_s)[0] == -1
    assert quota.take(61.0)[0] == MINUTE


def test_a_calendar_minute_frees_all_of_it_when_the_clock_turns() -> None:
    """However late in the minute the calls came."""
    quota = Quota("calendar", rpm=3)
    assert [quota.take(second)[0] for second in (50.0, 51.0, 52.0)] == [-1, -1, -1]
    assert quota.take(52.5) == (MINUTE, 7.5)
    assert quota.take(59.9)[0] == MINUTE
    assert [quota.take(60.0)[0] for _ in range(4)] == [-1, -1, -1, MINUTE]


def test_the_clock_s_minute_need_not_begin_with_the_run() -> None:
    """A run that starts at 17 s past the minute meets its end after 43 s."""
    quota = Quota("calendar", rpm=1, phase_s=17.0)
    quota.take(0.0)
    assert quota.take(3.0) == (MINUTE, 40.0)
    assert quota.take(43.0)[0] == -1


def test_a_bucket_frees_a_call_at_a_time() -> None:
    """At the quota's rate: six a minute are one in ten seconds."""
    quota = Quota("bucket", rpm=6)
    assert [quota.take(0.0)[0] for _ in range(7)] == [-1] * 6 + [MINUTE]
    refusal, delay_s = quota.take(4.0)
    assert refusal == MINUTE
    assert delay_s == pytest.approx(6.0)
    assert quota.take(10.0)[0] == -1
    assert quota.take(10.0)[0] == MINUTE


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    """Half a minute's quota, after however long a rest."""
    quota = Quota("bucket", rpm=6, burst_s=30.0)
    assert [quota.take(1000.0)[0] for _ in range(4)] == [-1, -1, -1, MINUTE]


def test_input_tokens_are_counted_too() -> None:
    """The delay frees enough tokens for this very prompt."""
    sliding = Quota("sliding", tpm=100)
    assert sliding.take(0.0, prompt=40)[0] == -1
    assert sliding.take(5.0, prompt=50)[0] == -1
    assert sliding.take(6.0, prompt=10)[0] == -1
    assert sliding.take(7.0, prompt=1) == (MINUTE, 53.0 + CELL_S)
    assert sliding.take(7.0, prompt=60) == (MINUTE, 58.0 + CELL_S)
    bucket = Quota("bucket", tpm=120)
    assert bucket.take(0.0, prompt=120)[0] == -1
    refusal, delay_s = bucket.take(10.0, prompt=50)
    assert refusal == MINUTE
    assert delay_s == pytest.approx(15.0)
    assert bucket.take(25.0, prompt=50)[0] == -1


@pytest.mark.parametrize("counting", COUNTINGS)
def test_a_prompt_larger_than_the_quota_is_never_granted(counting: str) -> None:
    """It is told to wait for a minute, or for the next one, in vain."""
    quota = Quota(counting, tpm=100)
    now_s = 3.0
    for _ in range(3):
        refusal, delay_s = quota.take(now_s, prompt=101)
        assert (refusal, 0 < delay_s <= 60.0) == (MINUTE, True)
        now_s += delay_s


@pytest.mark.parametrize("counting", COUNTINGS)
def test_whoever_waits_as_long_as_it_was_told_is_granted(counting: str) -> None:
    """To the rounding error, at any time of a long run."""
    quota = Quota(counting, rpm=7, phase_s=0.3)
    now_s = 86_400.1
    for _ in range(500):
        refusal, delay_s = quota.take(now_s)
        if refusal == MINUTE:
            assert delay_s > 0
            now_s += delay_s
            assert quota.take(now_s)[0] == -1


@pytest.mark.parametrize("counting", COUNTINGS)
def test_a_fault_cuts_the_quota(counting: str) -> None:
    """A factor of a half leaves half, and none leaves nothing."""
    quota = Quota(counting, rpm=4)
    assert [quota.take(1.0, factor=0.5)[0] for _ in range(3)] == [-1, -1, MINUTE]
    assert quota.take(200.0, factor=0.0)[0] == MINUTE


def test_the_day_s_quota_returns_at_midnight() -> None:
    """And not before, whatever the delay said."""
    quota = Quota(rpd=2)
    assert [quota.take(t)[0] for t in (0.0, 500.0, 999.9)] == [-1, -1, DAY]
    assert [quota.take(t)[0] for t in (1000.0, 1001.0, 1002.0)] == [-1, -1, DAY]
    assert quota.take(87_400.0)[0] == -1


@pytest.mark.parametrize("counting", COUNTINGS)
def test_refused_calls_do_not_count_unless_it_is_said(counting: str) -> None:
    """A storm of refusals does not keep the minute full."""
    quota = Quota(counting, rpm=1)
    quota.take(0.0)
    for tenth in range(590):
        assert quota.take(1.0 + tenth / 10)[0] == MINUTE
    assert quota.take(60.0 + CELL_S)[0] == -1


@pytest.mark.parametrize(
    ("counting", "granted"), [("sliding", False), ("calendar", True), ("bucket", False)]
)
def test_refused_calls_that_count_keep_it_full(counting: str, granted: bool) -> None:
    """A storm of refusals locks itself out, but for a clock that turns."""
    quota = Quota(counting, rpm=1, counts_refused=True)
    quota.take(0.0)
    for tenth in range(590):
        assert quota.take(1.0 + tenth / 10)[0] == MINUTE
    assert (quota.take(60.0 + CELL_S)[0] == -1) is granted


def test_a_refused_call_that_counts_uses_the_day_too() -> None:
    """Two calls a day and one a minute: the second one of a minute is the day's last."""
    quota = Quota(rpm=1, rpd=2, counts_refused=True)
    assert [quota.take(t)[0] for t in (0.0, 1.0, 90.0)] == [-1, MINUTE, DAY]
    quota = Quota(rpm=1, rpd=2)
    assert [quota.take(t)[0] for t in (0.0, 1.0, 90.0)] == [-1, MINUTE, -1]
