"""What is claimed of a controller on one application at ten sizes (`tests.control.rates`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sim.study.intervals import Interval, mean_interval

from .laws import Claim
from .rates import FAULTS, WARM_UP_S, Episode, Fault, policy_at

__all__ = [
    "BACK",
    "FOUND",
    "Cells",
    "Limit",
    "absorbed_claims",
    "back_within",
    "cost_of_threshold",
    "found_within",
    "ill_claims",
    "mean_of",
    "mean_of_static",
    "most_degraded",
    "steady_claims",
]

MOST_LEAVING = 1
MOST_DEGRADED, MOST_DEGRADED_ABSORBED = 0.001, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Seconds or requests, whichever is longer."""

    seconds: float
    requests: int

    def __str__(self) -> str:
        return f"max({self.seconds:g} s, {self.requests} requests)"

    def kept(self, seconds: float, requests: float, *, of: float = math.inf) -> bool:
        """Whether something that took so long is within it.

        Args:
            seconds, requests: it took; infinite if it never happened.
            of: requests there were; where they were no more than the limit, it is kept.
        """
        return seconds <= self.seconds or min(requests, of) <= self.requests


_FELT = (Limit(seconds=30.0, requests=12), Limit(seconds=90.0, requests=40))
# What single requests cost varies: a spending three times as high is known after a hundred of
# them, by any test that leaves healthy traffic alone, and a rate of spending not within a minute.
_SPENT = (Limit(seconds=60.0, requests=100), Limit(seconds=120.0, requests=200))
FOUND: Mapping[str, tuple[Limit, Limit]] = {"slow": _FELT, "hang": _FELT, "cost": _SPENT}
"""Within what a fault is found in the median, and in 95 % of the runs; others no mode helps."""
BACK = Limit(seconds=300.0, requests=60)
"""Within what 95 % of the runs are back in normal."""

Cells = Mapping[float, Sequence[Episode]]
"""Runs by requests a second."""


def steady_claims(cells: Cells) -> tuple[Claim, ...]:
    """Healthy traffic is left alone."""
    runs = [each.run for episodes in cells.values() for each in episodes]
    leaving = sum(bool(run.transitions) for run in runs)
    return (
        Claim(
            name=f"at most {MOST_LEAVING} of all runs leaves normal",
            measured=f"{leaving} of {len(runs)}",
            holds=leaving <= MOST_LEAVING,
        ),
        _few_degraded("nothing wrong", cells, lambda _rate, _episodes: MOST_DEGRADED, digits=2),
    )


def ill_claims(name: str, cells: Cells) -> tuple[Claim, ...]:
    """What is asked of a fault that a mode helps against, and of one that none does."""
    ahead = [(rate, _ahead(episodes)) for rate, episodes in cells.items()]
    unharmed = _everywhere(
        f"{name}: availability not below static's, beyond its interval",
        [(rate, of.high >= 0.0, f"{of.estimate * 100:+.2f} points") for rate, of in ahead],
    )
    if name not in FOUND:
        return (unharmed,)
    middle, most = FOUND[name]
    return (
        _in_time(f"{name}: found", middle, 0.5, cells, found_within),
        _in_time(f"{name}: found", most, 0.95, cells, found_within),
        _in_time(f"{name}: back", BACK, 0.95, cells, back_within),
        _few_degraded(name, cells, lambda rate, _episodes: most_degraded(rate, FAULTS[name])),
        unharmed,
    )


def absorbed_claims(name: str, cells: Cells) -> tuple[Claim, ...]:
    """Errors that no user feels degrade nobody."""
    return (
        _few_degraded(
            f"{name} of the calls fail",
            cells,
            lambda rate, runs: 1.0 if _breaks_a_rule(rate, runs) else MOST_DEGRADED_ABSORBED,
        ),
    )


def found_within(episodes: Sequence[Episode], limit: Limit) -> int:
    """Runs in which the fault was found within a limit."""
    return sum(
        limit.kept(each.found_s, each.found_requests, of=each.ill_requests) for each in episodes
    )


def back_within(episodes: Sequence[Episode], limit: Limit) -> int:
    """Runs that were back in normal within a limit."""
    return sum(limit.kept(each.back_s, each.back_requests) for each in episodes)


def most_degraded(rate: float, fault: Fault) -> float:
    """Share of the requests after the warm-up that come in the ill time and the way back."""
    span_s = fault.until_s - fault.from_s + max(BACK.seconds, BACK.requests / rate)
    return span_s / (fault.duration_s - WARM_UP_S)


def cost_of_threshold(rate: float, episodes: Sequence[Episode]) -> float:
    """Cost without a controller, as a share of the lowest threshold for it."""
    hours = (episodes[0].run.duration_s - WARM_UP_S) / 3600.0
    threshold = _least_threshold(rate, "token_cost_per_hour")
    return mean_of_static(episodes, "cost_usd") / hours / threshold


def mean_of(episodes: Sequence[Episode], metric: str) -> float:
    """Mean of a metric under the controller."""
    return mean_interval([each.run.metrics[metric] for each in episodes]).estimate


def mean_of_static(episodes: Sequence[Episode], metric: str) -> float:
    """Mean of a metric without a controller."""
    return mean_interval([each.static.metrics[metric] for each in episodes if each.static]).estimate


def _ahead(episodes: Sequence[Episode]) -> Interval:
    """Availability above static's."""
    return mean_interval(
        [
            each.run.metrics["availability"] - each.static.metrics["availability"]
            for each in episodes
            if each.static
        ]
    )


def _breaks_a_rule(rate: float, episodes: Sequence[Episode]) -> bool:
    """Whether normal mode would break the P95 or the cost that the policy asks for."""
    p95_s = mean_of_static(episodes, "latency_p95_s")
    late = p95_s > _least_threshold(rate, "latency_p95")
    return late or cost_of_threshold(rate, episodes) > 1.0


def _least_threshold(rate: float, signal: str) -> float:
    return min(rule.threshold for rule in policy_at(rate).rules if rule.signal == signal)


def _in_time(
    what: str,
    limit: Limit,
    share: float,
    cells: Cells,
    within: Callable[[Sequence[Episode], Limit], int],
) -> Claim:
    counts = [(rate, within(runs, limit), len(runs)) for rate, runs in cells.items()]
    return _everywhere(
        f"{what} within {limit} in {share:.0%} of the runs",
        [(rate, kept >= share * runs, f"{kept} of {runs}") for rate, kept, runs in counts],
    )


def _few_degraded(
    what: str,
    cells: Cells,
    most: Callable[[float, Sequence[Episode]], float],
    *,
    digits: int = 1,
) -> Claim:
    shares = [
        (rate, mean_of(episodes, "degraded_share"), most(rate, episodes))
        for rate, episodes in cells.items()
    ]
    return _everywhere(
        f"{what}: degraded share at most {_range([bound for *_, bound in shares])}",
        [(rate, share <= bound, f"{share:.{digits}%}") for rate, share, bound in shares],
    )


def _range(bounds: Sequence[float]) -> str:
    low, high = min(bounds), max(bounds)
    return f"{low:.1%}" if low == high else f"{low:.1%} to {high:.1%} by rate"


def _everywhere(name: str, judged: Sequence[tuple[float, bool, str]]) -> Claim:
    """A claim that is to hold at every rate.

    Args:
        name: of the claim.
        judged: requests a second, whether it holds there, and what was measured.
    """
    missed = [f"{rate:g}/s ({measured})" for rate, holds, measured in judged if not holds]
    return Claim(
        name=name,
        measured=f"not at {', '.join(missed)}" if missed else f"at all {len(judged)} rates",
        holds=not missed,
    )
