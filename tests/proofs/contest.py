"""Proof: every law over the whole library."""

from __future__ import annotations

from tests.control.contest import (
    compare_library,
    contest_claims,
    regret_rows,
    reign_rows,
    summary_rows,
    sweep_rows,
)

from .claims import claim_table
from .document import Proof, table

__all__ = ["prove"]

_TEXT = """\
`open-balancer compare`: every scenario, all laws on the same requests; what the columns mean is
in [Comparing laws](explanation/comparison.md). The second table is regret: utility below the
best's, as a share of what perfect answers would be worth; bold where it cannot be told from the
best, in brackets where the law misses an expectation about the outcome.
"""
_SWEPT = """\
In how many scenarios a law is best, or cannot be told from the best, if a perfect answer is worth
this much; and who is best where:
"""


def prove(workers: int) -> Proof:
    """Compare all laws."""
    record = compare_library(workers=workers)
    claims = contest_claims(record)
    swept = sweep_rows(record)
    heads = (
        "law",
        "best",
        "within the best's interval",
        "eligible",
        "dominated",
        "largest regret",
    )
    return Proof(
        text="\n".join(
            [
                _TEXT,
                claim_table(claims),
                table(heads, summary_rows(record)),
                table(("scenario", *record["laws"]), regret_rows(record)),
                _SWEPT,
                table(swept[0], swept[1:]),
                table(("scenario", "best", "best of all laws"), reign_rows(record)),
            ]
        ),
        holds=all(claim.holds for claim in claims),
    )
