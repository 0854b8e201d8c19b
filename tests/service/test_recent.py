"""Rates of the last minutes, with a ticker that comes late."""

from __future__ import annotations

import pytest

from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.policy_file import default_policy
from balancer.runtime.tick_step import at_rest
from balancer.service.recent import Recent, Span

REST = at_rest(default_policy())


def line(tick: int, *, ticks: int = 1) -> Observations:
    """A request a second."""
    return Observations(tick, offered=(0, ticks, 0), admitted=(0, ticks, 0), ticks=ticks)


def rate(span: Span) -> float:
    """Requests a second."""
    assert span.observations is not None
    return sum(span.observations.offered) / span.seconds


@pytest.mark.parametrize("window_s", [60.0, 300.0, 3600.0])
@pytest.mark.parametrize("stall", [12, 60])
def test_a_stall_changes_no_rate(stall: int, window_s: float) -> None:
    """The line that the ticker writes when it is back is of all the seconds that it was away."""
    recent = Recent()
    for tick in range(30):
        recent.add(line(tick), REST, 1.0)
    recent.add(line(30 + stall - 1, ticks=stall), REST, 1.0)
    for tick in range(30 + stall, 60 + stall):
        recent.add(line(tick), REST, 1.0)
    assert rate(recent.last(window_s)) == 1.0
    assert recent.seen_s == 60.0 + stall


def test_the_mode_before_a_stall_holds_until_its_last_tick() -> None:
    """Nothing was decided meanwhile."""
    recent = Recent()
    recent.add(line(0), REST, 1.0)
    recent.add(line(5, ticks=5), REST._replace(mode=Mode.HARD), 1.0)
    recent.add(line(6), REST._replace(mode=Mode.HARD), 1.0)
    assert recent.last(60.0).ticks == (5, 0, 2, 0)
