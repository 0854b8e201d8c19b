"""What kind of number a metric is: its range, and how far a run that was not seen may reach.

Without an assumption no finite number of runs says anything about a mean: the next run may be of a
kind that none of them was, and as far off as it likes (Bahadur and Savage, "The nonexistence of
certain statistical procedures in nonparametric problems", Annals of Mathematical Statistics 27,
1956). The assumption is made here, in the open, one line a metric: such a run lies no farther from
the mean than the metric's *reach*. `docs/explanation/certainty.md` argues each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from balancer.core.histogram import HALF_A_BUCKET

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is taken for granted of one metric.

    Attributes:
        reach: how far from the mean a run may lie that is of a kind not seen, in the metric's
            unit.
        episode: the reach is of a run of one hour. What is not seen happens for a time, which
            is a larger part of a shorter run and a smaller one of a longer.
        relative_to: the reach is a share of the mean of this metric.
        of: a share's whole. The least that can be seen in a run is one of these, so a run not
            seen differs by at least that.
        least, most: no run lies outside.
        rounding: most by which a run's value is off, as a share of it.
    """

    reach: float
    episode: bool = True
    relative_to: str = ""
    of: str = ""
    least: float = 0.0
    most: float = math.inf
    rounding: float = 0.0


MOVED = 0.2
"""A run that leaves normal: twelve minutes of an hour in another mode, or as much cost saved."""
SLOWER = 0.2
"""A run in which another model answers, or the same one slower."""
RARE = 0.005
"""Requests that go wrong in a run with trouble: all of them, for 18 seconds of an hour."""
REPEATED = 0.01
"""Calls that are made again in a run with trouble: two retries for each that goes wrong."""
POORER = 0.05
"""What a run in another mode loses of the answers' quality, or cuts off."""
CHANGES = 8.0
"""Changes of mode in a run that leaves normal: down by one and back, four times."""


def _relative(name: str, reach: float) -> Kind:
    return Kind(reach=reach, relative_to=name)


def _slower(name: str, *, rounding: float = 0.0) -> Kind:
    return Kind(reach=SLOWER, episode=False, relative_to=name, rounding=rounding)


def _share(of: str, reach: float) -> Kind:
    return Kind(reach=reach, of=of, most=1.0)


_BUCKET = HALF_A_BUCKET - 1.0

KINDS: Mapping[str, Kind] = {
    # Traffic comes from outside: nothing that happens in a run changes it, but who asks again.
    "offered": Kind(reach=RARE, relative_to="offered"),
    "reasked": Kind(reach=RARE, relative_to="offered"),
    "admitted": _relative("admitted", RARE),
    "answered": _relative("answered", RARE),
    "attempts": _relative("attempts", REPEATED),
    "fallback_attempts": Kind(reach=REPEATED, relative_to="attempts"),
    # A model ends, or a project's share of priority is used up, for a part of the run.
    "rerouted": Kind(reach=MOVED, relative_to="answered"),
    "downgraded": Kind(reach=MOVED, relative_to="answered"),
    "availability": _share("offered", RARE),
    "latency_p50_s": _slower("latency_p50_s", rounding=_BUCKET),
    "latency_p95_s": _slower("latency_p95_s", rounding=_BUCKET),
    "latency_p99_s": _slower("latency_p99_s", rounding=_BUCKET),
    "latency_mean_s": _slower("latency_mean_s"),
    "error_rate": _share("attempts", RARE),
    "cost_usd": _relative("cost_usd", MOVED),
    "observed_cost_usd": _relative("observed_cost_usd", MOVED),
    "cost_per_answer_usd": _relative("cost_per_answer_usd", MOVED),
    "cost_saved": Kind(reach=MOVED, least=-math.inf, most=1.0),
    "quality": Kind(reach=POORER, most=1.0),
    "quality_weighted_answers": _relative("quality_weighted_answers", POORER),
    "good_answers": _relative("good_answers", POORER),
    "sibling_good_answers": Kind(reach=MOVED, relative_to="good_answers"),
    "waiting_s": _slower("waiting_s"),
    "utility_usd": Kind(reach=MOVED, relative_to="cost_usd", least=-math.inf),
    "shed_share": _share("offered", RARE),
    "refused_share": _share("offered", RARE),
    "fallback_share": _share("offered", RARE),
    "degraded_share": _share("admitted", MOVED),
    "truncated_share": _share("answered", POORER),
    "retry_amplification": Kind(reach=REPEATED, of="admitted"),
    "transitions": Kind(reach=CHANGES, episode=False),
    "transitions_per_hour": Kind(reach=CHANGES),
    # A budget that holds is passed by nothing; one that does not, by a part of the spend.
    "budget_overshoot_usd": Kind(reach=RARE, relative_to="cost_usd"),
}
"""The kind of every metric of `sim.run.metrics.METRICS`."""
