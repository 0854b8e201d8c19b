"""Proof: every law over the whole library."""

from __future__ import annotations

from tests.control.contest import compare_library, contest_claims, regret_rows, summary_rows

from .claims import claim_table
from .document import Proof, table

__all__ = ["prove"]

_TEXT = """\
`open-balancer compare`: every scenario, all laws on the same requests; what the columns mean is
in [Comparing laws](explanation/comparison.md). The second table is regret: dollars per
quality-weighted answer over the best's; bold where it cannot be told from the best, in brackets
where the law misses an expectation.
"""


def prove(workers: int) -> Proof:
    """Compare all laws."""
    record = compare_library(workers=workers)
    claims = contest_claims(record)
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
            ]
        ),
        holds=all(claim.holds for claim in claims),
    )
