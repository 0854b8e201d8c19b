"""Closed forms of queueing theory, with a mean service of one second.

References: Kleinrock, "Queueing Systems" vol. 1 (1975), for Erlang-C, Pollaczek-Khinchine,
blocking and processor sharing; Garnett, Mandelbaum, Reiman, "Designing a call center with
impatient customers" (2002), for Erlang-A.
"""

from __future__ import annotations

import math

__all__ = [
    "abandonment",
    "blocking",
    "erlang_c",
    "mean_sojourn_s",
    "mg1_mean_sojourn_s",
    "ps_mean_sojourn_s",
    "sojourn_quantile_s",
]


def erlang_c(servers: int, rate: float) -> float:
    """Probability of waiting in M/M/c."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = rate * blocked / (k + rate * blocked)
    return blocked / (1.0 - rate / servers * (1.0 - blocked))


def mean_sojourn_s(servers: int, rate: float) -> float:
    """Mean time in an M/M/c system."""
    return erlang_c(servers, rate) / (servers - rate) + 1.0


def sojourn_quantile_s(servers: int, rate: float, q: float) -> float:
    """Quantile of the time in an M/M/c system, by bisection of its distribution."""
    waits = erlang_c(servers, rate)
    spare = servers - rate

    def beyond(t: float) -> float:
        if abs(spare - 1.0) < 1e-9:
            return math.exp(-t) * (1.0 + waits * t)
        both = (math.exp(-spare * t) - spare * math.exp(-t)) / (1.0 - spare)
        return (1.0 - waits) * math.exp(-t) + waits * both

    low, high = 0.0, 1e4
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (middle, high) if beyond(middle) > 1.0 - q else (low, middle)
    return low


def mg1_mean_sojourn_s(rate: float, cv2: float) -> float:
    """Mean time in an M/G/1 system, first come first served (Pollaczek-Khinchine)."""
    return rate * (1.0 + cv2) / (2.0 * (1.0 - rate)) + 1.0


def ps_mean_sojourn_s(rate: float) -> float:
    """Mean time in an M/G/1 system that shares its processor, whatever the service law."""
    return 1.0 / (1.0 - rate)


def blocking(rate: float, places: int) -> float:
    """Share refused in M/M/1 with at most so many in the system."""
    return (1.0 - rate) * rate**places / (1.0 - rate ** (places + 1))


def abandonment(servers: int, rate: float, mean_patience_s: float) -> float:
    """Share that leaves the queue of M/M/c with exponential patience (Erlang-A)."""
    weight = total = 1.0
    waiting = 0.0
    for n in range(1, servers + 2000):
        leaves = min(n, servers) + max(0, n - servers) / mean_patience_s
        weight *= rate / leaves
        total += weight
        waiting += max(0, n - servers) * weight
    return waiting / total / mean_patience_s / rate
