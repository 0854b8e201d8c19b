"""Plain queues run through the simulator's own plant, as any scenario is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from balancer.core.policy import Policy, Strategy
from balancer.prices import default_catalog
from scenarios.schema import Scenario
from sim.plant.plant import Plant
from sim.streams import replication_key
from sim.traffic.workload import Traffic

__all__ = ["bystander", "goodput_per_s", "plant", "queue_scenario", "sojourn_times_s"]

_FOR_EVER_S = 1e4
_ONE_TOKEN = {"constant": 1}


def bystander() -> Policy:
    """A policy that leaves every call as its client makes it."""
    normal = Strategy()
    return Policy(
        name="bystander",
        rules=(),
        strategies=(normal, normal, normal, normal),
        catalog=default_catalog(),
        law="none",
    )


def queue_scenario(
    rate: float,
    requests: int,
    *,
    seed: int = 1,
    warm_up_s: float = 0.0,
    clients: dict[str, Any] | None = None,
    **upstream: Any,
) -> Scenario:
    """Poisson arrivals at a plain queue with patient clients.

    Args:
        rate: arrivals a second.
        requests: expected number of arrivals after the warm-up.
        seed: of the scenario.
        warm_up_s: seconds left out of the figures.
        clients: what differs from clients that wait for ever and never try again.
        **upstream: fields of `QueueUpstream`.
    """
    return Scenario.model_validate(
        {
            "scenario": "queue",
            "title": "A plain queue",
            "duration": warm_up_s + requests / rate,
            "warm_up": warm_up_s,
            "seed": seed,
            "workload": {
                "arrivals": {"process": "poisson", "rate": rate},
                "classes": [
                    {
                        "name": "call",
                        "prompt": _ONE_TOKEN,
                        "output": _ONE_TOKEN,
                        "thinking": {"constant": 0},
                    }
                ],
            },
            "upstream": {"kind": "queue", **upstream},
            "clients": {"timeout": _FOR_EVER_S, "patience": _FOR_EVER_S, **(clients or {})},
        }
    )


def plant(scenario: Scenario, replication: int, *, keep_latencies: bool = False) -> Plant:
    """The plant of one replication, before its first request."""
    key = replication_key(scenario.seed, replication)
    return Plant(scenario, bystander(), Traffic(scenario, key), key, keep_latencies=keep_latencies)


def sojourn_times_s(scenario: Scenario, replication: int) -> np.ndarray[Any, Any]:
    """Seconds in the system of every request after the warm-up that was served."""
    run = plant(scenario, replication, keep_latencies=True)
    run.advance(math.inf)
    return np.asarray(run.latencies[~np.isnan(run.latencies)])


def goodput_per_s(
    rate: float,
    replication: int,
    *,
    outage_s: float,
    retry_budget: float | None = None,
    bound: int | None = None,
) -> float:
    """Answers a second from 500 s to 590 s, after an outage at 300 s.

    Thirty servers of 0.1 s, clients that wait one second and try once more, and a queue that
    does not learn that they have gone (Bronson et al., "Metastable failures in distributed
    systems", HotOS 2021). With a retry budget nobody tries again while nobody is answered, so
    the backlog shrinks by twenty calls a second at 280: that of 10 s is gone after 140 s.
    """
    scenario = queue_scenario(
        rate,
        round(rate * 590),
        clients={
            "timeout": 1.0,
            "retries": 1,
            "backoff": {"initial": 0.0, "jitter": 0.0},
            "retry_budget": retry_budget,
        },
        servers=30,
        mean=0.1,
        cancels=False,
        bound=bound,
    )
    run = plant(scenario, replication)
    run.advance(300.0)
    run.stall(300.0 + outage_s)
    run.advance(500.0)
    before = run.totals().answered
    run.advance(590.0)
    return (run.totals().answered - before) / 90.0
