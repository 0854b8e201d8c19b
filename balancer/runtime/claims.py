"""What a ledger holds for one attempt, and how far attempts came to more than that."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.catalog import ModelCard
from ..core.claims import claimed_prompt

__all__ = ["Claim", "Surprises", "most_prompt_tokens"]

_FADES = 64
_MOST_MODELS = 256


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


class Surprises:
    """By how much calls of a model came to more than their worst case, which rests on an estimate
    of the prompt. The next ones hold as much more. It fades by a 64th with every call that keeps to
    its worst case.
    """

    __slots__ = ("_nano_usd",)

    def __init__(self) -> None:
        self._nano_usd: dict[str, int] = {}

    def of(self, model: str) -> int:
        """Nano-dollars to hold beside the worst case of a model's call."""
        return self._nano_usd.get(model, 0)

    def learn(self, claim: Claim, nano_usd: int) -> None:
        """An attempt came to so many nano-dollars."""
        beyond = nano_usd - claim.worst_nano_usd
        if beyond <= 0 and claim.model not in self._nano_usd:
            return
        before = self._nano_usd.pop(claim.model, 0)
        after = max(beyond, before - -(-before // _FADES))
        if after > 0 and len(self._nano_usd) < _MOST_MODELS:
            self._nano_usd[claim.model] = after


def most_prompt_tokens(card: ModelCard, estimate: int, media: tuple[tuple[str, int], ...]) -> int:
    """Most tokens that a prompt may come to; what the model can read is the end of it, unless the
    estimate is longer.

    Args:
        card: of the model.
        estimate: of the prompt, in tokens.
        media: modalities of the prompt beside text, and the most tokens of each.
    """
    claimed = claimed_prompt(estimate)
    if not media:
        return claimed
    most = estimate + sum(tokens for _, tokens in media)
    return max(claimed, min(most, card.context_limit_tokens))
