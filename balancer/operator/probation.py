"""Probation: a policy that was rolled out is watched, and an incident takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from .memory import Memory, Rollback, Rollout, time_of
from .replicas import Incident, Replica

__all__ = ["on_probation", "probation_ends", "watched"]


def watched(
    memory: Memory, replicas: Sequence[Replica], probation_s: float, now: datetime
) -> Memory:
    """The memory after a look at the policy on probation.

    Args:
        memory: before it.
        replicas: of the target, those that are ready.
        probation_s: how long it is watched, from when all follow it.
        now: the time.
    """
    rollout = memory.rollout
    if rollout is None or rollout.proven:
        return memory
    found = _incident(rollout, replicas)
    if found is not None:
        address, incident = found
        text = f"incident {incident.number} of {address}: {incident.text}"
        taken = Rollback(name=rollout.name, digest=rollout.digest, incident=text, at=time_of(now))
        return replace(memory, rollout=None, rollback=taken)
    if not replicas or any(
        replica.policy is None or replica.policy.digest != rollout.digest for replica in replicas
    ):
        return memory
    if not rollout.followed:
        return replace(memory, rollout=replace(rollout, followed=time_of(now)))
    if now >= probation_ends(rollout, probation_s):
        return replace(memory, rollout=replace(rollout, proven=time_of(now)), previous=None)
    return memory


def _incident(rollout: Rollout, replicas: Sequence[Replica]) -> tuple[str, Incident] | None:
    """An incident that a replica opened since it follows the policy; both by its own clock.

    A mode that somebody ordered says nothing of the policy.
    """
    for replica in replicas:
        if replica.policy is None or replica.since is None:
            continue
        if replica.policy.digest == rollout.digest:
            for incident in replica.incidents:
                if incident.opened_at >= replica.since and incident.cause != "override":
                    return replica.address, incident
    return None


def probation_ends(rollout: Rollout, probation_s: float) -> datetime:
    """When the probation of a policy that all follow is over."""
    return datetime.fromisoformat(rollout.followed) + timedelta(seconds=probation_s)


def on_probation(memory: Memory) -> bool:
    """Whether a policy was rolled out that has not outlived its probation."""
    return memory.rollout is not None and not memory.rollout.proven
