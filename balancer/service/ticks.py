"""Wall time on the controller's scale."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..runtime.balancer import Balancer
    from ..runtime.clock import Timekeeper

__all__ = ["tick_of", "wall_time"]


def tick_of(balancer: Balancer, at_s: float) -> int:
    """The controller's tick of a Unix time, which its clock may run faster than."""
    passed_s = max(0.0, time.time() - at_s) * balancer.clock.speed
    return max(0, balancer.now_tick - math.floor(passed_s / balancer.policy.tick_s))


def wall_time(clock: Timekeeper, scenario_s: float | None) -> datetime | None:
    """The moment of a scenario second; None where the clock has no calendar."""
    if clock.epoch is None or scenario_s is None:
        return None
    return datetime.fromtimestamp(clock.epoch + clock.wall_s(scenario_s), UTC)
