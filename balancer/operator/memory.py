"""What the operator remembers of a resource, and what it says of it: both are its status.

There is no other memory, so that an operator that starts anew goes on where the last one was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

__all__ = [
    "Condition",
    "Gated",
    "Memory",
    "Outcome",
    "Previous",
    "Rollback",
    "Rollout",
    "status_of",
    "time_of",
]

Outcome = Literal["pass", "fail", "inconclusive", "refused"]
"""Of a gate; refused: its scenarios or margins cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The policy that an incident brings back, complete."""

    name: str
    digest: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What a gate found.

    Attributes:
        candidate, baseline: digests of the policies.
        asked: digest of the rest of the question.
        verdict: of the gate.
        words: the verdict for people.
        at: when.
    """

    candidate: str
    baseline: str
    asked: str
    verdict: Outcome
    words: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The last policy that was rolled out.

    Attributes:
        name, digest: of the policy.
        generation: of the spec that asked for it.
        at: when its document was written.
        followed: when every replica followed it, which begins its probation; "": not yet.
        proven: when probation was over; "": not yet.
    """

    name: str
    digest: str
    generation: int
    at: str
    followed: str = ""
    proven: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The policy that was taken back last, and why."""

    name: str
    digest: str
    incident: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered.

    Attributes:
        gate: the last gate.
        rollout: the last policy that was rolled out.
        previous: what was in force before, until probation is over.
        rollback: the last policy that was taken back, until another is rolled out.
    """

    gate: Gated | None = None
    rollout: Rollout | None = None
    previous: Previous | None = None
    rollback: Rollback | None = None

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Memory:
        """From a resource's status; what cannot be read is forgotten."""
        kinds = {
            "gate": Gated,
            "rollout": Rollout,
            "previous": Previous,
            "rollback": Rollback,
        }
        return cls(**{name: _read(kind, status.get(name)) for name, kind in kinds.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is so, as of Kubernetes.

    Attributes:
        type: what is asked.
        status: the answer; None: it is not known yet.
        reason: a word for programs.
        message: for people.
    """

    type: str
    status: bool | None
    reason: str
    message: str


def status_of(
    before: Mapping[str, Any],
    *,
    generation: int,
    memory: Memory,
    conditions: Sequence[Condition],
    said: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """The status of a resource, complete: what has gone is None.

    Args:
        before: as it stands there.
        generation: of the spec that it is about.
        memory: to be kept.
        conditions: that hold now. One that stays as it was keeps its time.
        said: what else there is to say.
        now: the time.
    """
    earlier = {each.get("type"): each for each in before.get("conditions") or ()}
    return {
        "observedGeneration": generation,
        **said,
        **asdict(memory),
        "conditions": [
            _condition(each, earlier.get(each.type), generation, now) for each in conditions
        ],
    }


def time_of(now: datetime) -> str:
    """A time as Kubernetes writes it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(
    found: Condition, before: Mapping[str, Any] | None, generation: int, now: datetime
) -> dict[str, Any]:
    status = {True: "True", False: "False", None: "Unknown"}[found.status]
    stays = before is not None and before.get("status") == status
    return {
        "type": found.type,
        "status": status,
        "reason": found.reason,
        # Longer ones are refused as a whole.
        "message": found.message[:32_768],
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before and stays else time_of(now),
    }


def _read(kind: type[Any], said: Any) -> Any:
    try:
        return kind(**said)
    except TypeError:
        return None
