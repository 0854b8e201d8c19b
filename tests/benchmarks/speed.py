"""How fast the simulator is, on one core: the figures of `make bench`.

One simulated hour of steady traffic in normal mode under the default policy, with a step of
the controller every second and the workload generated anew; best of seven, compilation
excluded. The default policy's cost thresholds follow its baseline of 5.5 requests a second, so
the baseline is raised: otherwise the hour would be spent in soft.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from balancer.core.controller import Controller
from balancer.core.decisions import plan
from balancer.core.modes import Priority
from balancer.core.observations import Observations
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from scenarios.schema import Scenario
from sim.plant.plant import Plant
from sim.run.engine import simulate
from sim.streams import replication_key
from sim.traffic.workload import Traffic, generate

from .simpy_processes import SimpyProcesses

__all__ = ["measure", "policy_for", "steady"]

_HOUR_S = 3600.0
_RUNS = 7
_PLANS = 200_000
_MEMORY = (
    "import json, resource, sys\n"
    "from tests.benchmarks.speed import policy_for, steady\n"
    "from sim.run.engine import simulate\n"
    "rate, duration_s = map(float, sys.argv[1:])\n"
    "run = simulate(steady(rate, duration_s), policy_for(rate), replication=0, arm='policy')\n"
    "peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "print(json.dumps([run.metrics['offered'], peak_kb / 1024]))\n"
)


def steady(rate: float, duration_s: float = _HOUR_S) -> Scenario:
    """Steady conversation traffic."""
    return Scenario.model_validate(
        {
            "scenario": "speed",
            "title": "Steady traffic",
            "duration": duration_s,
            "warm_up": 0.0,
            "workload": {"arrivals": {"process": "poisson", "rate": rate}},
        }
    )


def policy_for(rate: float) -> Policy:
    """The default policy, meant for so much traffic."""
    policy = default_policy()
    if policy.baseline is None:
        raise AssertionError("the default policy has no baseline, so its thresholds follow none")
    return replace(policy, baseline=replace(policy.baseline, requests_per_s=rate))


def measure() -> dict[str, float]:
    """All figures, by the names of `bench.json`."""
    figures: dict[str, float] = {}
    # First, as a process starts with the peak of the one that it was forked from.
    figures["peak_rss_requests"], figures["peak_rss_mb_2m_requests"] = _peak_rss_mb(500.0, 4000.0)
    # A day at 1,200 requests a second takes what these do: four times the run adds next to nothing.
    four, sixteen = (_peak_rss_mb(1200.0, millions * 1e6 / 1200.0)[1] for millions in (4, 16))
    figures["peak_rss_mb_at_1200rps"] = sixteen
    figures["peak_rss_mb_16m_beyond_4m_requests"] = sixteen - four
    for rate, simpy_s in ((50.0, 600.0), (500.0, 120.0)):
        name = f"{rate:g}rps"
        figures[f"sim_requests_per_s_{name}"] = _simulated_per_s(rate)
        figures[f"simpy_process_requests_per_s_{name}"] = _simpy_per_s(rate, simpy_s)
        figures[f"ratio_{name}"] = (
            figures[f"sim_requests_per_s_{name}"] / figures[f"simpy_process_requests_per_s_{name}"]
        )
    figures["simpy_process_requests_per_s"] = figures["simpy_process_requests_per_s_50rps"]
    figures["kernel_requests_per_s"] = _kernel_per_s(_HOUR_S)
    figures["cost_of_four_times_the_requests"] = (
        4.0 * _kernel_per_s(_HOUR_S / 4.0) / figures["kernel_requests_per_s"]
    )
    figures["controller_step_us"], figures["plan_us"] = _controller_us()
    return figures


def _best_s(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _simulated_per_s(rate: float) -> float:
    scenario, policy = steady(rate), policy_for(rate)
    first = simulate(scenario, policy, replication=0, arm="policy")
    if first.metrics["transitions"]:
        raise AssertionError("the run left normal mode; the figure would not be that of normal")

    def again() -> None:
        simulate(scenario, policy, replication=0, arm="policy")

    return first.metrics["answered"] / _best_s(again)


def _simpy_per_s(rate: float, duration_s: float) -> float:
    scenario, policy = steady(rate, duration_s), policy_for(rate)
    key = replication_key(scenario.seed, 0)
    requests = generate(scenario, key)
    SimpyProcesses(scenario, policy, requests[:1], key).run(duration_s)
    run = SimpyProcesses(scenario, policy, requests, key)
    began = time.perf_counter()
    run.run(duration_s)
    return run.account.answered / (time.perf_counter() - began)


def _kernel_per_s(duration_s: float) -> float:
    scenario, policy = steady(500.0, duration_s), policy_for(500.0)
    key = replication_key(scenario.seed, 0)
    requests = generate(scenario, key)

    def advance() -> None:
        Plant(scenario, policy, [requests], key).advance(duration_s)

    advance()
    return len(requests) / _best_s(advance)


def _controller_us() -> tuple[float, float]:
    """Microseconds of a step, and of a plan look-up, at 50 requests a second."""
    scenario, policy = steady(50.0), policy_for(50.0)
    ticks = _observed(scenario, policy)

    def steps() -> None:
        controller = Controller(policy)
        for observations in ticks:
            controller.step(observations)

    step_us = _best_s(steps) / len(ticks) * 1e6
    decision = Controller(policy).step(ticks[0])
    normal = Priority.NORMAL

    def plans() -> None:
        for _ in range(_PLANS):
            plan(decision, normal, 0.5)

    return step_us, _best_s(plans) / _PLANS * 1e6


def _observed(scenario: Scenario, policy: Policy) -> list[Observations]:
    key = replication_key(scenario.seed, 0)
    plant = Plant(scenario, policy, Traffic(scenario, key), key)
    found = []
    for tick in range(int(scenario.duration)):
        plant.advance(tick + 1.0)
        found.append(plant.observe(tick))
    return found


def _peak_rss_mb(rate: float, duration_s: float) -> tuple[float, float]:
    """Requests of a large run, and the most memory its process took."""
    found = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(rate), str(duration_s)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    requests, peak_mb = json.loads(found.stdout)
    return float(requests), float(peak_mb)
