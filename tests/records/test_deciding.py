"""What would decide an open question."""

from __future__ import annotations

import pytest

from balancer.records.deciding import deciding


@pytest.mark.parametrize(
    ("verdict", "needed", "said"),
    [
        ("inconclusive", 40, "about 40 replications would decide it"),
        ("inconclusive", 5230, "about 5\N{NARROW NO-BREAK SPACE}230 replications would decide it"),
        ("inconclusive", None, "more replications would not decide it"),
        ("pass", 40, ""),
        ("fail", None, ""),
    ],
)
def test_what_is_open_says_how_many_would_decide_it(
    verdict: str, needed: int | None, said: str
) -> None:
    """Or that no number would; what is decided says nothing."""
    assert deciding(verdict, needed) == said
