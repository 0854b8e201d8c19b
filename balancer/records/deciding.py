"""What would decide a question that a number of replications left open."""

from __future__ import annotations

__all__ = ["deciding"]


def deciding(verdict: str, needed: int | None) -> str:
    """How many replications would decide an inconclusive verdict, in words.

    Args:
        verdict: pass, fail or inconclusive.
        needed: replications that would decide it; None: no number is known that would.

    Returns:
        "" where it is decided.
    """
    if verdict != "inconclusive":
        return ""
    if needed is None:
        return "more replications would not decide it"
    return f"about {needed:,} replications would decide it".replace(
        ",", "\N{NARROW NO-BREAK SPACE}"
    )
