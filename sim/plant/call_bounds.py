"""How long a call may answer and think: what a plan leaves of what its client asks for.

By the rules that the SDK wrapper and the proxy edit bodies with (`balancer.wire.edits`), so that
a scenario's `clients:` mean in a simulation what they mean live.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from balancer.core.catalog import ModelCard, Thinking
from balancer.core.strategy import Strategy
from balancer.wire import Asked, edits
from scenarios.profiles import profiles
from scenarios.schema import ModelProfile, Scenario

__all__ = ["UNBOUNDED", "CallBounds", "call_bounds", "thinking_bound"]

UNBOUNDED = 1 << 30
"""A cap that no model reaches."""


class CallBounds(NamedTuple):
    """Of one call to one model.

    Attributes:
        cap_tokens: most output tokens, thinking included.
        thinking_tokens: most thinking tokens.
    """

    cap_tokens: int
    thinking_tokens: int


def call_bounds(
    scenario: Scenario,
    strategy: Strategy,
    card: ModelCard,
    own: ModelCard | None = None,
    *,
    known: Mapping[str, ModelProfile] | None = None,
) -> CallBounds:
    """Bounds of a call of the scenario's clients.

    Args:
        scenario: its clients and profiles.
        strategy: of the plan.
        card: a model of its chain.
        own: the model that the call asks for; None is the one that the clients name, of which
            nothing is known.
        known: the scenario's profiles, of whoever asks for many; None: they are read.
    """
    profile = (profiles(scenario) if known is None else known).get(card.name)
    clients = scenario.clients
    asked = Asked(
        model=clients.model if own is None else own.name,
        usual_thinking=None if own is None else own.default_thinking,
        output_cap_tokens=clients.output_cap,
        thinking=clients.thinking,
    )
    change = edits(strategy, card, asked)
    thinking = change.thinking
    if thinking is None and not change.clear_thinking:
        thinking = clients.thinking
    return CallBounds(
        cap_tokens=change.output_cap_tokens or clients.output_cap or UNBOUNDED,
        thinking_tokens=thinking_bound(profile, card, thinking),
    )


def thinking_bound(profile: ModelProfile | None, card: ModelCard, thinking: Thinking | None) -> int:
    """Most thinking tokens of a call that asks for this much; None leaves it to the model, which
    does as its card says.
    """
    if thinking is None and profile is not None and not profile.thinks_unasked:
        return 0
    return card.most_thinking_tokens(card.default_thinking if thinking is None else thinking)
