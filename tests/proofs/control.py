"""Proof: the ladder against thresholds, a router and nothing, on quiet traffic, and a hole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim.run.result import Run
from sim.study.intervals import mean_interval
from sim.workers.pool import Workers
from tests.control.hole import planted_hole
from tests.control.laws import Claim, Comparison, claims, compare_laws, days_of_steady_traffic

from .claims import claim_table
from .document import Proof, table

__all__ = ["prove"]

REPLICATIONS = 30
DAYS = 10

_TEXT = "Intervals are 95 %, from paired differences on the same requests.\n"


def prove(workers: int | Workers) -> Proof:
    """Compare, watch days of steady traffic, and search."""
    print("  both laws on the fault scenarios", flush=True)
    comparisons = compare_laws(REPLICATIONS, workers=workers)
    print("  days of steady traffic", flush=True)
    steady = _steady(workers)
    print("  a planted hole", flush=True)
    found = (*claims(comparisons), steady, planted_hole())
    return Proof(
        text="\n".join([_TEXT, claim_table(found), _scenarios(comparisons)]),
        holds=all(claim.holds for claim in found),
    )


def _steady(workers: int | Workers) -> Claim:
    days = days_of_steady_traffic(DAYS, "24h", workers=workers)
    moved = sum(map(bool, days))
    return Claim(
        name=f"steady traffic never leaves normal, {DAYS} replications of 24 h",
        measured=f"{moved} of {DAYS} left it",
        holds=moved == 0,
    )


def _scenarios(comparisons: Sequence[Comparison]) -> str:
    def lines() -> Iterable[tuple[str, ...]]:
        for each in comparisons:
            for law in ("ladder", "threshold", "static", "none"):
                runs: tuple[Run, ...] = getattr(each, law)
                yield (
                    each.scenario,
                    law,
                    f"{_mean(runs, 'transitions'):.1f}",
                    f"{_mean(runs, 'availability'):.3%}",
                    f"{_mean(runs, 'latency_p95_s'):.2f}",
                    f"{_mean(runs, 'cost_usd'):.2f}",
                    f"{1000 * _mean(runs, 'cost_per_answer_usd'):.3f}",
                    f"{_mean(runs, 'quality'):.3f}",
                    f"{_thousand(runs, 'cost_usd', 'quality_weighted_answers'):.3f}",
                    f"{_thousand(runs, 'utility_usd', 'offered'):.2f}",
                )

    heads = (
        "scenario",
        "law",
        "transitions",
        "availability",
        "P95 s",
        "cost $",
        "cost $ per 1000 answers",
        "quality (assumed)",
        "cost $ per 1000 quality-weighted answers",
        "utility $ per 1000 requests",
    )
    return table(heads, lines())


def _thousand(runs: Sequence[Run], metric: str, of: str) -> float:
    """For a thousand of something."""
    return 1000 * mean_interval([run.metrics[metric] / run.metrics[of] for run in runs]).estimate


def _mean(runs: Sequence[Run], metric: str) -> float:
    return mean_interval([run.metrics[metric] for run in runs]).estimate
