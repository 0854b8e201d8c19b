"""What each metric of a verdict is called, measured in, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["METRICS", "Metric", "metric"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How a metric is shown.

    Attributes:
        label: for people.
        unit: usd, share, seconds, count, score or number, see `reports.amounts`.
        better: "lower", "higher", or "" where neither is.
    """

    label: str
    unit: str
    better: str = ""


METRICS: Final[dict[str, Metric]] = {
    "availability": Metric(label="Availability", unit="share", better="higher"),
    "latency_p50_s": Metric(label="Latency P50", unit="seconds", better="lower"),
    "latency_p95_s": Metric(label="Latency P95", unit="seconds", better="lower"),
    "latency_p99_s": Metric(label="Latency P99", unit="seconds", better="lower"),
    "latency_mean_s": Metric(label="Latency, mean", unit="seconds", better="lower"),
    "error_rate": Metric(label="Error rate of attempts", unit="share", better="lower"),
    "cost_usd": Metric(label="Cost, billed", unit="usd", better="lower"),
    "observed_cost_usd": Metric(label="Cost, as observed", unit="usd", better="lower"),
    "cost_per_answer_usd": Metric(label="Cost per answer", unit="usd", better="lower"),
    "cost_saved": Metric(label="Cost saved", unit="share", better="higher"),
    "quality": Metric(label="Quality of answers (assumed)", unit="score", better="higher"),
    "quality_weighted_answers": Metric(
        label="Answers, weighted by quality", unit="count", better="higher"
    ),
    "good_answers": Metric(
        label="Answers in time, weighted by quality", unit="count", better="higher"
    ),
    "sibling_good_answers": Metric(label="of these, by other models than normal's", unit="count"),
    "waiting_s": Metric(label="Users' waiting, in all", unit="seconds", better="lower"),
    "utility_usd": Metric(label="Utility (assumed)", unit="usd", better="higher"),
    "offered": Metric(label="Requests offered", unit="count"),
    "admitted": Metric(label="Requests admitted", unit="count"),
    "attempts": Metric(label="Attempts", unit="count"),
    "fallback_attempts": Metric(label="Attempts at a fallback model", unit="count"),
    "rerouted": Metric(label="Answers of another model than was sent", unit="count"),
    "downgraded": Metric(label="Answers in another tier than was sent", unit="count"),
    "answered": Metric(label="Requests answered", unit="count", better="higher"),
    "shed_share": Metric(label="Requests shed", unit="share", better="lower"),
    "refused_share": Metric(label="Requests refused by the budget", unit="share", better="lower"),
    "fallback_share": Metric(label="Requests given the static answer", unit="share"),
    "degraded_share": Metric(label="Requests served above normal", unit="share"),
    "truncated_share": Metric(label="Answers cut short", unit="share", better="lower"),
    "retry_amplification": Metric(
        label="Attempts per request, fallbacks aside", unit="number", better="lower"
    ),
    "transitions": Metric(label="Transitions", unit="count"),
    "transitions_per_hour": Metric(label="Transitions per hour", unit="number"),
    "budget_overshoot_usd": Metric(label="Budget overshoot", unit="usd", better="lower"),
}
"""Metrics we know, in the order tables show them."""

SUFFIXES: Final = (
    ("_usd", "usd"),
    ("_share", "share"),
    ("_rate", "share"),
    ("_s", "seconds"),
)


def metric(name: str) -> Metric:
    """How a metric is shown; one we do not know is guessed from its name's unit."""
    known = METRICS.get(name)
    if known is not None:
        return known
    for suffix, unit in SUFFIXES:
        if name.endswith(suffix):
            return Metric(label=_spelled(name.removesuffix(suffix)), unit=unit)
    return Metric(label=_spelled(name), unit="number")


def _spelled(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
