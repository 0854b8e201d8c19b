"""The sections about one application at many sizes."""

from __future__ import annotations

import pytest

from tests.proofs.rates import prove_absorbed, prove_ill, prove_steady


@pytest.mark.slow
def test_a_law_that_never_moves_leaves_healthy_traffic_alone_and_finds_nothing() -> None:
    """So it holds what is claimed of quiet, and of errors that are absorbed, and no more."""
    steady = prove_steady(1, "none", 1, [0.02])
    assert steady.holds and "| 0.02 | 1 | 0 | 0.000% | – |" in steady.text
    ill = prove_ill(1, "none", 1, [0.02])
    assert not ill.holds
    found = "slow: found within max(30 s, 12 requests) in 50% of the runs"
    assert f"| {found} | not at 0.02/s (0 of 1) | **no** |" in ill.text
    assert "| slow | 0.02 | 1 | 0 | never | never | never | never | 0, 0 |" in ill.text
    assert prove_absorbed(1, "none", 1, [0.1]).holds
