"""The simulator against theory, row by row: the same code for the quick tests and the proofs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np

from scenarios.schema import Scenario

from . import formulas
from .queues import goodput_per_s, plant, queue_scenario, sojourn_times_s

__all__ = ["FULL", "QUICK", "Part", "Row", "rows"]

_SERVICES: dict[float, dict[str, Any]] = {
    0.0: {"service": "deterministic"},
    1.0: {"service": "exponential"},
    4.0: {"service": "general", "cv2": 4.0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of the table.

    Attributes:
        name: the queue and the figure.
        expected: what theory says.
        measured: mean over independent replications.
        standard_error: of that mean.
        n: requests behind it, over all replications.
    """

    name: str
    expected: float
    measured: float
    standard_error: float
    n: int

    @property
    def z(self) -> float:
        """Distance from theory in standard errors."""
        if self.measured == self.expected:
            return 0.0
        return (self.measured - self.expected) / self.standard_error

    @property
    def precision(self) -> float:
        """Four standard errors, as a share of what is expected."""
        return 4.0 * self.standard_error / self.expected if self.expected else 0.0


def _row(name: str, expected: float, samples: list[float], n: int) -> Row:
    error = float(np.std(samples, ddof=1)) / math.sqrt(len(samples))
    return Row(
        name=name, expected=expected, measured=float(np.mean(samples)), standard_error=error, n=n
    )


def mmc(servers: int, rate: float, *, replications: int, requests: int) -> list[Row]:
    """Mean and P95 of the time in an M/M/c system."""
    name = f"M/M/{servers} λ={rate:g}"
    scenario = queue_scenario(
        rate,
        requests,
        seed=_seed(name),
        warm_up_s=_settles_s(rate / servers),
        servers=servers,
    )
    means, tails = [], []
    for replication in range(replications):
        times_s = sojourn_times_s(scenario, replication)
        means.append(float(times_s.mean()))
        tails.append(float(np.quantile(times_s, 0.95, method="inverted_cdf")))
    n = replications * requests
    return [
        _row(f"{name}, mean T", formulas.mean_sojourn_s(servers, rate), means, n),
        _row(f"{name}, P95 T", formulas.sojourn_quantile_s(servers, rate, 0.95), tails, n),
    ]


def mg1(cv2: float, *, replications: int, requests: int) -> list[Row]:
    """Mean time in an M/G/1 system at λ = 0.8."""
    name = f"M/G/1 λ=0.8 CV²={cv2:g}, mean T"
    scenario = queue_scenario(
        0.8, requests, seed=_seed(name), warm_up_s=_settles_s(0.8), **_SERVICES[cv2]
    )
    samples = [float(sojourn_times_s(scenario, k).mean()) for k in range(replications)]
    expected = formulas.mg1_mean_sojourn_s(0.8, cv2)
    return [_row(name, expected, samples, replications * requests)]


def shared(cv2: float, *, replications: int, requests: int) -> list[Row]:
    """Mean time in an M/G/1 system that shares its processor, at λ = 0.8."""
    name = f"M/G/1-PS λ=0.8 CV²={cv2:g}, mean T"
    scenario = queue_scenario(
        0.8,
        requests,
        seed=_seed(name),
        warm_up_s=_settles_s(0.8),
        discipline="processor_sharing",
        **_SERVICES[cv2],
    )
    samples = [float(sojourn_times_s(scenario, k).mean()) for k in range(replications)]
    expected = formulas.ps_mean_sojourn_s(0.8)
    return [_row(name, expected, samples, replications * requests)]


def blocking(rate: float, *, replications: int, requests: int) -> list[Row]:
    """Share refused by M/M/1 with at most ten in the system."""
    name = f"M/M/1/10 λ={rate:g}, blocked"
    scenario = queue_scenario(rate, requests, seed=_seed(name), warm_up_s=1000.0, bound=9)
    return [
        _row(
            name,
            formulas.blocking(rate, 10),
            [_failed_share(scenario, k) for k in range(replications)],
            replications * requests,
        )
    ]


def abandonment(rate: float, *, replications: int, requests: int) -> list[Row]:
    """Share that leaves the queue of M/M/50 with a mean patience of 2 s."""
    name = f"Erlang-A c=50 λ={rate:g}, abandoned"
    scenario = queue_scenario(
        rate, requests, seed=_seed(name), warm_up_s=100.0, servers=50, mean_patience=2.0
    )
    return [
        _row(
            name,
            formulas.abandonment(50, rate, 2.0),
            [_failed_share(scenario, k) for k in range(replications)],
            replications * requests,
        )
    ]


