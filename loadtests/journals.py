"""A live journal as a run's: the same header as a simulated one, and its changes of mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from balancer.core.journal import Entry, JournalWriter
from balancer.core.modes import Mode
from balancer.core.policy import Policy
from scenarios.schema import Scenario
from sim.run.header import run_header, versions
from sim.run.serving import Serving, serving
from sim.run.timeline import Transition

__all__ = ["servings", "transitions", "write_journal"]


def transitions(entries: Iterable[Entry], policy: Policy, until_s: float) -> tuple[Transition, ...]:
    """Changes of mode before a moment, each at the second from which it governed requests."""
    found: list[Transition] = []
    mode = Mode.NORMAL
    for entry in entries:
        decision = entry.decision
        at_s = (decision.tick + 1) * policy.tick_s
        if decision.mode != mode and at_s < until_s:
            reason = "; ".join(each.text for each in decision.reasons)
            found.append(Transition(at_s=at_s, before=mode, after=decision.mode, reason=reason))
            mode = decision.mode
    return tuple(found)


def servings(entries: Iterable[Entry], policy: Policy, until_s: float) -> tuple[Serving, ...]:
    """Changes before a moment of what requests get, each at the second it came into force."""
    found: list[Serving] = []
    for entry in entries:
        now = serving((entry.decision.tick + 1) * policy.tick_s, (entry.decision,))
        if now.at_s < until_s and not (found and now.is_like(found[-1])):
            found.append(now)
    return tuple(found)


def write_journal(
    path: Path, entries: Sequence[Entry], scenario: Scenario, policy: Policy, *, replication: int
) -> None:
    """Write what a live controller saw and decided as the journal of a run under the policy."""
    header = run_header(scenario, policy, arm="policy", replication=replication)
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        writer = JournalWriter(stream, policy, header, versions())
        for entry in entries:
            writer.write(entry.observations, entry.decision)
