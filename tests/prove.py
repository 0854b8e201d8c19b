"""`make prove`: the proofs that take long, written to `docs/proofs.md`.

    python -m tests.prove docs/proofs.md [--section NAME]... [--workers N | --cluster ADDRESS]

The same code as the tests, with more replications. A section is written as soon as it
is proved, and those not asked for stay as they were. What does not hold is written down as
such, and the command then exits with 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from balancer.cli.workers import asked_workers
from sim.workers.pool import Workers
from tests.proofs import (
    abuse,
    agreement,
    contest,
    control,
    counting,
    coverage,
    gate,
    harm,
    library,
    mechanics,
    rates,
    sizes,
    theory,
)
from tests.proofs.document import Proof, put

SECTIONS: Mapping[str, Callable[[Workers], Proof]] = {
    "Library": library.prove,
    "Control": control.prove,
    "Laws over the library": contest.prove,
    "Steady traffic": rates.prove_steady,
    "One hour ill": rates.prove_ill,
    "Absorbed errors": rates.prove_absorbed,
    "Random worlds": harm.prove,
    "Sizes": sizes.prove,
    "Counting": counting.prove,
    "Coverage": coverage.prove,
    "Gate": gate.prove,
    "Theory": theory.prove,
    "Mechanics": mechanics.prove,
    "Agreement": agreement.prove,
    "Abuse": abuse.prove,
}
"""What is proved, by title, in the document's order; each is given the workers it may use."""


def main(
    arguments: Sequence[str], sections: Mapping[str, Callable[[Workers], Proof]] = SECTIONS
) -> bool:
    """Prove what is asked for and write it down; whether all of it holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description="The long proofs.")
    parser.add_argument("path", type=Path, help="the document; other sections of it are kept")
    parser.add_argument(
        "--section",
        action="append",
        choices=[*sections, *map(str.lower, sections)],
        metavar="NAME",
        help=f"prove only this one, and others named so: {', '.join(sections)}",
    )
    parser.add_argument("--workers", type=int, help="processes; as many as cores without it")
    parser.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler: tcp://host:8786")
    asked = parser.parse_args(arguments)
    wanted = None if asked.section is None else {name.lower() for name in asked.section}
    with asked_workers(asked.workers, asked.cluster) as workers:
        return _prove(asked.path, sections, wanted, workers)


def _prove(
    path: Path,
    sections: Mapping[str, Callable[[Workers], Proof]],
    wanted: set[str] | None,
    workers: Workers,
) -> bool:
    holds = True
    for title, prove in sections.items():
        if wanted is not None and title.lower() not in wanted:
            continue
        print(title, flush=True)
        began = time.monotonic()
        proof = prove(workers)
        minutes = (time.monotonic() - began) / 60
        put(path, list(sections), title, proof, minutes=minutes)
        verdict = "holds" if proof.holds else "does NOT hold"
        print(f"{title} {verdict}, {minutes:.1f} minutes; written to {path}", flush=True)
        holds = holds and proof.holds
    return holds


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
