"""The live balancer observes requests as the simulator's kernel does, tick by tick."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import pytest

from balancer.core.histogram import EMPTY
from balancer.core.observations import merge_ticks
from balancer.core.policy import Strategy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import CallSettings, Outcome
from balancer.runtime.clock import ManualClock
from balancer.runtime.requests import Request
from scenarios.schema import UpstreamFault
from tests.sim.worlds import FLASH, LITE, plant, policy, requests, scenario

from .bench import Bench
from .test_requests import started


class Live:
    """Drives a live balancer through scripted fates, in the order of time.

    Args:
        balancer: on a manual clock.
        clock: that clock.
        fate: kind and seconds of an attempt at a model.
    """

    def __init__(
        self,
        balancer: Balancer,
        clock: ManualClock,
        fate: Callable[[str], tuple[str | None, float]],
    ) -> None:
        self._balancer = balancer
        self._clock = clock
        self._fate = fate
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()

    def at(self, moment_s: float, act: Callable[[], None]) -> None:
        """Act at a moment."""
        heapq.heappush(self._events, (moment_s, next(self._number), act))

    def run(self, until_s: float) -> None:
        """Up to a moment."""
        while self._events and self._events[0][0] < until_s:
            moment_s, _, act = heapq.heappop(self._events)
            self._clock.set(moment_s)
            act()
        self._clock.set(until_s)

    def ask(self) -> None:
        """A request comes."""
        self._go_on(self._balancer.request())

    def _go_on(self, request: Request) -> None:
        attempt = started(request)
        kind, seconds = self._fate(attempt.model)
        assert attempt.timeout_s is not None
        if seconds > attempt.timeout_s:
            kind, seconds = "timeout", attempt.timeout_s

        def end() -> None:
            attempt.finish(Outcome(kind=kind))
            delay_s = request.next_delay_s()
            if delay_s is not None:
                self.at(self._clock.now_s() + delay_s, lambda: self._go_on(request))

        self.at(self._clock.now_s() + seconds, end)


FAULTS: dict[str, list[dict[str, object]]] = {
    "none": [],
    "the model fails": [{"kind": "error", "model": FLASH}],
    "all fail": [{"kind": "error"}],
    "all hang": [{"kind": "hang"}],
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_live_balancer_counts_as_the_kernel_does(name: str) -> None:
    """The same requests meet the same fates: tick by tick, the same is observed."""
    under = policy(Strategy(model=FLASH, fallback_models=(LITE,), retries=2))
    of = scenario(clients={"timeout": 5.0, "patience": 18.0, "retries": 2, "retry_budget": 0.1})
    times = [0.13 + 0.71 * number for number in range(40)]
    kernel = plant(requests(*times), of, under)
    for row, fault in enumerate(FAULTS[name]):
        kernel.set_fault(row, UpstreamFault.model_validate({**fault, "at": 0, "for": 1}))

    def fate(model: str) -> tuple[str | None, float]:
        if name == "all hang":
            return None, 1e6
        failing = name == "all fail" or (name == "the model fails" and model == FLASH)
        return ("overloaded", 0.3) if failing else (None, 1.5)

    bench = Bench(
        under,
        settings=CallSettings(
            timeout_s=5.0,
            retries=2,
            patience_s=18.0,
            backoff_initial_s=1.0,
            backoff_jitter_s=0.0,
            retry_budget=0.1,
        ),
    )
    live = Live(bench.balancer, bench.clock, fate)
    for moment_s in times:
        live.at(moment_s, live.ask)
    whole = []
    for tick in range(60):
        kernel.advance(tick + 1.0)
        live.run(tick + 1.0)
        bench.balancer.tick()
        here = bench.ticks[-1][0]
        expected = kernel.observe(tick)
        assert here.tick == expected.tick
        assert here.requests == expected.requests
        whole.append(here)
    (seen,) = merge_ticks(whole).requests
    assert (seen.begun, seen.ages) == (40, EMPTY)
    assert seen.answered.total + seen.failed.total == 40
    assert bool(seen.failed) == name.startswith("all")
