"""The dimmer: a controller of one pole on the blend of normal and soft.

Klein, Maggio, Arzen and Hernandez-Rodriguez, "Brownout: building more robust cloud
applications", ICSE 2014: once a second, with y the largest latency of the last five seconds
over the setpoint and theta the share served in full,

    alpha = y / theta,  e = 1 - y,  e <- 0.1 e if e > 0
    theta <- theta + (1 - pole) e / alpha,   within 0..1,  pole 0.9

The setpoint is the policy's lowest latency threshold, as it is the owner's to choose; the
other constants are as published, unless the policy has its own: another quantile of latency than
the largest, another window, another pole. Cost and errors are not seen.
"""

from __future__ import annotations

from ..decisions import Mix, Reason, Stance
from ..modes import Mode
from ..policy import Policy
from ..signals import LATENCIES, Signals
from ..windows import ALL
from .stances import stance

__all__ = ["Dimmer", "dim"]

RESTORING_GAIN = 0.1
LEAST = 0.01
"""Least share taken for theta in alpha, which divides by it."""


def dim(theta: float, y: float, pole: float) -> float:
    """The share served in full after a step.

    Args:
        theta: before, 0..1.
        y: latency over the setpoint, above 0.
        pole: of the closed loop.
    """
    error = 1.0 - y
    if error > 0.0:
        error *= RESTORING_GAIN
    alpha = y / max(theta, LEAST)
    return min(1.0, max(0.0, theta + (1.0 - pole) * error / alpha))


class Dimmer:
    """The dimmer law."""

    __slots__ = ("_constants", "_policy", "_setpoint_s", "_signals", "_stance", "_theta", "_window")

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals
        self._constants = policy.constants.dimmer
        self._window = signals.ticks(self._constants.window_s)
        latencies = [rule.threshold for rule in policy.rules if rule.signal in LATENCIES]
        self._setpoint_s = min(latencies, default=None)
        self._theta = 1.0
        self._stance = self._blend()

    def _blend(self) -> Stance:
        theta = self._theta
        mix: Mix = (theta, 1.0 - theta, 0.0, 0.0)
        mode = Mode.NORMAL if theta >= 0.5 else Mode.SOFT
        reason = Reason(kind="rule", text=f"{mode.label}: {theta:.1%} served in full", value=theta)
        return stance(self._policy, mode, (reason,), shedding=False, mixes=(mix, mix, mix))

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        seen = self._signals.windows.latency(ALL, tick - self._window)
        if seen and self._setpoint_s is not None:
            y = seen.quantile(self._constants.quantile) / self._setpoint_s
            self._theta = dim(self._theta, y, self._constants.pole)
        if self._stance.mixes[0][Mode.NORMAL] != self._theta:
            self._stance = self._blend()
        return self._stance

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {"theta": self._theta}

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        theta = state["theta"]
        assert isinstance(theta, float)
        self._theta, self._stance = theta, kept
