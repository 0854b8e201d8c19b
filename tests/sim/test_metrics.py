"""From the plant's account to metrics."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from balancer.core.histogram import Histogram
from scenarios.schema import Worth
from sim.plant.totals import Totals
from sim.run.metrics import METRICS, metrics

NOTHING: dict[str, Any] = dict.fromkeys(Totals.__slots__, 0)
EMPTY = {**NOTHING, "latency": Histogram(), "latency_sum_s": 0.0}
WORTH = Worth(answer=0.03, waiting=0.005)


def found(
    *, transitions: int = 0, duration_s: float = 3600.0, worth: Worth = WORTH, **values: Any
) -> dict[str, float]:
    """Metrics of an account that holds these values and nothing else."""
    totals = Totals(**{**EMPTY, **values})
    return metrics(totals, worth=worth, transitions=transitions, duration_s=duration_s)


def test_every_metric_but_the_share_saved_is_there() -> None:
    """That one takes two runs."""
    assert set(found()) == set(METRICS) - {"cost_saved"}


def test_ratios_of_nothing_are_undefined() -> None:
    """And counts of nothing are zero."""
    nothing = found()
    undefined = {name for name, value in nothing.items() if math.isnan(value)}
    assert undefined == {
        "availability",
        "cost_per_answer_usd",
        "degraded_share",
        "error_rate",
        "fallback_share",
        "latency_mean_s",
        "latency_p50_s",
        "latency_p95_s",
        "latency_p99_s",
        "quality",
        "refused_share",
        "retry_amplification",
        "shed_share",
        "truncated_share",
    }
    assert nothing["offered"] == 0.0


@pytest.mark.parametrize(
    ("name", "values", "value"),
    [
        ("availability", {"offered": 200, "admitted": 160, "answered": 150}, 0.75),
        ("shed_share", {"offered": 200, "shed": 40}, 0.2),
        ("refused_share", {"offered": 200, "refused": 10}, 0.05),
        ("fallback_share", {"offered": 200, "fallback": 30}, 0.15),
        ("degraded_share", {"offered": 200, "admitted": 160, "degraded": 40}, 0.25),
        ("truncated_share", {"answered": 150, "truncated": 15}, 0.1),
        ("retry_amplification", {"admitted": 160, "attempts": 200}, 1.25),
        (
            "retry_amplification",
            {"admitted": 160, "attempts": 200, "fallback_attempts": 40},
            1.0,
        ),
        ("fallback_attempts", {"attempts": 200, "fallback_attempts": 40}, 40.0),
        ("good_answers", {"good_quality_ppm_sum": 1_500_000}, 1.5),
        ("sibling_good_answers", {"sibling_quality_ppm_sum": 500_000}, 0.5),
        ("waiting_s", {"waiting_s": 12.5}, 12.5),
        ("utility_usd", {"good_quality_ppm_sum": 2_000_000}, 0.06),
        ("utility_usd", {"waiting_s": 200.0}, -0.03),
        ("utility_usd", {"true_nano_usd": 2_500_000_000}, -2.5),
        ("error_rate", {"attempts_finished": 200, "attempts_failed": 30}, 0.15),
        ("cost_usd", {"true_nano_usd": 2_500_000_000}, 2.5),
        ("observed_cost_usd", {"observed_nano_usd": 1}, 1e-9),
        ("cost_per_answer_usd", {"true_nano_usd": 3_000_000_000, "answered": 150}, 0.02),
        ("quality", {"answered": 2, "quality_ppm_sum": 1_500_000}, 0.75),
        ("quality_weighted_answers", {"answered": 2, "quality_ppm_sum": 1_500_000}, 1.5),
        ("budget_overshoot_usd", {"overshoot_nano_usd": 5}, 5e-9),
    ],
)
def test_a_metric_is_what_it_is_defined_to_be(
    name: str, values: dict[str, Any], value: float
) -> None:
    """As `docs/reference/verdict.md` says."""
    assert found(**values)[name] == pytest.approx(value, rel=1e-12)


def test_latencies_come_from_the_histogram() -> None:
    """Percentiles within its 0.55 %, the mean from the exact sum."""
    seconds = [1.0] * 50 + [2.0] * 45 + [8.0] * 5
    told = found(latency=Histogram.of(seconds), latency_sum_s=sum(seconds))
    assert told["latency_p50_s"] == pytest.approx(1.0, rel=0.0055)
    assert told["latency_p95_s"] == pytest.approx(2.0, rel=0.0055)
    assert told["latency_p99_s"] == pytest.approx(8.0, rel=0.0055)
    assert told["latency_mean_s"] == pytest.approx(1.8)


def test_transitions_per_hour_are_scaled_to_an_hour() -> None:
    """Three in half an hour are six."""
    assert found(transitions=3, duration_s=1800.0)["transitions_per_hour"] == 6.0


ACCOUNTS = st.fixed_dictionaries(
    {
        "good_quality_ppm_sum": st.integers(0, 10**12),
        "waiting_s": st.floats(0, 1e7),
        "true_nano_usd": st.integers(0, 10**14),
    }
)


@given(ACCOUNTS, st.floats(1e-4, 10.0), st.floats(1e-4, 10.0), st.floats(0.0, 1.0))
def test_utility_is_linear_in_what_an_answer_is_worth(
    account: dict[str, Any], one: float, other: float, waiting: float
) -> None:
    """So a sweep over worths needs no new runs."""

    def utility(answer: float) -> float:
        worth = Worth(answer=answer, waiting=waiting)
        return found(worth=worth, **account)["utility_usd"]

    middle = (utility(one) + utility(other)) / 2
    assert utility((one + other) / 2) == pytest.approx(middle, rel=1e-9, abs=1e-6)


@given(ACCOUNTS, ACCOUNTS, st.sampled_from([2.0, 4.0, 1024.0]))
def test_dearer_answers_at_dearer_prices_leave_the_order_as_it_is(
    one: dict[str, Any], other: dict[str, Any], times: float
) -> None:
    """Another currency changes nobody's rank."""

    def utility(account: dict[str, Any], scale: float) -> float:
        scaled = {**account, "true_nano_usd": int(account["true_nano_usd"] * scale)}
        return found(worth=Worth(answer=0.03 * scale), **scaled)["utility_usd"]

    assert utility(one, times) == pytest.approx(utility(one, 1.0) * times, rel=1e-9, abs=1e-6)
    ahead = utility(one, 1.0) - utility(other, 1.0)
    assume(abs(ahead) > 1e-6)
    assert (utility(one, times) > utility(other, times)) == (ahead > 0)
