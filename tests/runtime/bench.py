"""A balancer on a manual clock, for tests."""

from __future__ import annotations

from typing import Any

from balancer.core.decisions import Decision
from balancer.core.modes import Mode, Priority
from balancer.core.observations import Observations
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import CallSettings, Outcome
from balancer.runtime.clock import ManualClock

__all__ = ["ANSWER", "MODEL", "Bench", "Halves"]

MODEL = "gemini-2.5-flash"
"""Asked for by calls that name none; of the day of the table."""
ANSWER = Outcome(prompt_tokens=100, output_tokens=50)


class Halves:
    """Every draw is a half."""

    def plan(self, index: int | None) -> float:
        """A half."""
        return 0.5

    def backoff(self, index: int | None, attempt: int) -> float:
        """A half."""
        return 0.5


class Bench:
    """A balancer, its clock, and what it observed and decided.

    Args:
        policy: None is the default one.
        now_s: where the clock begins.
        options: of the balancer.
    """

    def __init__(self, policy: Policy | None = None, now_s: float = 0.0, **options: Any) -> None:
        self.clock = ManualClock(now_s)
        options.setdefault("draws", Halves())
        options.setdefault("settings", CallSettings(model=MODEL))
        self.balancer = Balancer(
            default_policy() if policy is None else policy, clock=self.clock, **options
        ).open()
        self.ticks: list[tuple[Observations, Decision]] = []
        self.balancer.listeners.ticks.add(lambda seen, decided: self.ticks.append((seen, decided)))

    def seen(self) -> Observations:
        """Observations of the tick under way, which ends."""
        self.clock.advance(1.0)
        self.balancer.tick()
        return self.ticks[-1][0]

    def calls(self, count: int, *, latency_s: float = 0.0, kind: str | None = None) -> None:
        """Plain calls one after another; those that are shed are not made."""
        for number in range(count):
            call = self.balancer.begin(Priority(number % 3), u=number / count)
            self.clock.advance(latency_s)
            if call.admitted:
                self.balancer.finish(call, kind, prompt_tokens=1000, output_tokens=100)

    def brown_out(self, ticks: int = 20) -> None:
        """Let all calls of normal hang until the controller leaves it; then they end."""
        hanging = []
        for _ in range(ticks):
            for number in range(10):
                call = self.balancer.begin(Priority(number % 3), u=number / 10)
                if call.admitted and call.plan.mode is Mode.NORMAL:
                    hanging.append(call)
                elif call.admitted:
                    self.balancer.finish(call, prompt_tokens=1000, output_tokens=100)
            self.seen()
        assert self.mode > Mode.NORMAL
        for call in hanging:
            self.balancer.finish(call, "timeout")

    @property
    def mode(self) -> Mode:
        """Of the decision in force."""
        return self.balancer.decision.mode
