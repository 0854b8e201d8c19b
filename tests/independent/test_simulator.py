"""Ours does what the documents say: it agrees with a simulator written from nothing else."""

from __future__ import annotations

import pytest

from .comparison import LARGEST_Z, Case, replicate, scores

pytestmark = pytest.mark.slow

REPLICATIONS = 8

FAULT = ("duration=10m", "warm_up=2m", "faults.0.at=3m", "faults.0.for=4m")
"""A shorter scenario with the fault in the middle of it."""

_PATTERN = "workload.arrivals.pattern.0"
CROWD = ("duration=10m", "warm_up=2m", f"{_PATTERN}.at=3m", f"{_PATTERN}.for=4m")
"""The same with a crowd."""

CASES = (
    Case(scenario="latency_spike", arm="none", overrides=FAULT),
    Case(scenario="error_storm", arm="none", overrides=FAULT),
    Case(scenario="minute_quota_storm", arm="static", overrides=FAULT),
    Case(scenario="open_socket_hang", arm="static", overrides=FAULT),
    Case(scenario="conversation_overload", arm="none", overrides=CROWD),
    Case(scenario="shared_quota", arm="cheapest", overrides=CROWD),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.scenario}-{case.arm}")
def test_both_simulators_agree_in_distribution(case: Case) -> None:
    """In the mean of every metric, with draws of their own."""
    found = scores([replicate(case, k) for k in range(REPLICATIONS)])
    apart = [score for score in found if not abs(score.z) <= LARGEST_Z]
    assert len(found) > 20
    assert not apart


def test_the_comparison_notices_mechanics_that_differ() -> None:
    """Of a tenth more latency in ours alone."""
    case = Case(
        scenario="latency_spike", arm="none", overrides=FAULT, ours_only=("faults.0.factor=x4.4",)
    )
    found = {
        score.metric: score.z for score in scores([replicate(case, k) for k in range(REPLICATIONS)])
    }
    assert found["latency_mean_s"] > LARGEST_Z
