"""Which models a strategy calls, by what its caller asked for.

A strategy names a model, or a step on the way down from the one that was asked for: `asked`,
`one cheaper`, `two cheaper`. Whatever it says, nobody is moved

- to a dearer model: no price of it, in or out, cached or not, is above the asked one's;
- to one that lacks what the request uses, or has no room for its prompt;
- by a step out of the family, or to a model that is not `routed` or has ended;
- from a model of which nothing is known, or within a running turn of function calls, whose
  signatures are the model's that made them (google-genai refuses a Gemini 3 without).

Where nothing fits, the model stays. Steps go down the family by rank, over models that fit; where
there are fewer than asked for, to the last one.
"""

from __future__ import annotations

from collections.abc import Iterator

from .catalog import Catalog, ModelCard
from .strategy import ROUTES, Strategy

__all__ = ["RUNNING_TURN", "base_model", "fits", "resolve"]

RUNNING_TURN = "running turn"
"""Need of a request that answers a function call of the model."""

_FUNCTIONS = "tools.functions"


def base_model(normal: Strategy, otherwise: str) -> str:
    """The model of a caller that names none: that of the policy's normal, or the settings'."""
    return otherwise if normal.models[0] in ROUTES else normal.models[0]


def resolve(
    strategy: Strategy,
    asked: str,
    catalog: Catalog,
    *,
    needs: frozenset[str] = frozenset(),
    prompt_tokens: int = 0,
) -> tuple[str, ...]:
    """Models to try in order: the strategy's first, then its fallbacks, each once.

    Args:
        strategy: of the plan.
        asked: the model asked for, as its caller wrote it.
        catalog: what is known of models.
        needs: what the request uses, in the words of `ModelCard.lacks`, and `RUNNING_TURN`.
        prompt_tokens: about how many.
    """
    card = catalog.find(asked)
    if card is None:
        return (asked,)
    # A model that is made for more than text is asked for that.
    needs |= {f"outputs.{kind}" for kind in card.outputs if kind != "text"}
    below = tuple(_below(card, catalog, needs, prompt_tokens))
    turns = RUNNING_TURN in needs
    found: list[str] = []
    for place, wish in enumerate(strategy.models):
        name = "asked" if turns and place == 0 else wish
        if name in ROUTES:
            steps = ROUTES[name]
            name = below[min(steps, len(below)) - 1].name if steps and below else asked
            stays = bool(steps) and not below
        else:
            stays = not _may_take_over(catalog.find(name), card, needs, prompt_tokens)
        # Under the name of a model that has ended may answer the one that was asked for.
        if stays or catalog.find(name) is card:
            name = asked
        # A fallback for which nothing fits is none.
        if name not in found and not (stays and place):
            found.append(name)
    return tuple(found)


def _below(
    card: ModelCard, catalog: Catalog, needs: frozenset[str], prompt_tokens: int
) -> Iterator[ModelCard]:
    """Where steps from a model lead, the nearest first, each cheaper than the one before."""
    family = [other for other in catalog.cards if other.family and other.family == card.family]
    above = card
    for other in sorted(family, key=lambda each: (-each.rank, each.name)):
        if other.rank >= card.rank or other.price == above.price or not other.routed:
            continue
        if other.ended(catalog.as_of):
            continue
        if _costs_no_more(other, above) and fits(other, card, needs, prompt_tokens):
            yield other
            above = other


def _may_take_over(
    other: ModelCard | None, card: ModelCard, needs: frozenset[str], prompt_tokens: int
) -> bool:
    return other is not None and (other is card or fits(other, card, needs, prompt_tokens))


def fits(other: ModelCard, card: ModelCard, needs: frozenset[str], prompt_tokens: int) -> bool:
    """Whether a model may answer for another one: it costs no more and can do what is needed."""
    if not _costs_no_more(other, card):
        return False
    if other.context_limit_tokens < prompt_tokens or other.lacks(needs - {RUNNING_TURN}):
        return False
    if RUNNING_TURN in needs:
        return not (other.signs_calls or card.signs_calls)
    # Calls that it made without signatures would be refused on the way back.
    return other.signs_calls or not (card.signs_calls and _FUNCTIONS in needs)


def _costs_no_more(other: ModelCard, card: ModelCard) -> bool:
    prices = zip(other.price[1:], card.price[1:], strict=True)
    return all(theirs <= own for theirs, own in prices)
