"""Cost of a call from its usage, in whole nano-dollars.

A price row is seven whole numbers, so that the same function serves plain Python and the
simulator's compiled kernel: ``(tier_tokens, input, output, cached, input_above,
output_above, cached_above)``, the last six in nano-dollars per million tokens. The
``_above`` prices hold for the whole call when its prompt is longer than ``tier_tokens``
(Gemini's tiers above 200k tokens); a model without tiers repeats its prices there.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NANO_USD", "PriceRow", "affordable_output_tokens", "cost_nano_usd"]

PriceRow = tuple[int, int, int, int, int, int, int]
"""What a model costs, as above."""

NANO_USD = 1_000_000_000
"""Nano-dollars in a dollar."""


def cost_nano_usd(
    row: Sequence[int],
    prompt_tokens: int,
    cached_tokens: int,
    output_tokens: int,
    thinking_tokens: int,
) -> int:
    """Cost of a call in nano-dollars, rounded down.

    Args:
        row: the model's price row.
        prompt_tokens: input, cached tokens included.
        cached_tokens: the part of the input read from the cache.
        output_tokens: the answer, thinking excluded.
        thinking_tokens: billed at the output price.
    """
    tier = 3 if prompt_tokens > row[0] else 0
    return (
        (prompt_tokens - cached_tokens) * row[1 + tier]
        + cached_tokens * row[3 + tier]
        + (output_tokens + thinking_tokens) * row[2 + tier]
    ) // 1_000_000


def affordable_output_tokens(row: Sequence[int], prompt_tokens: int, nano_usd: int) -> int:
    """Most output tokens, thinking included, that a call may make for this money.

    Negative when the prompt alone costs more.
    """
    tier = 3 if prompt_tokens > row[0] else 0
    left = nano_usd * 1_000_000 - prompt_tokens * row[1 + tier]
    if row[2 + tier] == 0:
        return 1 << 40 if left >= 0 else -1
    return left // row[2 + tier]
