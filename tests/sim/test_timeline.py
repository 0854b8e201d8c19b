"""The mode over time."""

from __future__ import annotations

import math

from balancer.core.modes import Mode
from sim.run.timeline import Transition, mode_at, reached_after_s

NORMAL, SOFT, HARD = Mode.NORMAL, Mode.SOFT, Mode.HARD


def changes(*steps: tuple[float, Mode]) -> tuple[Transition, ...]:
    """Transitions from (second, mode) pairs, from normal on."""
    found = []
    before = NORMAL
    for at_s, after in steps:
        found.append(Transition(at_s=at_s, before=before, after=after, reason=""))
        before = after
    return tuple(found)


UP_AND_DOWN = changes((110.0, SOFT), (130.0, HARD), (300.0, SOFT), (400.0, NORMAL))


def test_a_run_starts_in_normal() -> None:
    """Before the first change the mode is normal."""
    assert mode_at(UP_AND_DOWN, 109.9) is NORMAL


def test_a_change_counts_from_its_second() -> None:
    """At the very second of a change the new mode holds."""
    assert mode_at(UP_AND_DOWN, 110.0) is SOFT


def test_reaching_is_timed_from_the_start_of_the_fault() -> None:
    """To the first moment in the mode."""
    assert reached_after_s(UP_AND_DOWN, HARD, 100.0, 1000.0) == 30.0


def test_a_worse_mode_counts_as_reached() -> None:
    """A jump to hard reaches soft too."""
    assert reached_after_s(changes((105.0, HARD)), SOFT, 100.0, 1000.0) == 5.0


def test_a_mode_already_in_force_is_reached_at_once() -> None:
    """A fault that starts while the mode is up needs no time."""
    assert reached_after_s(UP_AND_DOWN, SOFT, 120.0, 1000.0) == 0.0


def test_a_mode_reached_too_late_was_never_reached() -> None:
    """What happens after the watch ends is not credited."""
    assert reached_after_s(UP_AND_DOWN, HARD, 100.0, 120.0) == math.inf
