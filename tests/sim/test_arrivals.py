"""Processes of unit rate, and their stretching."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import gammaincinv

from scenarios.schema import Arrivals
from sim.streams import GAP, replication_key, uniform
from sim.traffic.arrivals import stretch, unit_arrivals
from sim.traffic.rate_curve import curve

KEY = replication_key(3, 0)


def arrived(arrivals: Arrivals, end: float, most: int = 1000) -> np.ndarray[Any, Any]:
    """All arrivals up to a moment of unit time."""
    return np.concatenate(list(unit_arrivals(arrivals, KEY, end, most)))


@pytest.mark.parametrize("cv", [0.1, 0.5, 1.0, 1.09, 3.0, 10.0])
def test_a_gamma_gap_is_the_quantile_of_its_own_draw(cv: float) -> None:
    """To 1e-7 of a mean gap, for bursty and for nearly even processes."""
    times = arrived(Arrivals(process="gamma", cv=cv), 3000.0)
    gaps = np.diff(times, prepend=0.0)
    draws = np.array([uniform(KEY, GAP, index, 0) for index in range(len(gaps))])
    assert gaps == pytest.approx(gammaincinv(cv**-2, draws) * cv**2, abs=1e-7)
    assert (gaps >= 0).all()


def test_an_exponential_gap_is_the_quantile_of_its_own_draw() -> None:
    """-ln(1 - u), so gaps are keyed by index and not by sequence."""
    times = arrived(Arrivals(process="poisson"), 100.0)
    gaps = np.diff(times, prepend=0.0)
    draws = np.array([uniform(KEY, GAP, index, 0) for index in range(len(gaps))])
    assert gaps == pytest.approx(-np.log1p(-draws), abs=1e-9)


@pytest.mark.parametrize("process", ["constant", "poisson", "gamma"])
def test_a_shorter_run_is_the_beginning_of_a_longer_one(process: str) -> None:
    """Cutting a run short changes nothing of what came before, and reaches its end."""
    arrivals = Arrivals.model_validate({"process": process, "cv": 2})
    short = arrived(arrivals, 50.0)
    long = arrived(arrivals, 500.0)
    assert (short == long[: len(short)]).all()
    assert short[-1] <= 50.0 < long[len(short)]


@pytest.mark.parametrize("process", ["constant", "poisson", "gamma"])
@pytest.mark.parametrize("most", [1, 7, 50, 64])
def test_how_many_arrivals_come_at_once_changes_none(process: str, most: int) -> None:
    """To the bit; only the last batch may be smaller, also where one ends at the very end."""
    arrivals = Arrivals.model_validate({"process": process, "cv": 2})
    assert (arrived(arrivals, 50.0, most) == arrived(arrivals, 50.0)).all()
    *full, last = map(len, unit_arrivals(arrivals, KEY, 50.0, most))
    assert set(full) <= {most}
    assert 0 < last <= most


def test_at_a_steady_rate_stretching_divides_by_it() -> None:
    """Four a second: unit time 6 is second 1.5; the last arrival stays inside the run."""
    times = np.array([0.0, 1.0, 6.0, 40.0])
    stretch(times, curve((), 4.0, 10.0))
    assert times.tolist() == [0.0, 0.25, 1.5, 10.0]
