"""What one attempt holds of a hard budget, and for how long a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.catalog import ModelCard
from ..core.claims import claimed_prompt

__all__ = ["Claim", "most_prompt_tokens"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Money held for one attempt.

    Attributes:
        cap_tokens: output cap that the attempt must keep to, thinking included.
        thinking_tokens: most of it that may be thinking.
        nano_usd: what is held.
        shortened: whether the budget made the cap smaller than it was asked for.
        rows: of the ledger, that it is held in.
        model: whose call it is.
        worst_nano_usd: what of it is the call's worst case; the rest is the model's surprise.
        priority_rows: of the ledger, that it is held in as a call in the priority tier.
        number: of the claim in its ledger.
    """

    cap_tokens: int
    thinking_tokens: int
    nano_usd: int
    shortened: bool
    rows: tuple[list[int], ...]
    model: str
    worst_nano_usd: int
    priority_rows: tuple[list[int], ...] = ()
    number: int = 0


def most_prompt_tokens(card: ModelCard, estimate: int, media: tuple[tuple[str, int], ...]) -> int:
    """Of a prompt; what the model can read is the end of it, unless the estimate is longer."""
    claimed = claimed_prompt(estimate)
    if not media:
        return claimed
    most = estimate + sum(tokens for _, tokens in media)
    return max(claimed, min(most, card.context_limit_tokens))
