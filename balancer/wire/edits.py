"""What a strategy changes in one call, given the model and what the caller asked for.

One set of rules for the SDK wrapper and for the proxy:

- A plan takes away, it never adds: the lower of the caller's cap and the plan's holds, and
  the lesser thinking of the two; where the caller says none, the model's default is its own.
- The cap covers thinking and answer together, so thinking is cut with it; otherwise thoughts
  would fill the cap and the answer be empty, and billed.
- No setting is sent that the model would refuse. Edits are made anew for every model of a
  chain, because the next one may take levels where the first took a budget.
- What a call cannot do without (a format, a forced call, images, its tools, a stated room for
  the answer, what lies in a cache) stays.
- Of a model that is not known only what no model needs is taken away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from balancer.core.catalog import ModelCard, Thinking
from balancer.core.strategy import Strategy, settings_of
from balancer.core.tiers import STANDARD

from .asked import Asked
from .thinking import fit_thinking

__all__ = ["Edits", "budget_alone", "edits", "edits_within"]

_TEXT = frozenset(("text",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """Changes to one request body; None and False leave what is there.

    Attributes:
        model: the model to call instead of the caller's.
        output_cap_tokens: for `maxOutputTokens`.
        thinking: for `thinkingBudget` (a number) or `thinkingLevel` (a word).
        clear_thinking: drop the caller's thinking setting, which this model would refuse.
        hide_thoughts: do not ask for thoughts, as there will be none; together with
            `clear_thinking`, nothing about thinking is left.
        instruction: to be appended to the system instruction.
        drop_tools: leave out tools and their configuration.
        history_turns: keep the last turns of the conversation, the current one counted.
        settings: members of `generationConfig` that are written as the strategy has them.
        service_tier: for `serviceTier`.
    """

    model: str | None = None
    output_cap_tokens: int | None = None
    thinking: Thinking | None = None
    clear_thinking: bool = False
    hide_thoughts: bool = False
    instruction: str | None = None
    drop_tools: bool = False
    history_turns: int | None = None
    settings: tuple[tuple[str, float], ...] = ()
    service_tier: str | None = None

    @property
    def changes_body(self) -> bool:
        """Whether anything but the model, which stands in the path, may change."""
        return (
            self.clear_thinking
            or self.hide_thoughts
            or self.drop_tools
            or self.output_cap_tokens is not None
            or self.thinking is not None
            or self.instruction is not None
            or self.history_turns is not None
            or bool(self.settings)
            or self.service_tier is not None
        )


def edits(
    strategy: Strategy,
    card: ModelCard | None,
    asked: Asked,
    *,
    most_output_tokens: int | None = None,
    tier: str | None = None,
) -> Edits:
    """What a strategy changes in a call to one model of its chain.

    Args:
        strategy: of the plan.
        card: the model to call; None where it is the caller's own and we know nothing of it.
        asked: what the caller asked for.
        most_output_tokens: what a budget still affords, thinking included. It is money, so it
            holds for every call, structured ones too.
        tier: service tier that the call is to be sent in (`balancer.core.strategy.tier_of`);
            None: as it is written.
    """
    if asked.as_is:
        return Edits()
    if card is not None and asked.levels_only:
        strategy, card = _by_levels(strategy, card)
    drop_tools = not (strategy.tools or asked.needs_tools or asked.pinned)
    # What Google keeps for a call goes with what is sent beside it.
    history_turns = None if asked.pinned else strategy.history_turns
    if card is None:
        return Edits(
            output_cap_tokens=_below_own(most_output_tokens, asked),
            drop_tools=drop_tools,
            history_turns=history_turns,
        )
    # Who names no model learns from the upstream that one is missing.
    moved = bool(asked.model) and card.name != asked.model and not asked.pinned
    most = most_output_tokens
    written = asked.service_tier or STANDARD
    cap = _cap(strategy, card, asked, most, moved)
    thinking, clear = _thinking(strategy, card, asked, cap=cap, most=most, moved=moved)
    if cap is not None and cap != most and _fills(card, asked, thinking, cap):
        # Even the least thinking of this model fills the plan's cap: none but the model's own then.
        cap = _cap(replace(strategy, output_cap_tokens=None), card, asked, most, moved)
        thinking, clear = _thinking(strategy, card, asked, cap=cap, most=most, moved=moved)
    instructed = card.system_instruction and not (asked.pinned or _shows(card, asked))
    return Edits(
        model=card.name if moved else None,
        output_cap_tokens=cap,
        thinking=thinking,
        clear_thinking=clear,
        hide_thoughts=_hides(card, asked, thinking, clear=clear, moved=moved),
        instruction=strategy.instruction if instructed else None,
        drop_tools=drop_tools,
        history_turns=history_turns,
        settings=_settings(strategy),
        service_tier=None if tier == written else tier,
    )


def edits_within(
    strategy: Strategy,
    card: ModelCard | None,
    asked: Asked,
    *,
    held: int | None,
    limit: int,
    tier: str | None = None,
) -> Edits:
    """The same where a budget holds money for so many tokens of output: more must not be made.

    Args:
        strategy, card, asked, tier: as `edits` has them.
        held: tokens that money is held for; None: the model's limit.
        limit: most that the model answers.
    """
    change = edits(strategy, card, asked, tier=tier)
    held = held or limit
    cap = change.output_cap_tokens or asked.output_cap_tokens or limit
    if cap <= held:
        return change
    return edits(strategy, card, asked, most_output_tokens=held, tier=tier)


def budget_alone(
    change: Edits, card: ModelCard | None, asked: Asked, *, held: int | None, limit: int
) -> bool:
    """Whether a change is no more than what a budget makes of a call that goes as it was written.

    Who gets a 4xx for one would get it again.

    Args:
        change: what was sent.
        card, asked, held, limit: as `edits_within` has them.
    """
    if change.model is not None:
        return False
    return change == edits_within(Strategy(), card, asked, held=held, limit=limit)


def _settings(strategy: Strategy) -> tuple[tuple[str, float], ...]:
    """What is written as the strategy has it, by the names that bodies have for it."""
    kind: Any = type(strategy)  # mypy takes the class of frozen values for unhashable
    return tuple(
        (member, value)
        for name, member in _written(kind)
        if (value := getattr(strategy, name)) is not None
    )


@cache
def _written(kind: type[Strategy]) -> tuple[tuple[str, str], ...]:
    return tuple((row.name, row.member) for row in settings_of(kind) if row.member)


def _by_levels(strategy: Strategy, card: ModelCard) -> tuple[Strategy, ModelCard]:
    """Strategy and card where only a level can be said.

    A model that takes budgets alone cannot be told anything there. Unless it thinks of nothing by
    itself, its thoughts would fill a plan's cap, so it gets none.
    """
    seen = replace(card, budget=None, off=False)
    if card.thinks and not seen.thinks and card.default_thinking != 0:
        strategy = replace(strategy, output_cap_tokens=None, thinking=None)
    return strategy, seen


def _shows(card: ModelCard, asked: Asked) -> bool:
    """Whether the answer holds more than text: a request to be brief could cost it that."""
    return asked.shown or card.outputs != _TEXT


def _hides(
    card: ModelCard, asked: Asked, thinking: Thinking | None, *, clear: bool, moved: bool
) -> bool:
    """Whether thoughts would be asked for where thinking is off, which Vertex AI refuses."""
    if thinking is None and not (clear or moved):
        return False
    setting = asked.thinking if thinking is None and not clear else thinking
    return setting == 0 or not card.thinks


def _below_own(cap: int | None, asked: Asked) -> int | None:
    """A cap, unless the caller's own is no higher."""
    own = asked.output_cap_tokens
    return None if cap is None or (own is not None and own <= cap) else cap


