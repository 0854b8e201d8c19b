"""What the scripts of the mildest law's tests share.

Ten requests a second unless said otherwise; normal is served by one model, all other modes by a
sibling, and there is no fallback inside a request. A fault starts at tick 100.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.policy import Baseline, Policy
from tests.core.builders import STRATEGIES, make_policy, table
from tests.core.loop import WELL, Health, Loop, World

__all__ = [
    "ALL_FAILING",
    "ALL_SHED",
    "ALL_SLOW",
    "APART",
    "BASELINE",
    "BROKEN",
    "EMERGENCY",
    "FAILING",
    "FAULT",
    "HARD",
    "NORMAL",
    "NO_SHEDDING",
    "QUEUE",
    "SLOW",
    "SOFT",
    "assert_goes_on",
    "loop",
    "memory",
    "mildest",
    "probes",
]

NORMAL, SOFT, HARD, EMERGENCY = Mode
FAILING = Health(failing=0.4)
SLOW = Health(latency_s=6.0)
FAULT = range(100, 700)
BROKEN = Health(failing=1.0)
ALL_SLOW = {mode.label: SLOW for mode in Mode}
ALL_FAILING = {mode.label: FAILING for mode in Mode}
NO_SHEDDING = (*STRATEGIES[:3], replace(STRATEGIES[3], shed=(0.0, 0.0, 0.0)))
APART = (*STRATEGIES[:2], replace(STRATEGIES[2], fallback_models=("big",)), STRATEGIES[3])
"""Hard asks a model that soft does not."""
ALL_SHED = (*STRATEGIES[:3], replace(STRATEGIES[3], shed=(1.0, 1.0, 1.0)))
QUEUE = table("queue_depth", 50, 100, 200)
BASELINE = Baseline(
    workload="test", requests_per_s=10.0, prompt_tokens=500, output_tokens=200, thinking_tokens=100
)


def mildest(*args: object, **more: object) -> Policy:
    """A policy under this law, meant for the traffic of the tests."""
    return make_policy(*args, law="mildest", **({"baseline": BASELINE} | more))  # type: ignore[arg-type]


def loop(world: World = WELL, policy: Policy | None = None, **more: object) -> Loop:
    """A loop under the default rules of the tests' policy."""
    return Loop(Controller(policy or mildest()), world, **more)  # type: ignore[arg-type]


def memory(run: Loop) -> dict[str, Any]:
    """What the law remembers, as plain values."""
    found = run.controller.state()["memory"]
    assert isinstance(found, dict)
    law = found["law"]
    assert isinstance(law, dict)
    return law


def probes(run: Loop) -> list[tuple[int, str]]:
    """Tick and text of every step of a probe."""
    found: list[tuple[int, str]] = []
    for decision in run.decisions:
        for reason in decision.reasons:
            if reason.kind == "probe" and (not found or found[-1][1] != reason.text):
                found.append((decision.tick, reason.text))
    return found


def assert_goes_on(world: World, stop: int, ticks: int) -> None:
    """A law that is saved at a tick decides for so many ticks as if it had not been."""
    whole, halved = loop(world), loop(world)
    whole.run(ticks)
    halved.run(stop)
    saved = json.loads(json.dumps(halved.controller.state(), allow_nan=False))
    halved.controller = Controller.restore(mildest(), saved)
    halved.run(ticks - stop)
    assert halved.decisions == whole.decisions
    assert halved.controller.state() == whole.controller.state()
