"""Which models in use end soon or have ended, and what a caller then gets instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ..core.catalog import Catalog, ModelCard, Thinking
from ..core.modes import MODES
from ..core.policy import Policy
from ..core.pricing import NANO_USD
from ..core.routes import resolve
from ..wire.thinking import fit_thinking

__all__ = ["WITHIN_DAYS", "End", "ends"]

WITHIN_DAYS = 90
"""Ends are told so many days ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of a model that a policy uses.

    Attributes:
        model: its name.
        used_by: places of the policy that lead to it: "modes.soft", "baseline".
        shutdown: the day from which it does not answer.
        days: until then; 0 or less: it has ended.
        served_by: who answers to its name then; "" where nobody is known to.
        usd, usd_then: standard price in dollars per million tokens, in and out, as it is and under
            who serves it on that day; None where nobody is known to.
        thinking: what changes in how it can be told to think; "" if nothing.
    """

    model: str
    used_by: tuple[str, ...]
    shutdown: date
    days: int
    served_by: str
    usd: tuple[float, float]
    usd_then: tuple[float, float] | None
    thinking: str

    @property
    def ended(self) -> bool:
        """Whether it answers no more."""
        return self.days <= 0

    @property
    def text(self) -> str:
        """In a sentence."""
        where = ", ".join(self.used_by)
        ends = "ended" if self.ended else "ends"
        when = "" if self.ended else f", in {self.days} day{'' if self.days == 1 else 's'}"
        start = f"{self.model} ({where}) {ends} on {self.shutdown}{when}: "
        if self.usd_then is None:
            return start + "nothing is known to serve it; name another model"
        before, then = _price(self.usd), _price(self.usd_then)
        price = f"at {then}" if before == then else f"at {then} instead of {before}"
        serves = "serves" if self.ended else "will serve"
        thinking = f"; {self.thinking}" if self.thinking else ""
        return f"{start}{self.served_by} {serves} it, {price} per million tokens{thinking}"


def ends(
    policy: Policy, catalog: Catalog, day: date, within_days: int = WITHIN_DAYS
) -> tuple[End, ...]:
    """Ends of the models that a policy names, is meant for, or leads to from there, soonest first.

    Args:
        policy: whose models.
        catalog: what is known of models.
        day: today.
        within_days: how far ahead.
    """
    as_of = catalog.on(day.isoformat())
    ends_soon = []
    for name, places in _used(policy, as_of).items():
        card = as_of.own(name)
        if card is None or not card.shutdown:
            continue
        days = (date.fromisoformat(card.shutdown) - day).days
        if days <= within_days:
            ends_soon.append(_end(card, places, days, as_of, policy))
    return tuple(sorted(ends_soon, key=lambda end: (end.shutdown, end.model)))


def _end(
    card: ModelCard, places: tuple[str, ...], days: int, catalog: Catalog, policy: Policy
) -> End:
    then = catalog.on(max(card.shutdown, catalog.as_of))
    after = then.serving(card)
    nobody = after.name == card.name
    return End(
        model=card.name,
        used_by=places,
        shutdown=date.fromisoformat(card.shutdown),
        days=days,
        served_by="" if nobody else after.name,
        usd=_usd(card),
        usd_then=None if nobody else _usd(after),
        thinking="" if nobody else "; ".join(_thinking(card, after, places, policy)),
    )


def _used(policy: Policy, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Names of models that have a card, each with the places that lead to it."""
    places_of: dict[str, dict[str, None]] = {}

    def note(name: str, place: str) -> None:
        card = catalog.known(name)
        if card is not None:
            places_of.setdefault(card.name, {})[place] = None

    usual = policy.usual_model
    for mode, strategy in zip(MODES, policy.strategies, strict=True):
        place = f"modes.{mode.label}"
        for name in strategy.named_models:
            note(name, place)
        for name in resolve(strategy, usual, catalog) if usual else ():
            if name != usual:
                note(name, place)
    if usual:
        note(usual, "baseline" if policy.baseline and policy.baseline.model else "modes.normal")
    return {name: tuple(places) for name, places in places_of.items()}


def _thinking(
    card: ModelCard, after: ModelCard, places: tuple[str, ...], policy: Policy
) -> Iterator[str]:
    """What changes in how a model is told to think, and in what the modes that name it send."""
    if (card.budget, card.off, card.levels) != (after.budget, after.off, after.levels):
        yield f"thinking is {_settings(after)} instead of {_settings(card)}"
    if card.default_thinking != after.default_thinking and after.default_thinking is not None:
        yield f"a call that says nothing thinks {_shown(after.default_thinking)}"
    for mode, strategy in zip(MODES, policy.strategies, strict=True):
        setting = strategy.thinking
        if setting is None or f"modes.{mode.label}" not in places:
            continue
        before, then = fit_thinking(card, setting), fit_thinking(after, setting)
        if before != then and then is not None:
            yield f"{mode.label} sends {_shown(then)} for {_shown(setting)}"


def _settings(card: ModelCard) -> str:
    if card.levels:
        return f"a level ({', '.join(card.levels)})"
    if card.budget is None:
        return "not to be set"
    low, high = card.budget
    return f"a budget of {'0, or ' if card.off else ''}{low} to {high} tokens"


def _shown(thinking: Thinking) -> str:
    words = {-1: "as it likes", 0: "off"}
    if isinstance(thinking, str):
        return thinking
    return words.get(thinking, f"{thinking} tokens")


def _usd(card: ModelCard) -> tuple[float, float]:
    return card.price[1] / NANO_USD, card.price[2] / NANO_USD


def _price(usd: tuple[float, float]) -> str:
    return f"${usd[0]:.4g} in and ${usd[1]:.4g} out"
