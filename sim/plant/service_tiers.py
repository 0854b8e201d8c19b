"""What a service tier does to a call: standard, flex and priority, at one model.

Nobody publishes how Google shares a model's machines between the tiers. This is the simplest
form that keeps what is promised [assumed, all of it]:

- *Standard* is served at once, and slows with the calls in flight beyond the capacity.
- *Priority* goes first: it is slowed, and refused, by other priority calls alone. The standard
  calls beside it share what it leaves, so that the model does no more work than it can: where
  the slowdown is 1, the work done a second is the capacity. Beyond a project's share of priority
  a call is served, and billed, as standard, and nobody is told but by the answer.
- *Flex* runs on a share of the places that the others leave of the capacity, so it waits where
  there is none, first come first served, and takes none from them: standard and priority calls
  fare the same with flex and without.
"""

from __future__ import annotations

from typing import Any

from balancer.core.tiers import REQUEST_TIERS

from ..compiled import compiled, inlined
from .quota import take_own

__all__ = [
    "FLEX",
    "PRIORITY",
    "STANDARD",
    "WAITS",
    "flex_waits",
    "give_back",
    "has_place",
    "hurries",
    "load",
    "seat",
]

STANDARD, FLEX, PRIORITY = range(len(REQUEST_TIERS))
"""Codes of tiers."""

WAITS = -1
"""In place of the tier that serves: none yet, the call waits."""


@inlined
def has_place(model: Any) -> bool:
    """Whether one more flex call may run."""
    return bool(model.flexing + 1 <= model.flex_share * (model.capacity - model.in_flight))


@inlined
def flex_waits(model: Any) -> bool:
    """Whether a flex call has to wait: for a place, or because others came first."""
    return model.waiting > 0 or not has_place(model)


@compiled
def hurries(upstream: Any, serves: int, now_s: float, prompt_tokens: int, factor: float) -> bool:
    """Count a call as one of priority, if the project's share has room for it.

    Args:
        upstream: whose.
        serves: row of the model.
        now_s: time; must not go back.
        prompt_tokens: input of the call.
        factor: what a fault leaves of the limits.
    """
    row = len(upstream.models) + 1 + serves
    return take_own(
        upstream.quotas[row], upstream.cells[row], upstream.midnights, now_s, prompt_tokens, factor
    )


@inlined
def seat(model: Any, tier: int) -> None:
    """A call of a tier begins to be worked on."""
    if tier == FLEX:
        model.flexing += 1
    else:
        model.in_flight += 1
        model.hurried += tier == PRIORITY


@inlined
def give_back(model: Any, tier: int) -> None:
    """The model is done with a call."""
    if tier == FLEX:
        model.flexing -= 1
    else:
        model.in_flight -= 1
        model.hurried -= tier == PRIORITY


@inlined
def load(model: Any, tier: int) -> float:
    """By how much a model that is full is too full for a call of a tier, which is seated; 1 is not.

    Of standard calls, I - P in number, beside P of priority: (I - P) / (capacity - P), which is
    I / capacity where there are none; and never less than what priority calls meet.
    """
    hurried = model.hurried
    if tier == PRIORITY:
        return float(max(1.0, hurried / model.capacity))
    beyond = model.in_flight / model.capacity
    if hurried > 0:
        beyond = max(beyond, (model.in_flight - hurried) / max(1.0, model.capacity - hurried))
    return float(beyond)
