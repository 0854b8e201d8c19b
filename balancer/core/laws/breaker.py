"""A circuit breaker with a fallback model: what most teams run today.

Closed, everything goes to normal. When of the last 100 calls half failed or were slow, it
opens: for 60 s everything goes to soft, the sibling model. Then, half open, ten calls try
normal: when half of those fail or are slow it opens again, else it closes (constants of
Resilience4j's CircuitBreaker, unless the policy has its own; slow is the policy's lowest latency
threshold). Cost is not seen.
"""

from __future__ import annotations

from collections import deque

from ..decisions import Mix, Reason, Stance
from ..modes import Mode
from ..policy import Policy
from ..signals import LATENCIES, Signals
from ..windows import FAILED, FINISHED
from .stances import stance

__all__ = ["Breaker"]

TRIAL_CALLS = 10
TRIAL_S = 5.0
"""Half open, the trial's calls are taken from about this much traffic."""

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half open"


class Breaker:
    """The breaker law."""

    __slots__ = (
        "_calls",
        "_column",
        "_constants",
        "_open_ticks",
        "_policy",
        "_signals",
        "_since",
        "_stance",
        "_state",
    )

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals
        self._constants = policy.constants.breaker
        self._open_ticks = signals.ticks(self._constants.cooldown_s)
        slow = [bound for bound in signals.entry if bound.rule.signal in LATENCIES]
        self._column = min(slow, key=lambda b: b.threshold).column if slow else None
        self._calls: deque[tuple[int, int]] = deque()
        self._state = CLOSED
        self._since = 0
        self._stance = stance(policy, Mode.NORMAL, ())

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        if self._state == CLOSED:
            self._watch(tick)
        elif self._state == OPEN:
            if tick - self._since >= self._open_ticks:
                self._try(tick)
        else:
            n, bad = self._seen(self._since)
            if n >= TRIAL_CALLS:
                self._judge(tick, n, bad)
        return self._stance

    def _seen(self, since: int) -> tuple[int, int]:
        """Calls of normal that finished after a tick, and the bad ones among them."""
        counts = self._signals.windows.since(Mode.NORMAL, since)
        slow = counts[self._column] if self._column is not None else 0
        # A timeout is slow and failed; it is one bad call.
        return counts[FINISHED], min(counts[FINISHED], max(counts[FAILED], slow))

    def _watch(self, tick: int) -> None:
        calls, wanted = self._calls, self._constants.calls
        here = self._seen(tick - 1)
        if here[0]:
            calls.append(here)
        n = sum(count for count, _ in calls)
        while calls and n - calls[0][0] >= wanted:
            n -= calls.popleft()[0]
        bad = sum(count for _, count in calls)
        if n >= wanted and bad >= self._constants.bad_share * n:
            self._trip(tick, n, bad)

    def _trip(self, tick: int, n: int, bad: int) -> None:
        self._state, self._since = OPEN, tick
        self._calls.clear()
        text = f"soft: breaker open, {bad} of {n} calls failed or were slow"
        reason = Reason(kind="rule", text=text, k=bad, n=n)
        self._stance = stance(self._policy, Mode.SOFT, (reason,))

    def _try(self, tick: int) -> None:
        self._state, self._since = HALF_OPEN, tick
        per_s = max(self._signals.offered_per_s(), 1e-9)
        share = min(1.0, TRIAL_CALLS / (TRIAL_S * per_s))
        mix: Mix = (share, 1.0 - share, 0.0, 0.0)
        self._stance = stance(
            self._policy,
            Mode.SOFT,
            (Reason(kind="probe", text=f"soft: breaker half open, {share:.1%} to normal"),),
            mixes=(mix, mix, mix),
            probe=Mode.NORMAL,
        )

    def _judge(self, tick: int, n: int, bad: int) -> None:
        if bad >= self._constants.bad_share * n:
            self._trip(tick, n, bad)
            return
        self._state, self._since = CLOSED, tick
        text = f"normal: breaker closed, {bad} of {n} calls failed or were slow"
        self._stance = stance(self._policy, Mode.NORMAL, (Reason(kind="passed", text=text),))

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {
            "state": self._state,
            "since": self._since,
            "calls": [list(pair) for pair in self._calls],
        }

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        phase, since, calls = state["state"], state["since"], state["calls"]
        assert isinstance(phase, str) and isinstance(since, int) and isinstance(calls, list)
        self._state, self._since, self._stance = phase, since, kept
        self._calls = deque((n, bad) for n, bad in calls)