def _cap(
    strategy: Strategy, card: ModelCard, asked: Asked, most: int | None, moved: bool
) -> int | None:
    """The cap to set; None leaves the caller's."""
    caps = [] if most is None else [most]
    planned = strategy.output_cap_tokens
    if planned is not None and asked.min_output_tokens is not None:
        wanted = _wanted(strategy, card, asked, moved)
        caps.append(max(planned, asked.min_output_tokens + card.most_thinking_tokens(wanted)))
    elif planned is not None and not (asked.tearable or _shows(card, asked)):
        caps.append(planned)
    if moved and asked.output_cap_tokens is not None:
        caps.append(card.output_limit_tokens)
    return _below_own(min(*caps, card.output_limit_tokens), asked) if caps else None


def _thinking(
    strategy: Strategy,
    card: ModelCard,
    asked: Asked,
    *,
    cap: int | None,
    most: int | None,
    moved: bool,
) -> tuple[Thinking | None, bool]:
    """The setting to write, and whether to drop the caller's; None and False leave it."""
    own = asked.thinking
    refused = asked.ended and own is not None and bool(card.refuses(own))
    if cap is None and not moved and strategy.thinking is None and not refused:
        return None, False
    fitted = _wanted(strategy, card, asked, moved)
    room = asked.output_cap_tokens if cap is None else cap
    # Under a cap of the caller's own, thinking that was free stays free.
    if room is not None and (cap is not None or fitted not in (None, -1)):
        fitted = _under(card, fitted, room, asked.min_output_tokens, half=cap == most)
    if fitted == own:
        return None, False
    # Where the choice is to be the model's own, saying nothing says so.
    return fitted, fitted is None


def _wanted(strategy: Strategy, card: ModelCard, asked: Asked, moved: bool) -> Thinking | None:
    """Of the plan's setting and the caller's, the one with less thinking, as the model takes it.

    Who says nothing asks for what the model does by itself, also of another one that is called in
    its place.
    """
    said = asked.usual_thinking if moved and asked.thinking is None else asked.thinking
    planned, own = (
        None if setting is None else fit_thinking(card, setting)
        for setting in (strategy.thinking, said)
    )
    # To leave the choice to the model, or to ask for what it does anyway, takes nothing away.
    less = strategy.thinking is not None and planned is not None
    return planned if less and _most(card, planned) < _most(card, own) else own


def _under(
    card: ModelCard, thinking: Thinking | None, cap: int, answer: int | None, *, half: bool
) -> Thinking | None:
    """Thinking that leaves room under a cap: for the answer declared, or else some.

    Half of the cap is for thinking where a policy did not weigh the two against each other: it
    did not know how much a budget would afford (`half`), or the caller's own cap.
    """
    room = cap - 1 if answer is None else max(cap - answer, 0)
    if _most(card, thinking) <= (min(room, cap // 2) if half else room):
        return thinking
    cut = fit_thinking(card, min(room, cap // 2))
    return cut if _most(card, cut) < cap else fit_thinking(card, 0)


def _fills(card: ModelCard, asked: Asked, thinking: Thinking | None, cap: int) -> bool:
    setting = asked.thinking if thinking is None else thinking
    return card.thinks and setting is not None and _most(card, setting) >= cap


def _most(card: ModelCard, thinking: Thinking | None) -> int:
    """Most thinking under a setting; where none is said, under the model's default."""
    return card.most_thinking_tokens(card.default_thinking if thinking is None else thinking)
