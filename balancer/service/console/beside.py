"""What runs beside the service, and whether it is well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ...fleet.standing import Standing
from ..api.dependencies import Dependencies
from ..api.integration_views import integrations

__all__ = ["Beside", "beside", "fleet"]

_SILENT_TICKS = 3
"""Ticks without a part of a replica's, after which it is said when it had one."""

_BESIDE = {
    "telemetry": "Telemetry",
    "datadog_poll": "Datadog, its signals",
    "datadog_mirror": "Datadog, events and incidents",
    "notify": "Notifications",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Something beside the service: `state` is ok, off, bad or warn."""

    name: str
    state: str
    said: str
    ok_at: datetime | None = None


def beside(dependencies: Dependencies) -> tuple[Beside, ...]:
    """What runs beside the service, and whether it is well."""
    store = dependencies.store
    state = "bad" if store.broken else "warn" if store.lost else "ok"
    found = [Beside(name="History", state=state, said=store.problem or "written")]
    status = dependencies.balancer.status()
    if "journal" in status.problems:
        found.append(Beside(name="Journal", state="bad", said=status.problems["journal"]))
    else:
        there = bool(status.journal)
        found.append(
            Beside(
                name="Journal",
                state="ok" if there else "off",
                said="written" if there else "none is kept",
            )
        )
    found.append(fleet(status.fleet))
    there_are = integrations(dependencies.integrations)
    for name, label in _BESIDE.items():
        health = there_are.get(name)
        if health is None:
            found.append(Beside(name=label, state="off", said="not set up"))
            continue
        said = health.error or {"starting": "starting", "ok": "well"}.get(
            health.state, health.state
        )
        if health.waiting:
            said += f"; {health.waiting} waiting"
        if health.dropped:
            said += f"; {health.dropped} given up"
        state = {"ok": "ok", "off": "off", "starting": "off", "stale": "warn"}.get(
            health.state, "bad"
        )
        found.append(Beside(name=label, state=state, said=said, ok_at=health.ok_at))
    return tuple(found)


def fleet(standing: Standing | None) -> Beside:
    """How this replica stands in its fleet: who decides, with how many, and on whose budget."""
    if standing is None:
        return Beside(name="Fleet", state="off", said="this process decides by itself")
    who = {"leader": "leads", "follower": "follows", "alone": "decides alone"}[standing.place]
    whom = f" {standing.leader}" if standing.place == "follower" and standing.leader else ""
    said = [f"{standing.replica} {who}{whom}"]
    if standing.tick >= 0:
        took = "replica" if standing.replicas == 1 else "replicas"
        said.append(f"{standing.replicas} {took} took part in decision {standing.tick:,}")
    said += [
        f"{peer.replica} has been silent since decision {peer.tick:,}"
        for peer in standing.seen
        if peer.tick < standing.tick - _SILENT_TICKS and peer.replica != standing.replica
    ]
    said.append("hard budgets are leased" if standing.leased else "no hard budget is leased")
    if standing.differ:
        theirs = {peer.replica: f" ({peer.policy})" for peer in standing.seen}
        names = (f"{name}{theirs.get(name, '')}" for name in standing.differ)
        said.append(f"other policy or release than {standing.holds}: {', '.join(names)}")
    if standing.problem:
        said.append(standing.problem)
    state = "warn" if standing.place == "alone" or standing.differ else "ok"
    return Beside(name="Fleet", state="bad" if standing.problem else state, said="; ".join(said))
