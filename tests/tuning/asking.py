"""A tuning of seconds: three minutes of a slow model, and a policy that is blind to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scenarios.loader import load
from scenarios.schema import Scenario
from sim.tuning.asked import Asked, split
from sim.tuning.constraints import parse_constraints
from sim.tuning.fields import Fields, policy_fields
from sim.tuning.objectives import parse_objectives
from sim.tuning.space import Space, read_space

SLOW = """\
scenario: {name}
title: A slow model
duration: 3m
warm_up: 10s
workload:
  arrivals: {{process: poisson, rate: 5}}
faults:
  - {{kind: latency, model: asked, factor: x{factor}, at: 30s, for: 2m}}
"""

BLIND = """\
# Nobody waits so long.
name: blind
thresholds:
  soft: {latency_p95: 500s}  # far too late
  hard: {latency_p95: 1000s}
"""

SPACE = """\
thresholds.soft.latency_p95: {from: 8s, to: 500s, log: true}
thresholds.hard.latency_p95: {times: thresholds.soft.latency_p95, from: 1.5, to: 2}
ladder.hold: {from: 30s, to: 2m, step: 30s}
"""


def slow(folder: Path, name: str = "slow", factor: int = 4) -> Scenario:
    """A scenario."""
    path = folder / f"{name}.yaml"
    path.write_text(SLOW.format(name=name, factor=factor))
    return load(path).scenario


def blind() -> Fields:
    """What may be tuned of the blind policy."""
    return policy_fields(BLIND, "blind.yaml")


def space(folder: Path, text: str = SPACE) -> Space:
    """Of the blind policy."""
    path = folder / "space.yaml"
    path.write_text(text)
    return read_space(path, blind())


def asking(
    folder: Path,
    scenarios: Sequence[Scenario] | None = None,
    *,
    objectives: str = "latency_p95",
    constraints: Sequence[str] = (),
    **changes: Any,
) -> Asked:
    """A tuning of one generation."""
    tuned_on, held_out, how = split(scenarios or [slow(folder)], None)
    values: dict[str, Any] = {
        "scenarios": tuned_on,
        "held_out": held_out,
        "split": how,
        "space": space(folder),
        "objectives": parse_objectives(objectives),
        "constraints": parse_constraints(constraints),
        "trials": 12,
        "limit_s": None,
        "sampler": "nsga2",
        "seed": None,
    }
    return Asked(**{**values, **changes})
