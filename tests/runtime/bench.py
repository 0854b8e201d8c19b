"""A balancer on a manual clock, for tests."""

from __future__ import annotations

from typing import Any

from balancer.core.decisions import Decision
from balancer.core.modes import Mode, Priority
from balancer.core.observations import Observations
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Outcome
from balancer.runtime.clock import ManualClock

__all__ = ["ANSWER", "Bench", "Halves"]

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
        self.balancer = Balancer(
            default_policy() if policy is None else policy, clock=self.clock, **options
        )
        self.ticks: list[tuple[Observations, Decision]] = []
        self.balancer.add_listener(lambda seen, decided: self.ticks.append((seen, decided)))

    def seen(self) -> Observations:
        """Observations of the tick under way, which ends."""
        self.clock.advance(1.0)
        self.balancer.tick()
        return self.ticks[-1][0]

    def calls(
        self,
        count: int,
        *,
        latency_s: float = 0.0,
        kind: str | None = None,
        ill: Mode | None = None,
    ) -> None:
        """Plain calls one after another; those that are shed are not made.

        Args:
            count, latency_s: how many, and how long each takes.
            kind: how they fail, if they do.
            ill: only the calls of this mode fail; None: of all.
        """
        for number in range(count):
            call = self.balancer.begin(Priority(number % 3), u=number / count)
            self.clock.advance(latency_s)
            if call.admitted:
                failed = kind if ill in (None, call.plan.mode) else None
                self.balancer.finish(call, failed, prompt_tokens=1000, output_tokens=100)

    def brown_out(self, ticks: int = 20) -> None:
        """Let all calls of normal be refused by quota, until the controller leaves it."""
        for _ in range(ticks):
            self.calls(10, kind="quota_minute", ill=Mode.NORMAL)
            self.seen()
        assert self.mode > Mode.NORMAL

    @property
    def mode(self) -> Mode:
        """Of the decision in force."""
        return self.balancer.decision.mode
