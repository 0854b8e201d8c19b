"""What requests ask for and what a plan leaves of it, for the second simulator; from `docs/` alone.

The sections "Arrivals", "Tokens" and "Plans" of `docs/explanation/simulator.md`. Left out: traces,
ramps and days in patterns of traffic, thinking levels.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace as Thing
from typing import Any

from balancer.core.policy import Policy, Strategy
from balancer.core.routes import resolve
from scenarios.profiles import profiles
from scenarios.schema import Scenario

__all__ = ["ANSWER", "PROMPT", "THINKING", "arrival_times", "lognormal", "plan", "tokens"]

PROMPT = {0: 2, 0.01: 29, 0.05: 181, 0.25: 396, 0.4: 703, 0.5: 1020, 0.75: 1189, 0.8: 1315}
PROMPT |= {0.85: 1876, 0.9: 2735, 0.95: 4083, 0.99: 4142, 0.999: 6179, 1: 14050}
ANSWER = {0: 7, 0.05: 41, 0.25: 85, 0.4: 103, 0.5: 129, 0.6: 177, 0.7: 384, 0.8: 400, 0.9: 424}
ANSWER |= {0.95: 451, 0.99: 601, 0.999: 954, 1: 1000}
THINKING = Thing(p50=1000, p95=1400, max=1_000_000)


def arrival_times(arrivals: Any, horizon: float, rng: random.Random) -> Iterator[float]:
    """A process of unit rate, stretched by a rate that is constant between edges of the pattern."""
    spikes = [part for part in arrivals.pattern if part.kind == "spike"]
    steps = sorted((part for part in arrivals.pattern if part.kind == "step"), key=lambda p: p.at)
    edges = {0.0, horizon, *(part.at for part in arrivals.pattern)}
    edges |= {part.at + part.duration for part in spikes}

    def gap() -> float:
        if arrivals.process == "gamma":
            return rng.gammavariate(1 / arrivals.cv**2, arrivals.cv**2)
        return 1.0 if arrivals.process == "constant" else rng.expovariate(1.0)

    passed, coming = 0.0, gap()
    for low, high in pairwise(sorted(edge for edge in edges if edge <= horizon)):
        level = [1.0, *(part.factor for part in steps if part.at <= low)][-1]
        times = [part.factor for part in spikes if part.at <= low < part.at + part.duration]
        rate = arrivals.rate * level * math.prod(times)
        while rate > 0 and coming <= passed + rate * (high - low):
            yield low + (coming - passed) / rate
            coming += gap()
        passed += rate * (high - low)


def lognormal(rng: random.Random, p50: float, p95: float) -> float:
    """A draw of the lognormal through two quantiles."""
    return float(p50 * math.exp(math.log(p95 / p50) / 1.6448536 * rng.gauss()))


def tokens(said: Any, usual: Any, rng: random.Random) -> int:
    """Tokens of a distribution, or of the usual one where none is said."""
    law = usual if said is None else said
    if hasattr(law, "constant"):
        return int(law.constant)
    if hasattr(law, "p50"):
        return round(float(min(law.max, lognormal(rng, law.p50, law.p95))))
    u, pairs = rng.random(), pairwise(sorted(getattr(law, "quantiles", law).items()))
    (below, low), (above, high) = next(pair for pair in pairs if u <= pair[1][0])
    return round(float(low + (high - low) * (u - below) / (above - below)))


LEVELS = {"MINIMAL": 128, "LOW": 1024, "MEDIUM": 4096, "HIGH": 24576, "XHIGH": 32768}
"""Most tokens of each thinking level, by "Models"."""


def plan(scenario: Scenario, policy: Policy, strategy: Strategy, model: str) -> Thing:
    """What a strategy leaves of the calls of clients that ask for a model."""
    clients = scenario.clients
    names = resolve(strategy, model, policy.catalog)
    return Thing(
        strategy=strategy,
        chain=[_link(name, model, scenario, policy, strategy) for name in names],
        timeout_s=strategy.timeout_s or clients.timeout,
        retries=clients.retries if strategy.retries is None else strategy.retries,
    )


def _link(name: str, wanted: str, scenario: Scenario, policy: Policy, strategy: Strategy) -> Thing:
    """A model of a chain, its cap and its thinking bound, by the five steps of "Plans"."""
    profile, card, clients = profiles(scenario)[name], policy.catalog.card(name), scenario.clients
    least, most = card.budget or (0, LEVELS["HIGH"])
    levels = sorted(LEVELS[level] for level in card.levels)

    def fit(bound: float) -> int:
        if levels:
            return max([level for level in levels if level <= bound], default=levels[0])
        return int(min(bound, most)) if bound >= least else 0 if card.off else least

    def most_of(setting: int | str | None) -> int:
        if setting in (None, -1):
            return most
        return fit(LEVELS[setting] if isinstance(setting, str) else int(setting))

    # Who says nothing has what the model asked for does by itself, also of another in its place.
    unsaid = clients.thinking is None
    own = policy.catalog.card(wanted).default_thinking if unsaid else clients.thinking
    planned = most if strategy.thinking is None else most_of(strategy.thinking)
    bound = wished = min(most_of(own), planned)
    room, cap = clients.output_cap or math.inf, strategy.output_cap_tokens or math.inf
    if cap < room and bound >= cap:
        bound = fit(int(cap) // 2)
        bound = bound if bound < cap else fit(0)
        if bound >= cap:  # even the least fills it: no cap then
            bound, cap = wished, math.inf
    elif room <= cap and strategy.thinking is not None and wished < most and bound > room // 2:
        bound = fit(int(room) // 2)
    if unsaid and own is None and strategy.thinking is None and not profile.thinks_unasked:
        bound = 0
    cap = min(room, cap, card.output_limit_tokens)
    return Thing(name=name, profile=profile, price=card.price, cap=int(cap), bound=bound)
