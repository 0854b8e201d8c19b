"""What a journal's header and a verdict say about the run: scenario, faults, assumptions."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from typing import Any

from balancer.core.policy import Policy
from balancer.records.codec import to_json
from balancer.records.verdict import FaultWindow
from scenarios.schema import Scenario

from .assumptions import assumptions
from .fault_windows import describe, fault_name, windows

__all__ = ["fault_rows", "run_header", "versions"]


def fault_rows(scenario: Scenario) -> tuple[FaultWindow, ...]:
    """Every window of every fault, cut at the horizon, in order of their starts."""
    rows = [
        FaultWindow(
            name=fault_name(fault, place),
            kind=fault.kind,
            text=describe(fault),
            from_s=window.from_s,
            to_s=min(window.to_s, scenario.duration),
        )
        for place, fault in enumerate(scenario.faults)
        for window in windows(fault, scenario.duration)
    ]
    return tuple(sorted(rows, key=lambda row: (row.from_s, row.to_s, row.name)))


def run_header(scenario: Scenario, policy: Policy, *, arm: str, replication: int) -> dict[str, Any]:
    """The `run` of a journal's header, as plain values."""
    return {
        "scenario": scenario.scenario,
        "title": scenario.title,
        "arm": arm,
        "seed": scenario.seed,
        "replication": replication,
        "duration_s": scenario.duration,
        "warm_up_s": scenario.warm_up,
        "tick_s": policy.tick_s,
        "date": policy.catalog.as_of,
        "faults": to_json(fault_rows(scenario)),
        "assumptions": list(assumptions(scenario, policy)),
    }


@cache
def versions() -> dict[str, str]:
    """Versions of what a run's figures can depend on, beside this project's own."""
    libraries = {name: version(name) for name in ("numba", "numpy", "simpy")}
    return {"python": platform.python_version(), **libraries}
