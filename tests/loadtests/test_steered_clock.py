"""Second 0 is told later, and then stays."""

from __future__ import annotations

import time

import pytest

from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from loadtests.steered_clock import SteeredClock


def test_it_stands_before_second_0_until_it_is_steered() -> None:
    """Whoever starts it."""
    clock = SteeredClock(10.0)
    clock.start(epoch=1.0)
    assert clock.now_s() == -1.0
    assert clock.epoch is None


def test_it_runs_from_the_epoch_at_its_speed() -> None:
    """Before it too, and whatever is told later."""
    clock = SteeredClock(100.0)
    clock.steer(time.time() + 1000.0)
    clock.steer(time.time())
    assert clock.now_s() == pytest.approx(-100_000.0, rel=0.01)
    assert clock.wall_s(100.0) == 1.0


def test_no_tick_ends_before_second_0() -> None:
    """A controller that was started early waits."""
    clock = SteeredClock(10.0)
    balancer = Balancer(default_policy(), clock=clock)
    assert balancer.tick() is None
    clock.steer(time.time() + 1000.0)
    assert balancer.tick() is None
