"""The metrics of one run, from the request-level truth after the warm-up.

Modes are not left out of the warm-up: transitions are counted from second 0 to the
horizon, because a controller that leaves normal before the traffic settles has still left
it. What happens while the run drains is no longer counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from balancer.core.pricing import NANO_USD
from scenarios.schema import Worth

from ..plant.totals import Totals

__all__ = ["METRICS", "MILLIONTHS", "asked", "metrics"]

MILLIONTHS = 1_000_000

METRICS: Mapping[str, str] = {
    "offered": "count",
    "reasked": "count",
    "admitted": "count",
    "answered": "count",
    "attempts": "count",
    "fallback_attempts": "count",
    "rerouted": "count",
    "downgraded": "count",
    "availability": "share",
    "latency_p50_s": "seconds",
    "latency_p95_s": "seconds",
    "latency_p99_s": "seconds",
    "latency_mean_s": "seconds",
    "error_rate": "share",
    "cost_usd": "usd",
    "observed_cost_usd": "usd",
    "cost_per_answer_usd": "usd",
    "cost_saved": "share",
    "quality": "score",
    "quality_weighted_answers": "count",
    "good_answers": "count",
    "sibling_good_answers": "count",
    "waiting_s": "seconds",
    "utility_usd": "usd",
    "shed_share": "share",
    "refused_share": "share",
    "fallback_share": "share",
    "degraded_share": "share",
    "truncated_share": "share",
    "retry_amplification": "number",
    "transitions": "count",
    "transitions_per_hour": "number",
    "budget_overshoot_usd": "usd",
}
"""Every metric of `verdict.json` with its unit; `docs/reference/verdict.md` defines each."""


def metrics(
    totals: Totals,
    *,
    worth: Worth,
    transitions: float,
    duration_s: float,
    fixed_usd: float = 0.0,
) -> dict[str, float]:
    """The metrics of a run, but for `cost_saved`, which takes two; NaN where undefined.

    Args:
        totals: the plant's account of the requests after the warm-up.
        worth: what the scenario says answers are worth.
        transitions: changes of mode before the horizon, in the mean of the replicas.
        duration_s: from second 0 to the horizon.
        fixed_usd: what is billed whatever is called. It is in the bill of every arm, so that
            none looks dearer for not using it, and in nothing that a controller sees: no mode
            saves any of it.
    """
    cost_usd = fixed_usd + totals.true_nano_usd / NANO_USD
    quality = totals.quality_ppm_sum / MILLIONTHS
    good_answers = totals.good_quality_ppm_sum / MILLIONTHS
    latency = totals.latency
    return {
        "offered": float(totals.offered),
        "reasked": float(totals.reasked),
        "admitted": float(totals.admitted),
        "answered": float(totals.answered),
        "attempts": float(totals.attempts),
        "fallback_attempts": float(totals.fallback_attempts),
        "rerouted": float(totals.rerouted),
        "downgraded": float(totals.downgraded),
        "availability": _ratio(totals.answered, totals.offered),
        "latency_p50_s": latency.quantile(0.50),
        "latency_p95_s": latency.quantile(0.95),
        "latency_p99_s": latency.quantile(0.99),
        "latency_mean_s": _ratio(totals.latency_sum_s, latency.total),
        "error_rate": _ratio(totals.attempts_failed, totals.attempts_finished),
        "cost_usd": cost_usd,
        "observed_cost_usd": totals.observed_nano_usd / NANO_USD,
        "cost_per_answer_usd": _ratio(cost_usd, totals.answered),
        "quality": _ratio(quality, totals.answered),
        "quality_weighted_answers": quality,
        "good_answers": good_answers,
        "sibling_good_answers": totals.sibling_quality_ppm_sum / MILLIONTHS,
        "waiting_s": totals.waiting_s,
        "utility_usd": worth.answer * (good_answers - worth.waiting * totals.waiting_s) - cost_usd,
        "shed_share": _ratio(totals.shed, totals.offered),
        "refused_share": _ratio(totals.refused, totals.offered),
        "fallback_share": _ratio(totals.fallback, totals.offered),
        "degraded_share": _ratio(totals.degraded, totals.admitted),
        "truncated_share": _ratio(totals.truncated, totals.answered),
        "retry_amplification": _ratio(totals.attempts - totals.fallback_attempts, totals.admitted),
        "transitions": float(transitions),
        "transitions_per_hour": transitions / duration_s * 3600.0,
        "budget_overshoot_usd": totals.overshoot_nano_usd / NANO_USD,
    }


def asked(found: Mapping[str, float]) -> float:
    """Requests that users had: who asks again because they got nothing counts once.

    So it is the same in all arms, whatever they make users do.
    """
    return found["offered"] - found.get("reasked", 0.0)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
