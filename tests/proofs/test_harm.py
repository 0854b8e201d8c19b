"""The section about random worlds, and the look at one of them."""

from __future__ import annotations

from tests.proofs.harm import explain, prove

QUIET = 300
"""A small world with 17.8 % of the sibling's calls hanging, which nobody feels."""
MOVED = 309
"""A small world that is served in soft, since its policy asks for less than is healthy."""


def test_worlds_are_run_and_told() -> None:
    """One that nothing is wrong with is no harm, and no merit either."""
    proof = prove(1, first=QUIET, worlds=1, most=1, again=2)
    assert not proof.holds
    assert "| 0.5 points | 0 | 1 | 0 |" in proof.text
    assert "| 0 better, 0 worse | yes |" in proof.text
    assert f"| {QUIET} | default; 0.26/s; " in proof.text
    assert "+0.00 (+0.00 to +0.00)" in proof.text


def test_one_world_is_told_with_why_the_mode_changed() -> None:
    """As a scenario file, with the difference, and each move with its reason."""
    text = explain(MOVED, replications=1)
    assert text.startswith('{\n "scenario": "world_309"')
    assert "| 309 | misfit; 0.0501/s; " in text
    assert "s  normal -> soft: soft: latency_p95: " in text
