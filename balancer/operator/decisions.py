"""What comes next for a policy: pure, from what is asked, what is remembered and what is seen.

Each round takes at most two steps, after its memory is kept: a document is written, and a gate
runs. Both may be done twice, so that a round that was cut short is taken again as it was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from .asked import Asked
from .complete import CompletePolicy
from .memory import Condition, Memory, Outcome, Previous, Rollout, time_of
from .own_scenarios import OwnScenario
from .probation import on_probation, probation_ends, watched
from .replicas import Replica

__all__ = ["Decision", "GateAsked", "Seen", "decide", "gate_digest", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was found in a round.

    Attributes:
        candidate: the policy that is asked for; None: there is none.
        refusal: why there is none: a reason for programs and a message.
        in_force: the policy of the target's document; where there is no document that can be
            read, what the replicas follow. None: neither is known.
        replicas: of the target, those that are ready.
        no_replica: what to say where there is none.
        gate_trouble: why the gate ended without a verdict; "": it did not.
        scenarios: of one's own.
        unfit: why there are none, though they are asked for: a reason and a message; None: they
            are there.
    """

    candidate: CompletePolicy | None
    refusal: tuple[str, str] = ("", "")
    in_force: CompletePolicy | None = None
    replicas: tuple[Replica, ...] = ()
    no_replica: str = "no replica is ready"
    gate_trouble: str = ""
    scenarios: tuple[OwnScenario, ...] = ()
    unfit: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAsked:
    """A gate that is to run.

    Attributes:
        baseline, candidate: the policy in force, and the one that may replace it.
        scenarios, margin, replications_max: as in `Asked`.
        own_scenarios: as in `Seen`.
        digest: of these four.
    """

    baseline: CompletePolicy
    candidate: CompletePolicy
    scenarios: tuple[str, ...]
    margin: str
    replications_max: int | None
    digest: str
    own_scenarios: tuple[OwnScenario, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What comes next.

    Attributes:
        memory: to be kept first.
        conditions: that hold.
        write: the policy that is to be the target's document; None: it stays as it is.
        gate: that is to run; None: none.
        busy: whether something is about to change by itself.
        trouble: whether something has to be tried again.
    """

    memory: Memory
    conditions: tuple[Condition, ...]
    write: CompletePolicy | None = None
    gate: GateAsked | None = None
    busy: bool = False
    trouble: bool = False


def gate_digest(asked: Asked, own: tuple[OwnScenario, ...]) -> str:
    """Of all that a gate is asked beside the two policies; `own` as in `Seen.scenarios`."""
    words: tuple[object, ...] = (asked.scenarios, asked.margin, asked.replications_max)
    if own:
        words += tuple((each.name, each.text) for each in own)
    return hashlib.sha256(repr(words).encode()).hexdigest()[:12]


def refuse(memory: Memory, reason: str, message: str) -> Decision:
    """What comes of a spec that cannot be meant: nothing, and what is in force stays."""
    return _decision(
        memory,
        _no("Valid", reason, message),
        _no("Gated", "NotValid", "there is no policy to gate"),
        _no("RolledOut", "NotValid", "the policy in force stays"),
    )


def decide(asked: Asked, memory: Memory, seen: Seen, now: datetime) -> Decision:
    """What comes next.

    Args:
        asked: the spec.
        memory: the status.
        seen: of the target.
        now: the time.
    """
    memory = watched(memory, seen.replicas, asked.probation_s, now)
    candidate, in_force = seen.candidate, seen.in_force
    taken, back = memory.rollback, memory.previous
    if taken and back and in_force and in_force.digest == taken.digest:
        message = f"{taken.incident}; {back.name} comes back"
        return _decision(
            memory,
            _valid(seen),
            _unknown("Gated", "RolledBack", message),
            _no("RolledOut", "RolledBack", message),
            write=CompletePolicy(name=back.name, digest=back.digest, text=back.text),
            busy=True,
        )
    if candidate is None:
        found = refuse(memory, *seen.refusal)
        return replace(found, busy=on_probation(memory), trouble=bool(_silent(seen)))
    valid = _valid(seen)
    if in_force is None:
        # Nobody says what is in force, so there is nothing to gate against.
        message = f"what is in force is not known: {_silent(seen)}"
        return _decision(
            memory,
            valid,
            _unknown("Gated", "TargetSilent", message),
            _no("RolledOut", "TargetSilent", message),
            trouble=True,
        )
    undo = on_probation(memory) and back is not None and back.digest == candidate.digest
    if candidate.digest == in_force.digest:
        if undo:
            memory = replace(memory, rollout=None, previous=None)
        return _in_force(asked, memory, seen, valid, candidate)
    if taken is not None and taken.digest == candidate.digest:
        message = (
            f"{taken.incident}; {_told(in_force)} is in force again. {candidate.name} is not tried "
            "again as it is: change it, or give it another name"
        )
        rolled_out = _no("RolledOut", "RolledBack", message)
        return _decision(memory, valid, _gate_condition(memory, candidate), rolled_out)
    if undo:
        message = "it was in force before; the way back from a policy on probation has no gate"
        return _written(memory, valid, _yes("Gated", "Undo", message), candidate)
    if seen.unfit is not None:
        stays = _no("RolledOut", "NotGated", f"{_told(in_force)} stays in force")
        return _decision(memory, valid, _no("Gated", *seen.unfit), stays, busy=on_probation(memory))
    known = memory.gate
    if known is None or (known.candidate, known.baseline, known.asked) != (
        candidate.digest,
        in_force.digest,
        gate_digest(asked, seen.scenarios),
    ):
        return _gating(asked, memory, seen, valid, candidate, in_force)
    gated = _gate_condition(memory, candidate)
    if known.verdict != "pass":
        stays = _no("RolledOut", "NotGated", f"{_told(in_force)} stays in force")
        return _decision(memory, valid, gated, stays, busy=on_probation(memory))
    if silent := _silent(seen):
        # Nobody would see an incident.
        rolled_out = _no("RolledOut", "TargetSilent", silent)
        return _decision(memory, valid, gated, rolled_out, trouble=True)
    # What is on probation itself is nothing to go back to.
    if back is None or not on_probation(memory):
        back = Previous(name=in_force.name, digest=in_force.digest, text=in_force.text)
    rollout = Rollout(
        name=candidate.name,
        digest=candidate.digest,
        generation=asked.generation,
        at=time_of(now),
    )
    memory = replace(memory, rollout=rollout, previous=back, rollback=None)
    return _written(memory, valid, gated, candidate)


# --- the steps ----------------------------------------------------------------------------


def _in_force(
    asked: Asked, memory: Memory, seen: Seen, valid: Condition, candidate: CompletePolicy
) -> Decision:
    """The policy stands in the target's document: do all follow, and is probation over?"""
    rolled_out = _following(candidate, seen)
    found = _decision(
        memory,
        valid,
        _gate_condition(memory, candidate),
        rolled_out,
        busy=on_probation(memory) or not rolled_out.status,
        trouble=rolled_out.reason == "TargetSilent",
    )
    rollout = memory.rollout
    if not (rolled_out.status and rollout is not None and on_probation(memory)):
        return found
    until = time_of(probation_ends(rollout, asked.probation_s))
    ready = _no("Ready", "OnProbation", f"an incident before {until} takes it back")
    return replace(found, conditions=(*found.conditions[:-1], ready))


def _gating(
    asked: Asked,
    memory: Memory,
    seen: Seen,
    valid: Condition,
    candidate: CompletePolicy,
    in_force: CompletePolicy,
) -> Decision:
    """The candidate has to be gated."""
    names = (*asked.scenarios, *(each.name for each in seen.scenarios))
    message = f"{_told(candidate)} against {_told(in_force)} on {', '.join(names)}"
    gated = _unknown("Gated", "Gating", message)
    if seen.gate_trouble:
        gated = _unknown("Gated", "GateBroke", f"{message}: {seen.gate_trouble}")
    return _decision(
        memory,
        valid,
        gated,
        _no("RolledOut", "NotGated", f"{_told(in_force)} stays in force"),
        gate=GateAsked(
            baseline=in_force,
            candidate=candidate,
            scenarios=asked.scenarios,
            margin=asked.margin,
            replications_max=asked.replications_max,
            digest=gate_digest(asked, seen.scenarios),
            own_scenarios=seen.scenarios,
        ),
        busy=on_probation(memory),
        trouble=bool(seen.gate_trouble),
    )


def _written(
    memory: Memory, valid: Condition, gated: Condition, candidate: CompletePolicy
) -> Decision:
    """The candidate becomes the target's document."""
    message = "its document is written; replicas follow as it reaches them, within a minute or two"
    rolled_out = _no("RolledOut", "RollingOut", message)
    return _decision(memory, valid, gated, rolled_out, write=candidate, busy=True)


# --- conditions ---------------------------------------------------------------------------


def _decision(
    memory: Memory,
    valid: Condition,
    gated: Condition,
    rolled_out: Condition,
    *,
    write: CompletePolicy | None = None,
    gate: GateAsked | None = None,
    busy: bool = False,
    trouble: bool = False,
) -> Decision:
    """With all conditions: ready is what has passed every step, else the first it has not."""
    steps = (valid, gated, rolled_out)
    open_step = next((each for each in steps if not each.status), rolled_out)
    return Decision(
        memory=memory,
        conditions=(*steps, _rolled_back(memory), replace(open_step, type="Ready")),
        write=write,
        gate=gate,
        busy=busy,
        trouble=trouble,
    )


def _yes(kind: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=True, reason=reason, message=message)


def _no(kind: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=False, reason=reason, message=message)


def _unknown(kind: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=None, reason=reason, message=message)


def _valid(seen: Seen) -> Condition:
    if seen.candidate is None:
        return _no("Valid", *seen.refusal)
    said = "; ".join((f"policy {_told(seen.candidate)}", *seen.candidate.doubts))
    return _yes("Valid", "PolicyValid", said)


def _told(policy: CompletePolicy) -> str:
    return f"{policy.name} ({policy.digest})"


_REASONS: dict[Outcome, str] = {
    "pass": "Passed",
    "fail": "Failed",
    "inconclusive": "Inconclusive",
    "refused": "Refused",
}


def _gate_condition(memory: Memory, candidate: CompletePolicy) -> Condition:
    """What the gate said of a policy; one that nobody had to roll out was never gated."""
    known = memory.gate
    if known is None or known.candidate != candidate.digest:
        message = "it was in force already, so there was nothing to gate"
        return _yes("Gated", "WasInForce", message)
    return Condition(
        type="Gated",
        status=known.verdict == "pass",
        reason=_REASONS[known.verdict],
        message=known.words,
    )


def _rolled_back(memory: Memory) -> Condition:
    found = memory.rollback
    if found is None:
        return _no("RolledBack", "NoIncident", "no policy was taken back")
    message = f"{found.name} ({found.digest}) was taken back: {found.incident}"
    return _yes("RolledBack", "Incident", message)


def _following(candidate: CompletePolicy, seen: Seen) -> Condition:
    """Whether all replicas follow the policy."""
    follow = [
        each
        for each in seen.replicas
        if each.policy is not None and each.policy.digest == candidate.digest
    ]
    share = f"{len(follow)} of {len(seen.replicas)} replicas follow it"
    if follow and len(follow) == len(seen.replicas):
        return _yes("RolledOut", "InForce", share)
    refused = next((each for each in seen.replicas if each.refuses), None)
    if refused is not None:
        message = f"{share}; {refused.address} refuses its policy file: {refused.refuses}"
        return _no("RolledOut", "ReplicaRefuses", message)
    if silent := _silent(seen):
        return _no("RolledOut", "TargetSilent", f"{share}; {silent}")
    other = next(each for each in seen.replicas if each not in follow)
    assert other.policy is not None
    return _no(
        "RolledOut",
        "RollingOut",
        f"{share}; {other.address} follows {other.policy.name} ({other.policy.digest}). The "
        "document reaches a replica within a minute or two, if it is mounted as a directory",
    )


def _silent(seen: Seen) -> str:
    """Of the replicas that could not be asked, the first with its reason; "": all could."""
    if not seen.replicas:
        return seen.no_replica
    silent = [each for each in seen.replicas if each.problem]
    if not silent:
        return ""
    others = f", and {len(silent) - 1} more" if len(silent) > 1 else ""
    return f"{silent[0].address}{others}: {silent[0].problem}"
