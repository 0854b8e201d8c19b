"""Proof: every scenario of the library under the default policy."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from tests.control.library import SAMPLE, Record, library_claims, run_library

from .claims import claim_table
from .document import Proof, table

__all__ = ["prove"]

_TEXT = """\
Every scenario under the default policy, with what its file changes in it; each is described
in [the library](reference/library.md). Without means without a controller.
"""


def prove(workers: int) -> Proof:
    """Run the library, and some of it again in one process."""
    began = time.monotonic()

    def done(record: Record) -> None:
        print(f"  {record['scenario']}: {record['verdict']}", flush=True)

    records = run_library(workers=workers, done=done)
    minutes = (time.monotonic() - began) / 60
    claims = library_claims(records, again=run_library(SAMPLE, workers=1), minutes=minutes)
    return Proof(
        text="\n".join([_TEXT, claim_table(claims), _records(records)]),
        holds=all(claim.holds for claim in claims),
    )


def _records(records: Sequence[Record]) -> str:
    def lines() -> Iterable[tuple[str, ...]]:
        for record in records:
            with_it, without = record["metrics"], record["counterfactual"]
            yield (
                record["scenario"],
                record["verdict"],
                f"{with_it['transitions']['estimate']:.1f}",
                f"{with_it['availability']['estimate']:.2%}",
                f"{without['availability']['estimate']:.2%}",
                f"{with_it['latency_p95_s']['estimate']:.1f}",
                f"{without['latency_p95_s']['estimate']:.1f}",
                f"{with_it['cost_saved']['estimate']:.0%}",
                f"{with_it['quality']['estimate']:.3f}",
            )

    heads = (
        "scenario",
        "verdict",
        "transitions",
        "availability",
        "without",
        "P95 s",
        "without",
        "cost saved",
        "quality (assumed)",
    )
    return table(heads, lines())
