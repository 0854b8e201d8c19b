"""What the live controller costs a call, beside an empty call through pybreaker in the same run.

The caller's side is timed call by call, turn about with pybreaker, so that whatever else the
machine does strikes both; medians. CPU in all is that of the whole process over many calls,
the adding up and a step of the controller every 1,000 calls included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pybreaker

from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.clock import ManualClock
from balancer.runtime.ledger import Ledger
from tests.runtime.budget_load import AfterTheFact, spend

__all__ = ["measure_live"]

_ROUNDS = 20
_CALLS = 2_000
_CPU_CALLS = 200_000
_CALLS_A_TICK = 1_000


def measure_live() -> dict[str, float]:
    """Figures by the names of `bench.json`."""
    call, request, breaker = _callers_us()
    kept, counted = spend(Ledger), spend(AfterTheFact)
    return {
        "live_call_us": call,
        "live_call_cpu_us": _cpu_us(),
        "live_request_us": request,
        "pybreaker_call_us": breaker,
        "ratio_pybreaker_over_live": breaker / call,
        "budget_overshoot_percent": 100.0 * kept.overshoot,
        "budget_usable_percent": 100.0 * kept.usable,
        "budget_overshoot_percent_after_the_fact": 100.0 * counted.overshoot,
    }


def _callers_us() -> tuple[float, float, float]:
    """Median microseconds of begin and finish, of a whole request, and of an empty pybreaker."""
    balancer = Balancer(default_policy())
    breaker = pybreaker.CircuitBreaker()
    asked = Asked(prompt_tokens=1000)
    outcome = Outcome(prompt_tokens=1000, output_tokens=200)

    def call() -> None:
        balancer.finish(balancer.begin(), None, 1000, 0, 200)

    def request() -> None:
        received = balancer.request(asked=asked)
        attempt = received.start()
        assert attempt is not None
        attempt.finish(outcome)
        received.close()

    def empty() -> None:
        """What the breaker guards."""

    def guarded() -> None:
        breaker.call(empty)

    taken: tuple[list[int], list[int], list[int]] = ([], [], [])
    for _ in range(_ROUNDS):
        for what, found in zip((call, request, guarded), taken, strict=True):
            found.extend(_ns(what))
        balancer.tick()
    nothing = statistics.median(_ns(empty))
    one, two, three = ((statistics.median(found) - nothing) / 1e3 for found in taken)
    return one, two, three


def _ns(what: Callable[[], None]) -> list[int]:
    now = time.perf_counter_ns
    taken = []
    for _ in range(_CALLS):
        began = now()
        what()
        taken.append(now() - began)
    return taken


def _cpu_us() -> float:
    clock = ManualClock()
    balancer = Balancer(default_policy(), clock=clock)
    began = time.process_time()
    for _ in range(_CPU_CALLS // _CALLS_A_TICK):
        for _ in range(_CALLS_A_TICK):
            # Of next to no tokens: 1,000 a second of an ordinary size would cost enough to
            # bring the controller out of normal.
            balancer.finish(balancer.begin(), None, 2, 0, 1)
        clock.advance(1.0)
        balancer.tick()
    return (time.process_time() - began) / _CPU_CALLS * 1e6
