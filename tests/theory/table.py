"""The simulator against theory, queue by queue: the same for the tests and the proofs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np

from scenarios.schema import Scenario

from . import formulas
from .queues import goodput_per_s, plant, queue_scenario, sojourn_times_s

__all__ = ["FULL", "QUICK", "Figures", "Queue", "Row"]

_SERVICES: dict[float, dict[str, Any]] = {
    0.0: {"service": "deterministic"},
    1.0: {"service": "exponential"},
    4.0: {"service": "general", "cv2": 4.0},
}

Figures = tuple[float, ...]
"""What one replication measured, in the order of `Queue.expected`."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue, what theory says of it, and how to measure that.

    Attributes:
        name: of the queue.
        expected: what theory says of each figure, by the figure's name.
        sample: the figures of one replication, in that order; any process may take it.
        replications: how many there are.
        requests: behind the figures of one.
        deviation: standard deviation of a sample where it is known; otherwise it is estimated.
    """

    name: str
    expected: dict[str, float]
    sample: Callable[[int], Figures]
    replications: int
    requests: int
    deviation: float | None = None

    def rows(self, samples: Sequence[Figures]) -> list[Row]:
        """A row for each figure, from the samples of all replications."""
        return [
            self._row(figure, expected, np.array(values))
            for (figure, expected), values in zip(
                self.expected.items(), zip(*samples, strict=True), strict=True
            )
        ]

    def _row(self, figure: str, expected: float, values: np.ndarray[Any, Any]) -> Row:
        deviation = float(values.std(ddof=1)) if self.deviation is None else self.deviation
        return Row(
            name=f"{self.name}, {figure}",
            expected=expected,
            measured=float(values.mean()),
            standard_error=deviation / math.sqrt(len(values)),
            n=len(values) * self.requests,
        )


def mmc(servers: int, rate: float, *, replications: int, requests: int) -> Queue:
    """Mean and P95 of the time in an M/M/c system."""
    name = f"M/M/{servers} λ={rate:g}"
    scenario = queue_scenario(
        rate, requests, seed=_seed(name), warm_up_s=_settles_s(servers, rate), servers=servers
    )
    return Queue(
        name=name,
        expected={
            "mean T": formulas.mean_sojourn_s(servers, rate),
            "P95 T": formulas.sojourn_quantile_s(servers, rate, 0.95),
        },
        sample=partial(_mean_and_p95_s, scenario),
        replications=replications,
        requests=requests,
    )


def _mean_and_p95_s(scenario: Scenario, replication: int) -> Figures:
    times_s = sojourn_times_s(scenario, replication)
    return float(times_s.mean()), float(np.quantile(times_s, 0.95, method="inverted_cdf"))


def mg1(cv2: float, *, replications: int, requests: int) -> Queue:
    """Mean time in an M/G/1 system at λ = 0.8."""
    name = f"M/G/1 λ=0.8 CV²={cv2:g}"
    scenario = queue_scenario(
        0.8, requests, seed=_seed(name), warm_up_s=_settles_s(1, 0.8), **_SERVICES[cv2]
    )
    return Queue(
        name=name,
        expected={"mean T": formulas.mg1_mean_sojourn_s(0.8, cv2)},
        sample=partial(_mean_s, scenario),
        replications=replications,
        requests=requests,
    )


def shared(cv2: float, *, replications: int, requests: int) -> Queue:
    """Mean time in an M/G/1 system that shares its processor, at λ = 0.8."""
    name = f"M/G/1-PS λ=0.8 CV²={cv2:g}"
    scenario = queue_scenario(
        0.8,
        requests,
        seed=_seed(name),
        warm_up_s=_settles_s(1, 0.8),
        discipline="processor_sharing",
        **_SERVICES[cv2],
    )
    return Queue(
        name=name,
        expected={"mean T": formulas.ps_mean_sojourn_s(0.8)},
        sample=partial(_mean_s, scenario),
        replications=replications,
        requests=requests,
    )


def _mean_s(scenario: Scenario, replication: int) -> Figures:
    return (float(sojourn_times_s(scenario, replication).mean()),)


def blocking(rate: float, *, replications: int, requests: int) -> Queue:
    """Share refused by M/M/1 with at most ten in the system."""
    name = f"M/M/1/10 λ={rate:g}"
    scenario = queue_scenario(rate, requests, seed=_seed(name), warm_up_s=1000.0, bound=9)
    return Queue(
        name=name,
        expected={"blocked": formulas.blocking(rate, 10)},
        sample=partial(_failed_share, scenario),
        replications=replications,
        requests=requests,
    )


def abandonment(rate: float, *, replications: int, requests: int) -> Queue:
    """Share that leaves the queue of M/M/50 with a mean patience of 2 s."""
    name = f"Erlang-A c=50 λ={rate:g}"
    scenario = queue_scenario(
        rate, requests, seed=_seed(name), warm_up_s=100.0, servers=50, mean_patience=2.0
    )
    return Queue(
        name=name,
        expected={"abandoned": formulas.abandonment(50, rate, 2.0)},
        sample=partial(_failed_share, scenario),
        replications=replications,
        requests=requests,
    )


def _failed_share(scenario: Scenario, replication: int) -> Figures:
    run = plant(scenario, replication)
    run.advance(math.inf)
    totals = run.totals()
    return (totals.failed / totals.offered,)


def metastable(
    rate: float, outage_s: float, *, replications: int, stable: bool, **options: Any
) -> Queue:
    """Goodput long after an outage, with clients that retry."""
    told = "".join(f", {key} {value:g}" for key, value in options.items())
    return Queue(
        name=f"retry storm λ={rate:g}, outage {outage_s:g} s{told}",
        expected={"goodput": rate if stable else 0.0},
        sample=partial(_goodput, rate, outage_s, options),
        replications=replications,
        requests=round(rate * 590),
        # Answers are counted over 90 s, and what comes in is Poisson.
        deviation=math.sqrt(rate / 90.0),
    )


def _goodput(rate: float, outage_s: float, options: dict[str, Any], replication: int) -> Figures:
    return (goodput_per_s(rate, replication, outage_s=outage_s, **options),)


def _seed(name: str) -> int:
    """A seed for each queue, so that no two share their luck."""
    return crc32(name.encode())


def _settles_s(servers: int, rate: float) -> float:
    """Twenty relaxation times of a queue that starts empty, with services of a second.

    Near saturation the relaxation time of M/M/c is 1 / (√c - √λ)² (Gamarnik and Goldberg, "On
    the rate of convergence to stationarity of the M/M/n queue in the Halfin-Whitt regime",
    Annals of Applied Probability 23, 2013); it is never shorter than a service.
    """
    return 20.0 / min(1.0, (math.sqrt(servers) - math.sqrt(rate)) ** 2)


_COLLAPSES: tuple[Queue, ...] = (
    metastable(140.0, 10.0, replications=4, stable=True),
    metastable(160.0, 10.0, replications=4, stable=False),
    metastable(280.0, 0.5, replications=4, stable=True),
    metastable(280.0, 1.0, replications=4, stable=False),
    metastable(280.0, 10.0, replications=4, stable=False),
    metastable(280.0, 10.0, replications=4, stable=True, bound=150),
    metastable(280.0, 10.0, replications=4, stable=True, retry_budget=0.05),
)

QUICK: tuple[Queue, ...] = (
    mmc(10, 9.0, replications=20, requests=500_000),
    mmc(50, 45.0, replications=20, requests=200_000),
    mg1(0.0, replications=20, requests=300_000),
    shared(4.0, replications=20, requests=600_000),
    blocking(1.2, replications=20, requests=100_000),
    abandonment(60.0, replications=20, requests=200_000),
    *_COLLAPSES,
)

FULL: tuple[Queue, ...] = (
    mmc(1, 0.8, replications=40, requests=1_000_000),
    mmc(2, 1.6, replications=40, requests=1_000_000),
    mmc(10, 9.0, replications=40, requests=1_000_000),
    mmc(50, 40.0, replications=40, requests=1_000_000),
    mmc(50, 45.0, replications=40, requests=1_000_000),
    mmc(50, 49.0, replications=300, requests=2_000_000),
    mg1(0.0, replications=40, requests=1_000_000),
    mg1(1.0, replications=40, requests=1_000_000),
    mg1(4.0, replications=40, requests=2_000_000),
    shared(0.0, replications=40, requests=1_000_000),
    shared(1.0, replications=40, requests=1_000_000),
    shared(4.0, replications=40, requests=1_000_000),
    blocking(0.9, replications=40, requests=500_000),
    blocking(1.2, replications=40, requests=500_000),
    abandonment(45.0, replications=40, requests=1_000_000),
    abandonment(50.0, replications=40, requests=500_000),
    abandonment(60.0, replications=40, requests=500_000),
    abandonment(100.0, replications=40, requests=500_000),
    *_COLLAPSES,
)
"""With enough requests that four standard errors are at most 2 %; `QUICK` is a subset that takes
less than a minute."""
