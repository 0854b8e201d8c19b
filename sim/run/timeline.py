"""The mode of one run over time, as the list of its changes, and what can be asked of it.

A run starts in normal. A change counts from the second at which it governs new requests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from balancer.core.modes import Mode

__all__ = ["Transition", "mode_at", "reached_after_s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of mode.

    Attributes:
        at_s: second of the run from which the new mode governs new requests.
        before, after: the modes.
        reason: why, for a person.
    """

    at_s: float
    before: Mode
    after: Mode
    reason: str


def mode_at(transitions: Sequence[Transition], at_s: float) -> Mode:
    """Mode in force at a second; a change at this very second has happened."""
    mode = Mode.NORMAL
    for transition in transitions:
        if transition.at_s > at_s:
            break
        mode = transition.after
    return mode


def reached_after_s(
    transitions: Sequence[Transition], mode: Mode, from_s: float, until_s: float
) -> float:
    """Seconds from `from_s` to the first moment in `mode` or worse; infinite after `until_s`."""
    if mode_at(transitions, from_s) >= mode:
        return 0.0
    for transition in transitions:
        if from_s < transition.at_s <= until_s and transition.after >= mode:
            return transition.at_s - from_s
    return math.inf
