"""The kernel and a run of plain simpy processes observe the same and come to the same totals."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.controller import Controller
from balancer.core.histogram import Histogram
from balancer.policy_file import default_policy
from scenarios.schema import Scenario, UpstreamFault
from sim.plant.plant import Plant
from sim.plant.upstream_records import FAULT_KINDS
from sim.streams import replication_key
from sim.traffic.workload import generate
from tests.benchmarks.simpy_processes import SimpyProcesses

SECONDS = 400

FAULTS: dict[str, list[dict[str, Any]]] = {
    "healthy": [],
    "slow": [{"kind": "latency", "factor": 6, "add": 1.0, "share": 0.7}],
    "hanging": [{"kind": "hang", "share": 0.3}],
    "failing": [
        {"kind": "error", "error": "overloaded", "share": 0.3},
        {"kind": "error", "error": "reset", "share": 0.1},
        {"kind": "error", "error": "malformed", "share": 0.1},
        {"kind": "error", "error": "quota_day", "share": 0.05},
    ],
    "dear": [
        {"kind": "thinking", "factor": 40, "ignores_budget": True, "share": 0.5},
        {"kind": "output", "factor": 3},
        {"kind": "price", "factor": 2},
        {"kind": "cut", "share": 0.2},
    ],
    "out of quota": [{"kind": "quota", "factor": 0.5}],
}


PROJECTS: dict[str, dict[str, Any]] = {
    "a shared quota": {"quota": {"rpm": 450, "counting": "sliding", "counts_refused": True}},
    "buckets": {"quota": {"tpm": 500_000, "counting": "bucket", "burst": "20s"}},
    "a spend limit": {"spend_limit": {"usd": 0.6, "per": "1m"}},
}


def _scenario(faults: list[dict[str, Any]], project: dict[str, Any] | None = None) -> Scenario:
    return Scenario.model_validate(
        {
            "scenario": "both",
            "title": "The same run twice",
            "duration": SECONDS,
            "warm_up": 0,
            "workload": {
                "arrivals": {"rate": 5},
                "classes": [
                    {"name": "batch", "share": 0.3, "priority": "low"},
                    {"name": "chat", "share": 0.7, "priority": "high"},
                ],
            },
            "upstream": {
                "kind": "gemini",
                "models": {
                    "gemini-2.5-flash": {
                        "capacity": 30,
                        "overload_limit": 60,
                        "error_share": 0.01,
                        "quota": {"rpm": 400, "tpm": 600_000, "rpd": 1_500},
                    }
                },
                **(project or {}),
            },
            "clients": {
                "timeout": 25,
                "patience": 50,
                "honours_retry_delay": True,
                "reasks": {"share": 0},
                "overhead": 0,
            },
            "faults": [{"at": 0, "for": SECONDS, **fault} for fault in faults],
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAULTS, *PROJECTS])
def test_the_kernel_agrees_with_processes(name: str) -> None:
    """Requests, attempts, bills and every latency, with the controller in the loop.

    Tick by tick, and in all, to the nano-dollar.
    """
    scenario = _scenario(FAULTS.get(name, []), PROJECTS.get(name))
    policy = default_policy()
    key = replication_key(scenario.seed, 0)
    requests = generate(scenario, key)
    plant = Plant(scenario, policy, [requests], key)
    processes = SimpyProcesses(scenario, policy, requests, key)
    for row, fault in enumerate(scenario.faults):
        assert isinstance(fault, UpstreamFault)
        assert fault.kind in FAULT_KINDS
        plant.set_fault(row, fault)
        processes.upstream.faults[row] = plant.faults[row]

    controller = Controller(policy)
    observed = []
    for tick in range(SECONDS):
        plant.advance(tick + 1.0)
        observed.append(plant.observe(tick))
        plant.apply(controller.step(observed[-1]))
    plant.drain()
    totals = plant.totals()
    account = processes.run(SECONDS + 1000.0)

    assert [seen.requests for seen in processes.observed] == [seen.requests for seen in observed]
    assert account.offered == totals.offered > 1500
    assert account.answered == totals.answered
    assert account.failed == totals.failed
    assert account.shed == totals.shed
    assert account.attempts == totals.attempts
    assert account.attempts_failed == totals.attempts_failed
    assert account.observed_nano_usd == totals.observed_nano_usd
    assert account.true_nano_usd == totals.true_nano_usd
    assert Histogram.from_counts(account.latency) == totals.latency
