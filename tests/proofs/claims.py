"""Claims, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from tests.control.laws import Claim

from .document import table, yes

__all__ = ["claim_table"]


def claim_table(claims: Sequence[Claim]) -> str:
    """What is claimed, what was measured, and whether it holds."""
    return table(
        ("claim", "measured", "holds"),
        ((claim.name, claim.measured, yes(holds=claim.holds)) for claim in claims),
    )
