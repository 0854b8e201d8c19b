"""What an answer is billed by: the prices of the model and the tier that served it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..core.catalog import Catalog, ModelCard
from ..core.tiers import PROVISIONED, STANDARD

__all__ = ["FREE", "Bill", "bill", "in_tier"]

FREE = (0, 0, 0, 0, 0, 0, 0)
"""A price row of nothing."""


class Bill(NamedTuple):
    """Who served a call.

    Attributes:
        card: for its prices, which are those of the tier that served; None: nobody knows them.
        rerouted: another model answered than was sent.
        downgraded: another tier served than was sent.
    """

    card: ModelCard | None
    rerouted: bool = False
    downgraded: bool = False


def bill(
    catalog: Catalog, model: str, sent: str, tier: str, served_model: str, served_tier: str
) -> Bill:
    """Who served a call, by what its answer says; where that says nothing, who was asked.

    What provisioned throughput served is no other tier: the project has bought it for this call.

    Args:
        catalog: what is known of models.
        model: that was called, as calls are charged to it.
        sent: its name as it was sent, which may have ended and be answered by `model`.
        tier: that was asked for.
        served_model, served_tier: of the answer; "" where it does not say.
    """
    card = catalog.priced(model)
    rerouted = bool(served_model) and _other(catalog, sent, served_model)
    if served_model and (card is None or catalog.find(model) is not None):
        # A price that was declared for unknown models is of those that are called so.
        card = catalog.find(served_model) or card
    downgraded = bool(served_tier) and served_tier not in (tier, PROVISIONED)
    if card is not None:
        card = in_tier(card, served_tier or tier)
    return Bill(card, rerouted, downgraded)


def _other(catalog: Catalog, sent: str, served: str) -> bool:
    """Whether two names are of two models; of one that we know nothing of, nobody can say."""
    named = replace(catalog, as_of="")  # every model is itself, ended or not
    card = named.find(sent)
    if card is None:
        return False
    other = named.find(served)
    if other is None:
        return not served.startswith(card.name)
    return other.name != card.name


def in_tier(card: ModelCard, tier: str) -> ModelCard:
    """A card whose prices are those of a tier, as if it were standard's."""
    if tier == STANDARD:
        return card
    if tier == PROVISIONED:
        # Tokens are paid for, of media too; fees for searches are not.
        return replace(card, price=FREE, surcharges=replace(card.surcharges, media=()))
    return replace(card, price=card.price_of(tier), surcharges=card.surcharges_of(tier))
