"""Proof: how often the gate errs."""

from __future__ import annotations

from sim.workers.pool import Workers, fan_out
from tests.gate.error_rates import CASES, ErrorRate, error_rates, rate_rows, real_pairs

from .document import Proof, table

__all__ = ["prove"]

PAIRS = 2000
GATES = 2000

_TEXT = f"""\
{GATES:,} gates for each line, with the default margins unless it says otherwise, on pairs of runs
resampled from {PAIRS:,} real ones of each scenario, twelve minutes long: the default policy against
one with a longer hold (`error_storm`) and one that starts later (`latency_spike`), where one run of
seventeen differs much and the others little. Metrics that differ in fewer than a tenth of the
pairs are left out. The candidate's values are shifted so that the truth is what the line says.
The interval is Clopper and Pearson's, 95 %; the whole of it must keep what is asked. Why
it is so is in [the gate](explanation/gate.md).
"""


def prove(workers: int | Workers) -> Proof:
    """Try whole gates on every case, a case to a worker."""
    found = fan_out(_case, list(CASES), workers=workers, done=lambda _rates: None)
    heads = ("scenario", "what is true", "verdict", "asked")
    measured = ("gates", "interval", "mean replications", "holds")
    rows = (
        (case, *row) for case, rates in zip(CASES, found, strict=True) for row in rate_rows(rates)
    )
    return Proof(
        text="\n".join([_TEXT, table((*heads, *measured), rows)]),
        holds=all(rate.holds for rates in found for rate in rates),
    )


def _case(case: str) -> tuple[ErrorRate, ...]:
    pairs = real_pairs(case, PAIRS, workers=1)
    print(f"  {case}: {PAIRS} pairs of runs", flush=True)
    return error_rates(pairs, GATES)
