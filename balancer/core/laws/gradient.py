"""A concurrency limit that follows latency: Netflix's Gradient2.

With a short-term latency and a long-term average of it, the limit L on calls in flight moves
by

    g = max(0.5, min(1, 1.5 long / short))
    L <- 0.8 L + 0.2 (g L + 4),   within 20..200

(concurrency-limits, Gradient2Limit; 1.5, 20 and 200 unless the policy has its own). It knows
neither modes nor cost: what is beyond the limit is refused, the rest is served in normal.
"""

from __future__ import annotations

from ..constants import GradientConstants
from ..decisions import Limits, Reason, Stance, one_hot
from ..modes import Mode
from ..policy import Policy
from ..signals import Signals
from ..windows import ALL

__all__ = ["Gradient", "gradient2"]

LONG_ALPHA = 2.0 / 601.0
"""Weight of a sample in the exponential long-term average over 600 samples."""
_NORMAL = one_hot(Mode.NORMAL)


def gradient2(limit: float, short_s: float, long_s: float, constants: GradientConstants) -> float:
    """The limit after one sample.

    Args:
        limit: before.
        short_s: latency of the sample.
        long_s: long-term average latency.
        constants: tolerance and bounds.
    """
    gradient = max(0.5, min(1.0, constants.tolerance * long_s / short_s))
    moved = 0.8 * limit + 0.2 * (gradient * limit + 4.0)
    return min(float(constants.most), max(float(constants.least), moved))


class Gradient:
    """The gradient law; a tick's mean latency is a sample."""

    __slots__ = ("_constants", "_limit", "_long_s", "_signals", "_stance")

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._constants = policy.constants.gradient
        self._signals = signals
        self._limit = float(self._constants.least)
        self._long_s: float | None = None
        self._stance = self._limiting()

    def _limiting(self) -> Stance:
        most = int(self._limit)
        reason = Reason(kind="rule", text=f"normal: at most {most} calls in flight", value=most)
        return Stance(
            mode=Mode.NORMAL,
            mixes=(_NORMAL, _NORMAL, _NORMAL),
            limits=Limits(max_in_flight=most),
            reasons=(reason,),
        )

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        seen = self._signals.windows.latency(ALL, tick - 1)
        if seen:
            self._learn(seen.mean())
        if int(self._limit) != self._stance.limits.max_in_flight:
            self._stance = self._limiting()
        return self._stance

    def _learn(self, short_s: float) -> None:
        long_s = short_s if self._long_s is None else self._long_s
        long_s += LONG_ALPHA * (short_s - long_s)
        # Coming out of a long overload, the average is pulled down faster than it decays.
        self._long_s = long_s * 0.95 if long_s > 2.0 * short_s else long_s
        # A limit nobody comes near teaches nothing.
        if self._signals.in_flight() >= self._limit / 2.0:
            self._limit = gradient2(self._limit, short_s, self._long_s, self._constants)

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {"limit": self._limit, "long_s": self._long_s}

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        limit, long_s = state["limit"], state["long_s"]
        assert isinstance(limit, float) and (long_s is None or isinstance(long_s, float))
        self._limit, self._long_s, self._stance = limit, long_s, kept
