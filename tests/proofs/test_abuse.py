"""The section on abuse says what was tried, what held, and what fell."""

from __future__ import annotations

from tests.abuse.tried import Tried
from tests.proofs.abuse import proof_of


def test_what_fell_is_named_and_nothing_is_hidden() -> None:
    """A row each, and a sentence for each of the first that fell."""
    held = Tried(what="much", wanted="an answer", cases=1000)
    fell = Tried(
        what="little", wanted="an answer", cases=20, fell=tuple(f"case\n{n}" for n in range(12))
    )
    good = proof_of([held])
    assert good.holds
    assert "| much | an answer | 1,000 | 1,000 | 0 |  | yes |" in good.text
    bad = proof_of([held, fell])
    assert not bad.holds
    assert "| little | an answer | 20 | 8 | 12 |  | **no** |" in bad.text
    assert "- little: case\\n7" in bad.text
    assert "- little: and 4 more" in bad.text
