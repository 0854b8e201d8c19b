"""Constants of the laws that the ladder is compared with: bounds, and errors that name them."""

from __future__ import annotations

import math

import pytest

from balancer.core.constants import (
    BreakerConstants,
    Constants,
    DimmerConstants,
    GradientConstants,
    ThresholdConstants,
    ThrottleConstants,
)
from balancer.core.errors import PolicyError
from tests.core.builders import make_policy


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        (
            Constants(breaker=BreakerConstants(calls=0)),
            "constants.breaker.calls: calls is 0; expected 1 to 10000",
        ),
        (
            Constants(breaker=BreakerConstants(cooldown_s=math.nan)),
            "constants.breaker.cooldown: cooldown is nan; expected 1 to 86400",
        ),
        (
            Constants(threshold=ThresholdConstants(hold_s=-1.0)),
            "constants.threshold.hold: hold is -1.0; expected 0 to 86400",
        ),
        (
            Constants(dimmer=DimmerConstants(pole=1.0)),
            "constants.dimmer.pole: pole is 1.0; expected 0 to 0.999",
        ),
        (
            Constants(throttle=ThrottleConstants(window_s=300.0)),
            "constants.throttle.window: window is 300.0; expected 1 to 120",
        ),
        (
            Constants(gradient=GradientConstants(least=30, most=20)),
            "constants.gradient: least is above most",
        ),
    ],
)
def test_a_constant_that_a_law_cannot_run_with_is_refused(
    constants: Constants, message: str
) -> None:
    """Whatever law the policy has: it may be compared with the others."""
    with pytest.raises(PolicyError) as error:
        make_policy(constants=constants)
    assert str(error.value) == message
