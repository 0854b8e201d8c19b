"""Plain thresholds, as hand-tuned alerts do it: the mode is the worst whose rule is true now.

No hysteresis, no margin, one pool of evidence over all modes, and no hold unless the policy has
one: then a mode is kept until none of its rules, nor of a worse one's, has been true for so long.
It is here to be compared with: because a brownout lowers the very signals that started it, plain
thresholds leave and enter again for ever.
"""

from __future__ import annotations

import math

from ..decisions import Reason, Stance
from ..modes import Mode
from ..policy import Policy
from ..signals import Bound, Signals
from ..windows import ALL
from .stances import measured_reason, stance

__all__ = ["Threshold"]


class Threshold:
    """The threshold law."""

    __slots__ = ("_hold_ticks", "_last", "_policy", "_signals", "_since", "_stance", "_streaks")

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals
        self._streaks = [0] * len(policy.rules)
        self._hold_ticks = math.ceil(policy.constants.threshold.hold_s / policy.tick_s)
        self._last = 0
        self._since: int | None = None
        self._stance = stance(policy, Mode.NORMAL, ())

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        if self._since is None:
            self._since = tick - 1
        worst = self._worst(self._since)
        mode = worst.rule.level if worst else Mode.NORMAL
        if mode < self._stance.mode and tick - self._last < self._hold_ticks:
            return self._stance
        self._last = tick
        if mode != self._stance.mode:
            if worst is not None:
                reason = measured_reason(self._signals, worst, ALL, self._since, mode)
            else:
                reason = Reason(kind="rule", text="normal: no rule is true any more")
            self._stance = stance(self._policy, mode, (reason,))
        return self._stance

    def _worst(self, since: int) -> Bound | None:
        worst: Bound | None = None
        for number, bound in enumerate(self._signals.entry):
            true = self._signals.judge(bound, ALL, since, z=0.0, min_samples=1)
            self._streaks[number] = self._streaks[number] + 1 if true else 0
            lasted = self._streaks[number] >= max(1, bound.sustained_ticks)
            if lasted and (worst is None or bound.rule.level > worst.rule.level):
                worst = bound
        return worst

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {"since": self._since, "streaks": list(self._streaks), "last": self._last}

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave."""
        since, streaks, last = state["since"], state["streaks"], state["last"]
        assert (since is None or isinstance(since, int)) and isinstance(streaks, list)
        assert isinstance(last, int)
        self._since, self._streaks, self._last, self._stance = since, streaks, last, kept
