"""Laws of quotas, whatever calls come when."""

from __future__ import annotations

import bisect

from hypothesis import given
from hypothesis import strategies as st

from tests.sim.quotas import ExactLog, Quota

CALLS = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 1), st.floats(0, 90), st.just(0.0)),
        st.integers(1, 60),
    ),
    min_size=1,
    max_size=120,
)
"""Gaps in seconds, and tokens of the prompt."""
LIMITS = st.integers(1, 12)
EITHER = st.booleans()


def run(quota: Quota, calls: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """When a call was granted, and its tokens."""
    now_s, found = 0.0, []
    for gap_s, prompt in calls:
        now_s += gap_s
        if quota.take(now_s, prompt=prompt)[0] == -1:
            found.append((now_s, prompt))
    return found


def most_within(granted: list[tuple[float, int]], window_s: float) -> tuple[int, int]:
    """Most calls, and most tokens, that any window of this length holds."""
    times = [t for t, _ in granted]
    calls = tokens = 0
    for first, (start, _) in enumerate(granted):
        last = bisect.bisect_left(times, start + window_s)
        calls = max(calls, last - first)
        tokens = max(tokens, sum(prompt for _, prompt in granted[first:last]))
    return calls, tokens


@given(calls=CALLS, rpm=LIMITS, counts=EITHER)
def test_no_sixty_seconds_hold_more_than_a_sliding_quota(
    calls: list[tuple[float, int]], rpm: int, counts: bool
) -> None:
    """Wherever they begin."""
    tpm = 20 * rpm
    granted = run(Quota("sliding", rpm=rpm, tpm=tpm, counts_refused=counts), calls)
    most_calls, most_tokens = most_within(granted, 60.0)
    assert most_calls <= rpm
    assert most_tokens <= tpm


@given(calls=CALLS, rpm=LIMITS)
def test_a_sliding_quota_grants_what_an_exact_one_of_a_cell_more_grants(
    calls: list[tuple[float, int]], rpm: int
) -> None:
    """Until the two first differ, which takes a call that comes within that cell."""
    quota, exact = Quota("sliding", rpm=rpm, tpm=20 * rpm), ExactLog(rpm, 20 * rpm)
    now_s, log = 0.0, list[float]()
    for gap_s, prompt in calls:
        now_s += gap_s
        by_cells = quota.take(now_s, prompt=prompt)[0] == -1
        if by_cells != exact.take(now_s, prompt):
            assert not by_cells
            assert any(60.0 <= now_s - t < 60.0 + 1 / 32 for t in log)
            return
        if by_cells:
            log.append(now_s)


@given(calls=CALLS, rpm=LIMITS, phase_s=st.floats(0, 59.9), counts=EITHER)
def test_no_minute_of_the_clock_holds_more_than_a_calendar_quota(
    calls: list[tuple[float, int]], rpm: int, phase_s: float, counts: bool
) -> None:
    """And each begins anew: its first call is granted if it fits at all."""
    quota = Quota("calendar", rpm=rpm, phase_s=phase_s, counts_refused=counts)
    now_s, seen = 0.0, dict[int, int]()
    for gap_s, _ in calls:
        now_s += gap_s
        minute = int((now_s + phase_s + 1e-6) / 60.0)
        granted = quota.take(now_s)[0] == -1
        assert granted is (seen.get(minute, 0) < rpm)
        seen[minute] = seen.get(minute, 0) + granted


@given(calls=CALLS, rpm=LIMITS, burst_s=st.sampled_from([30.0, 60.0, 120.0]), counts=EITHER)
def test_a_bucket_grants_its_burst_and_its_rate_at_most(
    calls: list[tuple[float, int]], rpm: int, burst_s: float, counts: bool
) -> None:
    """Between any two moments."""
    tpm = 30 * rpm
    quota = Quota("bucket", rpm=rpm, tpm=tpm, burst_s=burst_s, counts_refused=counts)
    granted = run(quota, calls)
    for first, (start, _) in enumerate(granted):
        tokens = 0
        for last, (end, prompt) in enumerate(granted[first:], start=1):
            tokens += prompt
            room = (burst_s + end - start) / 60.0
            assert last <= rpm * room + 1e-3
            assert tokens <= tpm * room + 1e-3


@given(
    calls=CALLS,
    rpm=LIMITS,
    counting=st.sampled_from(["sliding", "calendar", "bucket"]),
    counts=EITHER,
)
def test_a_refusal_says_how_long_and_that_is_a_minute_at_most(
    calls: list[tuple[float, int]], rpm: int, counting: str, counts: bool
) -> None:
    """More than nothing, too: a client that honours it does not spin."""
    quota = Quota(counting, rpm=rpm, tpm=20 * rpm, counts_refused=counts)
    now_s = 0.0
    for gap_s, prompt in calls:
        now_s += gap_s
        refusal, delay_s = quota.take(now_s, prompt=prompt)
        assert (delay_s == 0.0) is (refusal == -1)
        assert 0.0 <= delay_s <= 60.0 + 1 / 64
