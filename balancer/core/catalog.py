"""What we know of each model: its price, how it can be told to think, how long it may answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .errors import PolicyError, nearest
from .pricing import PriceRow
from .surcharges import NO_SURCHARGES, Surcharges, in_proportion
from .tiers import STANDARD

__all__ = ["LEVEL_TOKENS", "Catalog", "DatedPrices", "ModelCard", "PriceRow", "Thinking"]

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


TierPrices = tuple[tuple[str, PriceRow], ...]
"""Price rows of text by service tier, of the tiers that have a price of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedPrices:
    """What a model costs from a day on.

    Attributes:
        since: ISO date; "" is from the beginning.
        price, tier_prices: as in `ModelCard`.
    """

    since: str
    price: PriceRow
    tier_prices: TierPrices = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model, as of a day.

    Attributes:
        name: as the API spells it.
        price: price row of text, in the standard tier, on that day.
        tier_prices: the same by service tier, of the tiers that have a price of their own.
        price_list: prices by the day they hold from, oldest first; empty: always the same.
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
        json_with_functions: whether it takes functions, built-in tools and a JSON format together.
        signs_calls: whether it wants the signature of every function call of a running turn.
        routed: whether a route may lead to it; not so to one that may end at short notice.
        provider: who serves it, in the names of OpenTelemetry and price maps, such as "google".
        released, shutdown: ISO dates; "" where none is known.
        served_by: the model that answers in its name after `shutdown`; "" where none is known.
        surcharges: prices beyond text.
        aliases: other names that the API answers with it, such as "gemini-flash-latest".
    """

    name: str
    price: PriceRow
    budget: tuple[int, int] | None
    off: bool
    tier_prices: TierPrices = ()
    price_list: tuple[DatedPrices, ...] = ()
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
    provider: str = ""
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
        return tier == STANDARD or any(name == tier for name, _ in self.tier_prices)

    def surcharges_of(self, tier: str) -> Surcharges:
        """Prices beyond text in a service tier: media as text is, in proportion; fees the same."""
        if tier == STANDARD or not self.surcharges.media:
            return self.surcharges
        return in_proportion(self.surcharges, self.price, self.price_of(tier))

    def on(self, day: str) -> ModelCard:
        """The card as of another day (ISO); before the first price that is known, the first."""
        now = None
        for prices in self.price_list:
            if now is None or prices.since <= day:
                now = prices
        return self if now is None else replace(self, price=now.price, tier_prices=now.tier_prices)

    def ended(self, day: str) -> bool:
        """Whether it does not answer any more on a day (ISO) in its own right."""
        return bool(self.shutdown) and self.shutdown <= day

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
    """The models a policy or a scenario may name, as of a day.

    On and after its end a model is what serves it: a name leads to the card of who answers.

    Attributes:
        dated: when its prices were checked.
        cards: of the models, those that have ended too.
        unknown: what a model costs that has no card; None: nobody has said.
        as_of: the day (ISO) whose prices and ends hold; "" is before all of them.
    """

    dated: str
    cards: tuple[ModelCard, ...]
    unknown: ModelCard | None = None
    as_of: str = ""

    def on(self, day: str) -> Catalog:
        """The same catalog as of another day (ISO)."""
        unknown = None if self.unknown is None else self.unknown.on(day)
        cards = tuple(card.on(day) for card in self.cards)
        return replace(self, cards=cards, unknown=unknown, as_of=day)

    def turns(self) -> tuple[str, ...]:
        """Days (ISO) on which a price or a model changes, in order."""
        days = {prices.since for card in self.cards for prices in card.price_list}
        days.update(card.shutdown for card in self.cards)
        return tuple(sorted(days - {""}))

    def serving(self, card: ModelCard) -> ModelCard:
        """Card of the model that answers for a model: its own, or its successor's at last.

        A model that has ended without one is taken as it was: nobody knows better.
        """
        for _ in self.cards:
            after = self.own(card.served_by) if card.ended(self.as_of) else None
            if after is None:
                break
            card = after
        return card

    def own(self, name: str) -> ModelCard | None:
        """Card that a model had in its own right, ended or not; None if unknown."""
        return next((card for card in self.cards if card.name == name), None)

    def card(self, name: str) -> ModelCard:
        """Card of the model that answers to a name.

        Raises:
            PolicyError: no such model.
        """
        card = self.own(name)
        if card is not None:
            return self.serving(card)
        raise PolicyError(self.unknown_model(name))

    def unknown_model(self, name: str) -> str:
        """What to say of a name that no model has."""
        names = [card.name for card in self.cards]
        return f"unknown model {name!r}{nearest(name, names)}; known: {', '.join(names)}"

    def find(self, name: str) -> ModelCard | None:
        """Card of who answers to a name, as `known` understands names; None if unknown."""
        card = self.known(name)
        return None if card is None else self.serving(card)

    def known(self, name: str) -> ModelCard | None:
        """Card that a model had in its own right, by its name, an alias, or a dated version's.

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
