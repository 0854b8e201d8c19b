"""Many streams on balancers that share one budget, in simulated time: how much of it is usable.

The streams are tasks of an event loop; what they wait for is virtual, so an hour takes seconds.
What was truly spent is counted from outside the ledger, tick by tick.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from balancer.core.modes import Priority
from balancer.core.policy import BudgetLimit, Policy
from balancer.core.pricing import NANO_USD, cost_nano_usd
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, CallSettings, Outcome
from balancer.runtime.claim import Claim
from balancer.runtime.clock import ManualClock
from balancer.runtime.ledger import Ledger

__all__ = ["AfterTheFact", "Spent", "spend"]

_PROMPT_TOKENS = 1000
_MEAN_OUTPUT_TOKENS = 400
_MEAN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What became of a budget.

    Attributes:
        overshoot: most that was spent in any window beyond the limit, as a share of it.
        usable: spent after the first window, as a share of what was to be had.
        answered, refused: requests.
    """

    overshoot: float
    usable: float
    answered: int
    refused: int


class AfterTheFact(Ledger):
    """A budget as it is usually kept: what was spent is counted when a call ends."""

    def reserve(self, *args: Any, **options: Any) -> Claim | None:
        """Lets every call go as long as anything is left."""
        room = self.headroom_nano_usd(options["key"])
        cap, thinking = options["cap_tokens"], options["thinking_tokens"]
        rows = tuple(self._books.rows.values())
        return (
            Claim(cap, thinking, 0, False, rows, args[0].name, 0)
            if room is None or room > 0
            else None
        )


class _VirtualTime:
    """A clock that leaps to whatever is awaited next."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._number = count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    def sleep(self, seconds: float) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._clock.now_s() + seconds, next(self._number), future))
        return future

    async def run(self, until_s: float) -> None:
        while True:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            at_s, _, future = heapq.heappop(self._waiting)
            if at_s > until_s:
                return
            self._clock.set(at_s)
            future.set_result(None)


def spend(
    make: Callable[[Policy], Ledger],
    *,
    usd: float = 20.0,
    window_s: float = 3600.0,
    windows: int = 3,
    streams: int = 128,
    balancers: int = 3,
    seed: int = 1,
) -> Spent:
    """Let streams call as fast as they get answers, under a budget they far exceed.

    Args:
        make: makes the ledger that the balancers share.
        usd, window_s: the budget.
        windows: how many windows it lasts.
        streams, balancers: how many.
        seed: of durations and lengths.
    """
    limit = BudgetLimit(usd=usd, window_s=window_s)
    policy = replace(default_policy(), budgets=(limit,), rules=())
    clock = ManualClock()
    ledger = make(policy)
    settings = CallSettings(model="gemini-2.5-flash")
    fleet = [
        Balancer(policy, settings=settings, clock=clock, ledger=ledger) for _ in range(balancers)
    ]
    chance = random.Random(seed)
    price = policy.catalog.card(settings.model).price
    ticks = round(window_s * windows)
    spent = [0] * (ticks + 1)
    answered = refused = 0

    async def stream(number: int, time: _VirtualTime) -> None:
        nonlocal answered, refused
        balancer = fleet[number % balancers]
        while True:
            request = balancer.request(Priority.NORMAL, asked=Asked(prompt_tokens=_PROMPT_TOKENS))
            attempt = request.start()
            await time.sleep(chance.expovariate(1.0 / _MEAN_S))
            if attempt is None:
                refused += 1
                continue
            cap = attempt.output_cap_tokens or 1 << 16
            output = min(cap, round(chance.expovariate(1.0 / _MEAN_OUTPUT_TOKENS)))
            spent[int(clock.now_s())] += cost_nano_usd(price, _PROMPT_TOKENS, 0, output, 0)
            attempt.finish(Outcome(prompt_tokens=_PROMPT_TOKENS, output_tokens=output))
            request.close()
            answered += 1

    async def tick(time: _VirtualTime) -> None:
        while True:
            await time.sleep(1.0)
            for balancer in fleet:
                balancer.tick()

    async def run() -> None:
        time = _VirtualTime(clock)
        tasks = [asyncio.create_task(tick(time))]
        tasks += [asyncio.create_task(stream(number, time)) for number in range(streams)]
        await time.run(float(ticks))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    allowed = usd * NANO_USD
    window = round(window_s)
    rolling = sum(spent[:window])
    most = rolling
    for at in range(window, ticks + 1):
        rolling += spent[at] - spent[at - window]
        most = max(most, rolling)
    later = sum(spent[window:ticks]) / (allowed * (windows - 1))
    return Spent(
        overshoot=max(0.0, most / allowed - 1.0),
        usable=later,
        answered=answered,
        refused=refused,
    )
