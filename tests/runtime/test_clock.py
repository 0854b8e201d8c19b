"""Clocks: scenario seconds at any speed."""

from __future__ import annotations

import time

import pytest

from balancer.core.errors import MisuseError
from balancer.runtime.clock import Clock, ManualClock


def test_scenario_seconds_run_speed_times_as_fast() -> None:
    """Measured against the monotonic clock itself."""
    clock = Clock(speed=1000.0)
    before, now_s = time.monotonic(), clock.now_s()
    later_s, after = clock.now_s(), time.monotonic()
    assert 0 <= later_s - now_s <= (after - before) * 1000.0
    assert clock.wall_s(10.0) == 0.01


def test_a_clock_of_its_own_epoch_begins_at_zero() -> None:
    """Its epoch is then the moment it was started, and a second start changes nothing."""
    clock = Clock(speed=0.001)
    assert clock.epoch is None
    before = time.time()
    clock.start()
    assert clock.epoch is not None
    assert before <= clock.epoch <= time.time()
    assert clock.now_s() < 1.0
    clock.start(at_least_s=100.0)
    assert clock.now_s() < 1.0


def test_a_clock_takes_up_an_epoch_unless_it_has_one() -> None:
    """A restart goes on where the process before was."""
    clock = Clock()
    clock.start(epoch=time.time() - 100.0)
    assert 100.0 <= clock.now_s() < 160.0
    own = Clock(epoch=0.0)
    own.start(epoch=time.time())
    assert own.now_s() > 1e9


def test_a_clock_starts_no_earlier_than_it_is_told() -> None:
    """When the machine's time was set back while nothing ran."""
    clock = Clock()
    clock.start(at_least_s=500.0)
    assert 500.0 <= clock.now_s() < 560.0


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_is_above_zero(speed: float) -> None:
    """Anything else is refused."""
    with pytest.raises(MisuseError, match="expected a number above 0"):
        Clock(speed=speed)


def test_a_manual_clock_stands_still() -> None:
    """Until it is moved."""
    clock = ManualClock(5.0, speed=2.0)
    clock.start(at_least_s=7.0)
    assert (clock.now_s(), clock.raw(), clock.epoch) == (7.0, 3.5, 0.0)
    clock.advance(1.0)
    clock.set(clock.now_s() + 1.0)
    clock.start(epoch=4.0)
    assert (clock.now_s(), clock.wall_s(4.0), clock.epoch) == (9.0, 2.0, 0.0)
