"""The closed forms against published and hand-made figures."""

from __future__ import annotations

import pytest

from . import formulas


@pytest.mark.parametrize(
    ("servers", "rate", "waits", "wait_s", "p95_s", "p99_s"),
    [
        (1, 0.8, 0.8, 4.0, 14.9787, 23.0259),
        (2, 1.6, 0.711111, 1.777778, 7.91068, 11.93737),
        (10, 9.0, 0.668732, 0.668732, 4.36087, 6.24988),
        (50, 40.0, 0.086953, 0.008695, 3.00535, 4.61479),
        (50, 45.0, 0.363864, 0.072773, 3.08280, 4.69223),
        (50, 49.0, 0.838263, 0.838263, 4.57092, 6.46441),
    ],
)
def test_mmc_figures_are_those_of_the_reference_table(
    servers: int, rate: float, waits: float, wait_s: float, p95_s: float, p99_s: float
) -> None:
    """Erlang-C, mean wait, P95 and P99."""
    assert formulas.erlang_c(servers, rate) == pytest.approx(waits, abs=5e-7)
    assert formulas.mean_sojourn_s(servers, rate) - 1.0 == pytest.approx(wait_s, abs=1e-6)
    assert formulas.sojourn_quantile_s(servers, rate, 0.95) == pytest.approx(p95_s, abs=1e-4)
    assert formulas.sojourn_quantile_s(servers, rate, 0.99) == pytest.approx(p99_s, abs=1e-4)


@pytest.mark.parametrize(("cv2", "wait_s"), [(0.0, 2.0), (1.0, 4.0), (4.0, 10.0)])
def test_mg1_waits_grow_with_the_spread_of_service(cv2: float, wait_s: float) -> None:
    """Pollaczek-Khinchine at a load of 0.8."""
    assert formulas.mg1_mean_sojourn_s(0.8, cv2) == pytest.approx(wait_s + 1.0)


@pytest.mark.parametrize(("rate", "share"), [(0.9, 0.050814), (1.2, 0.192586)])
def test_blocking_is_that_of_a_finite_birth_death_chain(rate: float, share: float) -> None:
    """At most ten in the system."""
    assert formulas.blocking(rate, 10) == pytest.approx(share, abs=5e-7)


@pytest.mark.parametrize(
    ("rate", "share"), [(45.0, 0.01472), (50.0, 0.04668), (60.0, 0.16823), (100.0, 0.5)]
)
def test_abandonment_is_erlang_a(rate: float, share: float) -> None:
    """Fifty servers, mean patience 2 s."""
    assert formulas.abandonment(50, rate, 2.0) == pytest.approx(share, abs=6e-6)
