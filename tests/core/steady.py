"""Traffic for the tests of what fits: ticks in normal mode, drawn with a fixed seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

from balancer.core.observations import Observations

from .builders import served, tick

__all__ = ["DOLLAR_CENT", "steady"]

DOLLAR_CENT = 10_000_000
"""In nano-dollars: the mean cost of a call."""

MANY = 2.0
"""At more calls a second, ticks are drawn from a few: a test need not draw millions of calls."""
DIFFERENT = 100


def steady(
    rate: float,
    hours: float,
    seed: int = 1,
    *,
    median_s: float = 1.0,
    failing: float = 0.0,
    slower: Callable[[int], float] = lambda _tick: 1.0,
) -> Iterator[Observations]:
    """Poisson arrivals, log-normal latencies (P95 2.7 times the median), exponential costs.

    Args:
        rate: calls a second.
        hours: how long.
        seed: of all draws.
        median_s: of the latency.
        failing: share of the calls that fail.
        slower: how many times as slow the calls of a tick are.
    """
    draw = random.Random(seed)
    drawn: dict[float, list[Observations]] = {}
    for index in range(int(hours * 3600)):
        factor = slower(index)
        some = drawn.setdefault(factor, [])
        if rate > MANY and len(some) == DIFFERENT:
            yield draw.choice(some)._replace(tick=index)
            continue
        some.append(_tick(draw, index, rate, median_s * factor, failing))
        yield some[-1]
        if rate <= MANY:
            some.clear()


def _tick(
    draw: random.Random, index: int, rate: float, median_s: float, failing: float
) -> Observations:
    count = _poisson(draw, rate)
    if not count:
        return Observations(index)
    failed = sum(draw.random() < failing for _ in range(count)) if failing else 0
    latencies = [median_s * math.exp(draw.gauss(0.0, 0.6)) for _ in range(count - failed)]
    entry = served(
        latencies=latencies,
        ttft=[latency / 4 for latency in latencies],
        nano_usd=sum(int(DOLLAR_CENT * draw.expovariate(1.0)) for _ in latencies),
        overloaded=failed,
    )
    tokens = 1000 * len(latencies)
    return tick(index, entry._replace(prompt_tokens=tokens, output_tokens=tokens))


def _poisson(draw: random.Random, mean: float) -> int:
    if mean > 30.0:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    chance = math.exp(-mean)
    count, left = 0, draw.random() - chance
    while left > 0.0:
        count += 1
        chance *= mean / count
        left -= chance
    return count
