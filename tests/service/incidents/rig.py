"""A controller by hand, watched as the service does it."""

from __future__ import annotations

from typing import Any, ClassVar

from balancer.core.modes import Mode, Priority
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import ManualClock
from balancer.service.events import Events, Happening
from balancer.service.history import Store
from balancer.service.history.tables import INCIDENTS
from balancer.service.incidents.incident_tracker import IncidentTracker

MODEL = "gemini-2.5-flash"


class Rig:
    """A balancer by hand, watched.

    Attributes:
        told: to the events.
        watch: subscribes to the events, too.
        now_s: Unix time.
        made: all of them, to be closed.
    """

    made: ClassVar[list[Rig]] = []

    def __init__(
        self, store: Store, owner: str = "a" * 32, begins_s: float = 0.0, **options: Any
    ) -> None:
        self.clock = ManualClock(begins_s)
        self.balancer = Balancer(clock=self.clock, **options)
        self.store, self.now_s = store, 5000.0
        self.told: list[Happening] = []
        events = Events()
        self.watch = events.subscribe
        self.watch(self.told.append)
        self.tracker = IncidentTracker(self.balancer, events, store, lambda: self.now_s)
        self.balancer.listeners.ticks.add(self.tracker.observe)
        self.tracker.open(owner)
        self.made.append(self)

    def go(self, ticks: int = 1) -> None:
        """Step so many ticks."""
        for _ in range(ticks):
            self.clock.advance(1.0)
            self.now_s += 1.0
            self.balancer.tick()

    def serve(
        self,
        ticks: int,
        *,
        calls: int = 2,
        kind: str | None = None,
        priority: Priority = Priority.NORMAL,
        output_tokens: int = 200,
    ) -> None:
        """So many ticks with calls that take half of one."""
        for _ in range(ticks):
            made = [self.balancer.begin(priority, MODEL) for _ in range(calls)]
            self.clock.advance(0.5)
            for call in made:
                if call.admitted:
                    tokens = 0 if kind else output_tokens
                    self.balancer.finish(call, kind, prompt_tokens=tokens, output_tokens=tokens)
            self.clock.advance(0.5)
            self.now_s += 1.0
            self.balancer.tick()

    def hold(self, mode: Mode) -> None:
        """Order a mode, and step until it holds."""
        self.balancer.override(mode, "a drill", for_s=1000)
        self.go(2)

    def rows(self) -> list[dict[str, Any]]:
        """Of the incidents, the oldest first."""
        assert self.store.flush()
        return self.store.page(INCIDENTS, limit=50).rows[::-1]
