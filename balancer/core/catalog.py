"""What we know of each model: its price, how it can be told to think, how long it may answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .errors import PolicyError, nearest
from .surcharges import NO_SURCHARGES, Surcharges

__all__ = ["LEVEL_TOKENS", "Catalog", "ModelCard", "PriceRow", "Thinking"]

PriceRow = tuple[int, int, int, int, int, int, int]
"""What a model costs, see `balancer.core.pricing`."""

Thinking = int | str
"""A thinking budget in tokens (0 off, -1 the model's choice) or a thinking level."""

LEVEL_TOKENS: Mapping[str, int] = {
    "MINIMAL": 128,
    "LOW": 1024,
    "MEDIUM": 4096,
    "HIGH": 24576,
    "XHIGH": 32768,
}
"""Most tokens we assume a level spends; Google publishes none, so this is an assumption."""

_VERSION = re.compile(r"-(\d{3}|latest|preview(-\d\d-\d{2,4})?|exp(-\d+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model.

    Attributes:
        name: as the API spells it.
        price: price row of text, in the standard tier.
        tier_prices: the same by service tier, of the tiers that have a price of their own.
        budget: least and most thinking budget in tokens, or None: takes no budget.
        off: whether a budget of 0 turns thinking off.
        levels: thinking levels it accepts.
        default_thinking: its setting where a call says none; None: it is not known.
        output_limit_tokens: most tokens of an answer, thinking included.
        context_limit_tokens: most tokens of a prompt.
        family: models of one family may stand in for each other; "" is a family of its own.
        rank: place in the family by capability; a lower one is the weaker and cheaper.
        inputs: what a prompt may hold: "text", "image", "audio", "video", "document".
        outputs: what an answer may hold: "text", "image", "audio"; "embedding" of those that
            do not answer.
        tools: tools that it can be given: "functions", and built-in ones by the name of their
            member in a request's `tools`, such as "googleSearch".
        system_instruction: whether it takes one.
        caching: whether a prompt may lie in `cachedContent`.
        json_with_functions: whether it takes functions and a JSON format together.
        signs_calls: whether it wants the signature of every function call of a running turn.
        routed: whether a route may lead to it; not so to one that may end at short notice.
        released, shutdown: ISO dates; "" where none is known.
        served_by: the model that answers in its name after `shutdown`; "" where none is known.
        surcharges: prices beyond text.
        aliases: other names that the API answers with it, such as "gemini-flash-latest".
    """

    name: str
    price: PriceRow
    budget: tuple[int, int] | None
    off: bool
    tier_prices: tuple[tuple[str, PriceRow], ...] = ()
    levels: tuple[str, ...] = ()
    default_thinking: Thinking | None = None
    output_limit_tokens: int = 65_536
    context_limit_tokens: int = 1_048_576
    family: str = ""
    rank: int = 0
    inputs: frozenset[str] = frozenset({"text"})
    outputs: frozenset[str] = frozenset({"text"})
    tools: frozenset[str] = frozenset()
    system_instruction: bool = True
    caching: bool = True
    json_with_functions: bool = True
    signs_calls: bool = False
    routed: bool = True
    released: str = ""
    shutdown: str = ""
    served_by: str = ""
    surcharges: Surcharges = NO_SURCHARGES
    aliases: tuple[str, ...] = ()

    def price_of(self, tier: str) -> PriceRow:
        """Price row of a service tier; standard's where the tier has none of its own."""
        return dict(self.tier_prices).get(tier, self.price)

    def takes(self, tier: str) -> bool:
        """Whether calls may ask for a service tier: those that it has a price for."""
        return tier == "standard" or any(name == tier for name, _ in self.tier_prices)

    @property
    def thinks(self) -> bool:
        """Whether it thinks at all."""
        return self.budget is not None or bool(self.levels)

    @property
    def least_thinking_tokens(self) -> int:
        """Most thinking tokens where it is told to think as little as it can."""
        if self.off or not self.thinks:
            return 0
        return self.budget[0] if self.budget else min(LEVEL_TOKENS[each] for each in self.levels)

    def lacks(self, needs: frozenset[str]) -> frozenset[str]:
        """What of a request's needs the model cannot do.

        Args:
            needs: "inputs.image", "outputs.audio", "tools.functions", "system_instruction",
                "caching", "json_with_functions": a member of the card, and what it must hold.
        """
        return frozenset(need for need in needs if not self._can(need))

    def _can(self, need: str) -> bool:
        member, _, kind = need.partition(".")
        held = getattr(self, member)
        return kind in held if kind else bool(held)

    def most_thinking_tokens(self, thinking: Thinking | None) -> int:
        """Most thinking tokens under a setting; None leaves the model its choice."""
        if thinking is None or thinking == -1:
            free = self.budget[1] if self.budget else LEVEL_TOKENS["HIGH"]
            return free if self.thinks else 0
        return LEVEL_TOKENS[thinking] if isinstance(thinking, str) else thinking

    def refuses(self, thinking: Thinking) -> str:
        """Why the model would answer 400 to a thinking setting, and what to write; "" if fine."""
        if isinstance(thinking, str):
            if thinking in self.levels:
                return ""
            accepted = f"one of {', '.join(self.levels)}" if self.levels else "a budget in tokens"
            return f"{self.name} takes no thinking level {thinking}; use {accepted}"
        if thinking == -1 and self.budget:
            return ""
        if thinking == 0 and self.off:
            return ""
        if self.budget and self.budget[0] <= thinking <= self.budget[1] and thinking > 0:
            return ""
        if not self.budget:
            levels = ", ".join(self.levels)
            accepted = f"a level: {levels}" if levels else "no thinking setting"
            return f"{self.name} takes no thinking budget {thinking}; use {accepted}"
        low, high = self.budget
        off = "0, or " if self.off else ""
        return f"{self.name} takes no thinking budget {thinking}; use {off}{low} to {high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The models a policy or a scenario may name.

    Attributes:
        dated: when its prices were checked.
        cards: of the models.
        unknown: what a model costs that has no card; None: nobody has said.
    """

    dated: str
    cards: tuple[ModelCard, ...]
    unknown: ModelCard | None = None

    def card(self, name: str) -> ModelCard:
        """Card of a model.

        Raises:
            PolicyError: no such model.
        """
        for card in self.cards:
            if card.name == name:
                return card
        names = [card.name for card in self.cards]
        known = ", ".join(names)
        raise PolicyError(f"unknown model {name!r}{nearest(name, names)}; known: {known}")

    def find(self, name: str) -> ModelCard | None:
        """Card of a model by its name, an alias, or that of a dated version; None if unknown.

        `gemini-2.5-flash-001` and `gemini-2.5-flash-preview-09-2025` are `gemini-2.5-flash` in
        price and settings; `gemini-2.5-flash-image` is another model.
        """
        for card in self.cards:
            if card.name == name or name in card.aliases:
                return card
        for card in self.cards:
            if name.startswith(card.name) and _VERSION.fullmatch(name, len(card.name)):
                return card
        return None

    def priced(self, name: str) -> ModelCard | None:
        """Card of a model for its price; None where there is none: nobody knows what it costs."""
        card = self.find(name)
        if card is None and self.unknown is not None:
            return replace(self.unknown, name=name)
        return card

    def with_prices(self, cards: tuple[ModelCard, ...]) -> Catalog:
        """The same catalog with some cards replaced or added."""
        new = {card.name: card for card in (*self.cards, *cards)}
        return replace(self, cards=tuple(new.values()))
