"""What every page says at its top: the mode, why, since when, and what is not as it should be."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from ...core.decisions import tried
from ..api.brownout import brownout_status
from ..api.dependencies import Dependencies
from ..recent import MINUTE_S
from ..ticks import wall_time

__all__ = ["Standing", "standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the application is served.

    Attributes:
        mode: its label.
        since: when it was entered; None: not since the service started.
        reasons: why, in words.
        tried: another mode that a share of the requests is served in, and that share.
        held: whether an operator's order holds it.
        held_until: end of that order; None where there is none, or no calendar.
        held_reason: of that order.
        bypass: reason of the kill switch; "": it is off.
        shadow: whether modes are decided and not applied.
        troubles: what is wrong, in words.
        at: Unix time of this.
        tick: the last one; None before the first.
    """

    mode: str
    since: datetime | None
    reasons: tuple[str, ...]
    tried: tuple[str, float] | None
    held: bool
    held_until: datetime | None
    held_reason: str
    bypass: str
    shadow: bool
    troubles: tuple[str, ...]
    at: float
    tick: int | None


def standing(dependencies: Dependencies) -> Standing:
    """How the application is served now."""
    status = brownout_status(dependencies)
    since_s = dependencies.recent.since_s
    troubles = [f"{name}: {text}" for name, text in status.problems.items()]
    if status.history:
        troubles.append(f"The history is not written: {status.history}.")
    if status.policy.file_problem:
        troubles.append(f"The policy file is wrong: {status.policy.file_problem}")
    live = dependencies.balancer.status()
    troubles += [live.budget_loss] if live.budget_loss else []
    troubles += live.closed
    order = status.override
    seen = dependencies.recent.last(MINUTE_S).observations
    beside = tried(dependencies.balancer.decision, () if seen is None else seen.admitted)
    return Standing(
        mode=status.mode,
        since=None if since_s is None else wall_time(dependencies.balancer.clock, since_s),
        reasons=tuple(status.reasons),
        tried=None if beside is None else (beside[0].label, beside[1]),
        held=order is not None,
        held_until=None if order is None else order.until,
        held_reason="" if order is None else order.reason,
        bypass=status.bypass,
        shadow=status.shadow,
        troubles=tuple(troubles),
        at=time.time(),
        tick=status.tick,
    )
