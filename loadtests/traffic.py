"""The requests of a scenario as a load test sends them: the very ones that are simulated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from balancer.core.errors import ScenarioError
from balancer.core.modes import Priority
from scenarios.schema import Scenario
from sim.streams import replication_key
from sim.traffic.workload import generate, scenario_keys

__all__ = ["MOST_REQUESTS", "Planned", "plan_traffic", "share_of"]

MOST_REQUESTS = 200_000
"""Requests of one load test, at most: more is no test any more, and each is kept in memory."""


class Planned(NamedTuple):
    """A request that is to be sent.

    Attributes:
        number: index in the scenario's workload; it selects every draw of the request's fate.
        at_s: scenario second of its arrival.
        klass: name of its class.
        priority: of its class.
        key: budget key (tenant), or None.
        prompt_tokens: length of its prompt, cached tokens included.
        model: that it asks for; "" is the clients' own.
    """

    number: int
    at_s: float
    klass: str
    priority: Priority
    key: str | None
    prompt_tokens: int
    model: str = ""


def plan_traffic(scenario: Scenario, replication: int) -> tuple[Planned, ...]:
    """The requests of one replication, by arrival.

    Args:
        scenario: its workload, up to its duration.
        replication: from 0; with the scenario's seed it selects every draw.

    Raises:
        ScenarioError: no request at all, or more than a load test may send.
        TraceError: a trace that cannot be read; names the line.
    """
    requests = generate(scenario, replication_key(scenario.seed, replication))
    if not 0 < len(requests) <= MOST_REQUESTS:
        raise ScenarioError(
            f"{len(requests):,} requests; a load test sends from 1 to {MOST_REQUESTS:,}: change "
            "the rate or the duration, such as --set workload.arrivals.rate=5 --set duration=10m",
            where="workload.arrivals",
        )
    names = [entry.name for entry in scenario.workload.classes]
    keys = scenario_keys(scenario)
    models = scenario.asked_models
    columns = ("s", "klass", "priority", "key", "prompt", "asked")
    rows = zip(*(requests[name].tolist() for name in columns), strict=True)
    return tuple(
        Planned(
            number=index,
            at_s=at_s,
            klass=names[klass],
            priority=Priority(priority),
            key=keys[key] if key >= 0 else None,
            prompt_tokens=n,
            model=models[asked] if scenario.workload.models else "",
        )
        for index, (at_s, klass, priority, key, n, asked) in enumerate(rows)
    )


def share_of(requests: Sequence[Planned], worker: int, workers: int) -> tuple[Planned, ...]:
    """What one of several workers sends: every so-manieth request, counted by index.

    Args:
        requests: of the whole test.
        worker: which, from 0.
        workers: how many.
    """
    return tuple(planned for planned in requests if planned.number % workers == worker)
