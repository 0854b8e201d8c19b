"""Client throttling, as Google's SRE book has it: refuse locally what would be refused anyway.

With `requests` sent or refused and `accepts` of the backend over two minutes, a request is
refused with probability

    p = max(0, (requests - K accepts) / (requests + 1))

(Site Reliability Engineering, chapter 21, "Client-side throttling"; K = 2, unless the policy has
its own). It knows neither modes nor cost: everything it admits is served in normal.
"""

from __future__ import annotations

from ..decisions import Reason, Stance, one_hot
from ..modes import Mode
from ..policy import Policy
from ..signals import Signals
from ..windows import ALL, FAILED, FINISHED, OFFERED, STARTED

__all__ = ["Throttle", "refusal"]

_NORMAL = one_hot(Mode.NORMAL)


def refusal(requests: int, accepts: int, k: float) -> float:
    """Probability that a request is refused locally.

    Args:
        requests: all of them, those refused locally included.
        accepts: calls the backend answered.
        k: how many requests it tolerates for each accepted one.
    """
    return max(0.0, (requests - k * accepts) / (requests + 1))


class Throttle:
    """The throttle law."""

    __slots__ = ("_k", "_refused", "_signals", "_stance", "_window")

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._signals = signals
        self._k = policy.constants.throttle.k
        self._window = signals.ticks(policy.constants.throttle.window_s)
        self._refused = 0.0
        self._stance = self._admitting(0.0)

    def _admitting(self, refused: float) -> Stance:
        reason = Reason(kind="rule", text=f"normal: refusing {refused:.1%} locally", value=refused)
        return Stance(
            mode=Mode.NORMAL,
            mixes=(_NORMAL, _NORMAL, _NORMAL),
            admit=(1.0 - refused, 1.0 - refused, 1.0 - refused),
            reasons=(reason,) if refused else (),
        )

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        counts = self._signals.windows.since(ALL, tick - self._window)
        # Calls in flight are neither accepted nor refused yet.
        in_flight = max(0, counts[STARTED] - counts[FINISHED])
        requests = max(0, sum(counts[OFFERED]) - in_flight)
        p = refusal(requests, counts[FINISHED] - counts[FAILED], self._k)
        if p != self._refused:
            self._refused = p
            self._stance = self._admitting(p)
        return self._stance

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {"refused": self._refused}

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        refused = state["refused"]
        assert isinstance(refused, float)
        self._refused, self._stance = refused, kept
