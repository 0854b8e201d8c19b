"""One attempt of a request, as a plan and a hard budget have it sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from balancer.core.catalog import Catalog, ModelCard
from balancer.core.strategy import Strategy

from .asked import Asked
from .blame import Sent
from .edits import Edits, budget_alone, edits, edits_within
from .models import find_card

__all__ = ["AttemptPlan", "GrantedAttempt", "plan_attempt"]


class GrantedAttempt(Protocol):
    """What the runtime grants: `balancer.runtime.attempts.Attempt`, as far as a body shows it."""

    model: str
    tier: str
    as_written: bool
    output_cap_tokens: int | None
    thinking_tokens: int | None

    @property
    def card(self) -> ModelCard | None:
        """Of the model, for its price; None where nobody knows what it costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPlan:
    """What is made of a request for one attempt.

    Attributes:
        asked: what its caller asked for.
        edits: to be made.
        card: of the model that is called; None where we know nothing of it.
        held: tokens of output that a hard budget holds money for; None: the model's limit.
        limit: most that the model answers; None: no money is held for the attempt.
        as_written: the plan has no part in it.
    """

    asked: Asked
    edits: Edits
    card: ModelCard | None
    held: int | None = None
    limit: int | None = None
    as_written: bool = False

    def sent(self, *, changed: bool, own_key: bool = False) -> Sent:
        """The attempt as it was sent, and whether the plan has a part in it.

        Args:
            changed: something that was sent differs from what the caller wrote.
            own_key: it goes with the service's key.
        """
        changed = changed and not self.as_written
        if changed and self.limit is not None:
            # Who gets a 4xx for what the budget alone changed would get it again.
            changed = not budget_alone(
                self.edits, self.card, self.asked, held=self.held, limit=self.limit
            )
        return Sent(asked=self.asked, change=self.edits, changed=changed, own_key=own_key)


def plan_attempt(
    asked: Asked, strategy: Strategy, catalog: Catalog, attempt: GrantedAttempt
) -> AttemptPlan:
    """What a strategy makes of a request for one attempt, within what a hard budget affords.

    The rule of wrapper and proxy alike.

    Args:
        asked: what the caller asked for.
        strategy: of the plan; an attempt that goes as it was written has none of it.
        catalog: of models.
        attempt: as it was granted.
    """
    if attempt.as_written:
        strategy = Strategy()
    card = find_card(catalog, attempt.model)
    tier, priced = attempt.tier, attempt.card
    held = limit = None
    if attempt.thinking_tokens is None or priced is None:
        change = edits(strategy, card, asked, tier=tier)
    else:
        held, limit = attempt.output_cap_tokens, priced.output_limit_tokens
        change = edits_within(strategy, card, asked, held=held, limit=limit, tier=tier)
    return AttemptPlan(
        asked=asked, edits=change, card=card, held=held, limit=limit, as_written=attempt.as_written
    )
