"""What an attempt may use, and the money that a hard budget holds for it until it has ended."""

from __future__ import annotations

from ..core.catalog import ModelCard, PriceRow, Thinking
from ..core.strategy import Strategy
from ..core.tiers import STANDARD
from .admission import Admission
from .attempts import Attempt
from .bills import in_tier
from .calls import Asked
from .claim import Claim

__all__ = ["limit_tokens", "reserve"]

_LARGE = 1 << 30
_TEXT = frozenset(("text",))


def limit_tokens(
    attempt: Attempt, strategy: Strategy, asked: Asked, card: ModelCard | None
) -> None:
    """Write into an attempt how long it may answer and think: the lesser of plan and caller.

    A plan's cap that would tear an answer, or that the model's least thinking fills, is none. What
    is held for an attempt is what is sent of it, so the rules are those of `balancer.wire.edits`.
    """
    cap = strategy.output_cap_tokens
    least = 0 if card is None else card.least_thinking_tokens
    torn = asked.tearable or (card is not None and card.outputs != _TEXT)
    if cap is not None and not asked.min_output_tokens and (torn or least >= cap):
        cap = None
    own = asked.output_cap_tokens
    if cap is not None:
        room = asked.min_output_tokens + least if asked.min_output_tokens else 0
        cap = max(cap if own is None else min(cap, own), room)
    attempt.output_cap_tokens = cap if cap is not None else own
    planned = strategy.thinking
    if planned is not None and not _thinks_less(asked.thinking, planned, card):
        attempt.thinking = planned


def _thinks_less(own: Thinking | None, planned: Thinking, card: ModelCard | None) -> bool:
    """Whether the caller asked for less thinking than the plan, which then keeps out of it."""
    if own is None or card is None:
        return False
    return card.most_thinking_tokens(own) < card.most_thinking_tokens(planned)


def reserve(
    admission: Admission,
    attempt: Attempt,
    asked: Asked,
    card: ModelCard | None,
    key: str | None,
    *,
    yields: bool,
) -> bool:
    """Hold the worst case of an attempt, which is shortened to what the budget affords.

    The worst is the dearer of its tier and standard: who is put off by flex goes there.

    Args:
        yields: it is to be in the priority tier, which may have a budget of its own, and goes as
            standard where there is no money for that.

    Returns:
        Whether it may be made: not where the budget refuses it, or nobody knows what the model
        costs (`card` is None).
    """
    if not admission.reserves and not (yields and admission.ledger.limits_priority):
        return True
    try:
        if not admission.ticked:
            admission.ledger.roll(admission.clock.now_s())
        attempt.claim = _claim(admission, attempt, asked, card, key, priority=yields)
        if attempt.claim is None and yields:
            attempt.tier = STANDARD
            if admission.reserves:
                attempt.claim = _claim(admission, attempt, asked, card, key)
    except Exception as error:  # noqa: BLE001 - a store may break in any way
        admission.broken("ledger", error)
        # What cannot be counted would be beyond the budget.
        if yields:
            attempt.tier = STANDARD
        return not admission.reserves
    return attempt.claim is not None or not admission.reserves


def _claim(
    admission: Admission,
    attempt: Attempt,
    asked: Asked,
    card: ModelCard | None,
    key: str | None,
    *,
    priority: bool = False,
) -> Claim | None:
    if card is None:
        return None
    setting = attempt.thinking
    if setting is None:
        setting = asked.thinking
    if setting is None:
        setting = admission.settings.thinking
    most = card.most_thinking_tokens(setting)
    claim = admission.ledger.reserve(
        max(card, in_tier(card, attempt.tier), key=_price),
        prompt_tokens=asked.prompt_tokens,
        cap_tokens=min(attempt.output_cap_tokens or _LARGE, card.output_limit_tokens),
        thinking_tokens=most,
        min_output_tokens=asked.min_output_tokens or 0,
        media=asked.media,
        fees=asked.fees,
        key=key,
        priority=priority,
    )
    if claim is None:
        return None
    attempt.output_cap_tokens = claim.cap_tokens
    attempt.thinking_tokens = claim.thinking_tokens
    if claim.shortened and claim.thinking_tokens < most:
        attempt.thinking = claim.thinking_tokens
    return claim


def _price(card: ModelCard) -> PriceRow:
    return card.price
