"""Wall time on the controller's scale."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..runtime.balancer import Balancer

__all__ = ["tick_of"]


def tick_of(balancer: Balancer, at_s: float) -> int:
    """The controller's tick of a Unix time, which its clock may run faster than."""
    passed_s = max(0.0, time.time() - at_s) * balancer.clock.speed
    return max(0, balancer.now_tick - math.floor(passed_s / balancer.policy.tick_s))
