"""The mode of one run over time, as the list of its changes, and what can be asked of it.

A run starts in normal. A change counts from the second at which it governs new requests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from balancer.core.modes import Mode

__all__ = ["Transition", "highest", "mode_at", "reached_after_s", "recovered_after_s"]


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


def highest(transitions: Sequence[Transition]) -> Mode:
    """The worst mode of the run."""
    return max((transition.after for transition in transitions), default=Mode.NORMAL)


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


def recovered_after_s(transitions: Sequence[Transition], from_s: float, until_s: float) -> float:
    """Seconds from `from_s` to the return to normal that lasted until `until_s`.

    A return that is followed by a relapse is no recovery, which is why the last return
    counts and not the first; infinite when the mode at `until_s` is not normal.
    """
    if mode_at(transitions, until_s) != Mode.NORMAL:
        return math.inf
    returns = [change.at_s for change in transitions if change.at_s <= until_s]
    return max(0.0, returns[-1] - from_s) if returns else 0.0
