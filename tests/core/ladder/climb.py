"""What the scripts of the ladder's tests share: worlds, a loop, and what the law remembers.

Ten requests a second unless said otherwise. A fault starts at tick 100; a decision of tick k
governs what starts in tick k + 1.
"""

from __future__ import annotations

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.policy import Policy, Strategy
from tests.core.builders import make_policy
from tests.core.loop import WELL, Health, Loop, World

__all__ = [
    "ALL_SHED",
    "EMERGENCY",
    "EVERY_MODE_FAILING",
    "FAILING",
    "FAULT",
    "HARD",
    "NORMAL",
    "SLOW",
    "SOFT",
    "loop",
    "memory",
    "rounds",
]

NORMAL, SOFT, HARD, EMERGENCY = Mode
FAILING = Health(failing=0.4)
SLOW = Health(latency_s=6.0)
FAULT = range(100, 700)
EVERY_MODE_FAILING = {mode.label: FAILING for mode in Mode}
ALL_SHED = Strategy(model="small", thinking=0, output_cap_tokens=256, shed=(1.0, 1.0, 1.0))


def loop(world: World = WELL, policy: Policy | None = None, **more: object) -> Loop:
    """A loop under the default rules of the tests' policy."""
    return Loop(Controller(policy or make_policy()), world, **more)  # type: ignore[arg-type]


def memory(run: Loop) -> dict[str, object]:
    """What the law remembers, as plain values."""
    found = run.controller.state()["memory"]
    assert isinstance(found, dict)
    return found


def rounds(run: Loop) -> list[tuple[int, Mode]]:
    """Tick and target of every probe round begun."""
    found: list[tuple[int, Mode]] = []
    before: object = None
    for decision in run.decisions:
        if decision.reasons is not before and [r.kind for r in decision.reasons] == ["probe"]:
            target = next(m for m in Mode if m is not decision.mode and decision.mix[m] > 0)
            found.append((decision.tick, target))
        before = decision.reasons
    return found