def _failed_share(scenario: Scenario, replication: int) -> float:
    run = plant(scenario, replication)
    run.advance(math.inf)
    totals = run.totals()
    return totals.failed / totals.offered


def metastable(
    rate: float, outage_s: float, *, replications: int, stable: bool, **options: Any
) -> list[Row]:
    """Goodput long after an outage, with clients that retry."""
    samples = [goodput_per_s(rate, k, outage_s=outage_s, **options) for k in range(replications)]
    told = "".join(f", {key} {value:g}" for key, value in options.items())
    expected = rate if stable else 0.0
    return [
        Row(
            name=f"retry storm λ={rate:g}, outage {outage_s:g} s{told}, goodput",
            expected=expected,
            measured=float(np.mean(samples)),
            # Answers are counted over 90 s, and what comes in is Poisson.
            standard_error=math.sqrt(rate / 90.0 / replications),
            n=round(rate * 590) * replications,
        )
    ]


def _seed(name: str) -> int:
    """A seed for each row, so that no two share their luck."""
    return crc32(name.encode())


def _settles_s(load: float) -> float:
    """Twenty relaxation times of a queue that starts empty."""
    return 20.0 / (1.0 - math.sqrt(load)) ** 2


def rows(full: bool) -> Iterator[Row]:
    """The table, with enough requests that four standard errors are at most 2 %.

    Args:
        full: every queue; otherwise a subset that takes less than a minute.
    """
    for part in FULL if full else QUICK:
        yield from part()


Part = partial[list[Row]]
"""Rows of one queue, not yet measured."""

_COLLAPSES: tuple[Part, ...] = (
    partial(metastable, 140.0, 10.0, replications=4, stable=True),
    partial(metastable, 160.0, 10.0, replications=4, stable=False),
    partial(metastable, 280.0, 0.5, replications=4, stable=True),
    partial(metastable, 280.0, 1.0, replications=4, stable=False),
    partial(metastable, 280.0, 10.0, replications=4, stable=False),
    partial(metastable, 280.0, 10.0, replications=4, stable=True, bound=150),
    partial(metastable, 280.0, 20.0, replications=4, stable=False, retry_budget=0.05),
)

QUICK: tuple[Part, ...] = (
    partial(mmc, 10, 9.0, replications=20, requests=500_000),
    partial(mmc, 50, 45.0, replications=20, requests=200_000),
    partial(mg1, 0.0, replications=20, requests=300_000),
    partial(shared, 4.0, replications=20, requests=600_000),
    partial(blocking, 1.2, replications=20, requests=100_000),
    partial(abandonment, 60.0, replications=20, requests=200_000),
    *_COLLAPSES,
)

FULL: tuple[Part, ...] = (
    partial(mmc, 1, 0.8, replications=40, requests=1_000_000),
    partial(mmc, 2, 1.6, replications=40, requests=1_000_000),
    partial(mmc, 10, 9.0, replications=40, requests=1_000_000),
    partial(mmc, 50, 40.0, replications=40, requests=1_000_000),
    partial(mmc, 50, 45.0, replications=40, requests=1_000_000),
    partial(mmc, 50, 49.0, replications=200, requests=2_000_000),
    partial(mg1, 0.0, replications=40, requests=1_000_000),
    partial(mg1, 1.0, replications=40, requests=1_000_000),
    partial(mg1, 4.0, replications=40, requests=2_000_000),
    partial(shared, 0.0, replications=40, requests=1_000_000),
    partial(shared, 1.0, replications=40, requests=1_000_000),
    partial(shared, 4.0, replications=40, requests=1_000_000),
    partial(blocking, 0.9, replications=40, requests=500_000),
    partial(blocking, 1.2, replications=40, requests=500_000),
    partial(abandonment, 45.0, replications=40, requests=1_000_000),
    partial(abandonment, 50.0, replications=40, requests=500_000),
    partial(abandonment, 60.0, replications=40, requests=500_000),
    partial(abandonment, 100.0, replications=40, requests=500_000),
    *_COLLAPSES,
)
