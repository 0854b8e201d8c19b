"""Proof: every scenario of the library under the default policy."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from sim.workers.pool import Workers
from tests.control.library import SAMPLE, Record, library_claims, run_library

from .claims import claim_table
from .document import Proof, table

__all__ = ["prove"]

_TEXT = """\
Every scenario under the default policy, with what its file changes in it; each is described
in [the library](reference/library.md). Static is the policy's normal mode with its retries,
fallback models and budgets, and no controller; without, the application's own clients; cheap
always, the policy's soft mode for ever. Harm is availability below static's, beyond its interval.
"""


def prove(workers: int | Workers) -> Proof:
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
            with_it, static, cheapest, none = (
                {name: each["estimate"] for name, each in record["arms"][arm].items()}
                for arm in ("policy", "static", "cheapest", "none")
            )
            yield (
                record["scenario"],
                record["verdict"],
                "HARM" if record["harm"]["found"] else "no",
                f"{with_it['transitions']:.1f}",
                *(f"{arm['availability']:.2%}" for arm in (with_it, static, none)),
                *(f"{arm['latency_p95_s']:.1f}" for arm in (with_it, static, none)),
                *(f"{arm['cost_saved']:.0%}" for arm in (with_it, cheapest)),
                *(f"{arm['quality']:.3f}" for arm in (with_it, static, cheapest)),
            )

    heads = (
        "scenario",
        "verdict",
        "harm",
        "transitions",
        "availability",
        "static",
        "without",
        "P95 s",
        "static",
        "without",
        "cost saved, of static's",
        "cheap always",
        "quality (assumed)",
        "static",
        "cheap always",
    )
    return table(heads, lines())
