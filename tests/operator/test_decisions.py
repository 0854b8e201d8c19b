"""What comes next, from every state that a policy can be in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from balancer.operator.asked import Asked, read_asked
from balancer.operator.complete import CompletePolicy, complete
from balancer.operator.decisions import Decision, Seen, decide, gate_digest
from balancer.operator.memory import Gated, Memory, Previous, Rollback, Rollout, status_of
from balancer.operator.replicas import Incident, Replica
from tests.operator.conftest import FIRST, SECOND, THIRD, spec

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ASKED = read_asked(
    {"metadata": {"name": "chat", "namespace": "shop", "generation": 3}, "spec": spec()}
)


def policy(text: str) -> CompletePolicy:
    """Complete."""
    return complete(text, "policy", "policy")


ONE, TWO, THREE = policy(FIRST), policy(SECOND), policy(THIRD)
PASSED = Gated(
    candidate=TWO.digest,
    baseline=ONE.digest,
    asked=gate_digest(ASKED, ()),
    verdict="pass",
    words="Yes",
    at="2026-01-31T11:00:00Z",
)
PREVIOUS = Previous(name=ONE.name, digest=ONE.digest, text=ONE.text)
ROLLOUT = Rollout(name=TWO.name, digest=TWO.digest, generation=3, at="2026-01-31T11:59:00Z")
FOLLOWED = replace(ROLLOUT, followed="2026-01-31T11:59:30Z")


def replica(follows: CompletePolicy, *incidents: Incident, number: int = 1) -> Replica:
    """One that answers, and follows a policy since a minute ago."""
    return Replica(
        address=f"10.0.0.{number}:8080",
        policy=follows,
        since=NOW - timedelta(minutes=1),
        incidents=incidents,
    )


def incident(after_s: float, cause: str = "controller") -> Incident:
    """One that opened some seconds after the replica began to follow its policy."""
    return Incident(
        number=7,
        opened_at=NOW + timedelta(seconds=after_s - 60),
        cause=cause,
        text="hard brownout: latency",
    )


NOTHING = Memory()


def decided(
    memory: Memory = NOTHING,
    *,
    candidate: CompletePolicy | None = TWO,
    in_force: CompletePolicy | None = ONE,
    replicas: tuple[Replica, ...] = (replica(ONE),),
    now: datetime = NOW,
    asked: Asked = ASKED,
    **seen: Any,
) -> Decision:
    """What comes next."""
    found = Seen(candidate=candidate, in_force=in_force, replicas=replicas, **seen)
    return decide(asked, memory, found, now)


def reasons(decision: Decision) -> dict[str, tuple[bool | None, str]]:
    """Answer and reason by condition."""
    return {each.type: (each.status, each.reason) for each in decision.conditions}


def test_another_policy_is_gated_first() -> None:
    """Against the one in force, on what the spec names."""
    found = decided()
    assert found.gate is not None and found.write is None
    assert (found.gate.baseline, found.gate.candidate) == (ONE, TWO)
    assert reasons(found)["Gated"] == (None, "Gating")
    assert reasons(found)["Ready"] == (None, "Gating")


def test_a_policy_that_passed_is_written() -> None:
    """What was in force is kept for the way back; doing it twice is doing it once."""
    found = decided(Memory(gate=PASSED))
    assert found.write == TWO and found.gate is None
    assert found.memory.previous == PREVIOUS
    assert found.memory.rollout == replace(ROLLOUT, at="2026-01-31T12:00:00Z")
    again = decided(found.memory)
    assert (again.write, again.memory) == (found.write, found.memory)


@pytest.mark.parametrize(
    "changed",
    [
        {"in_force": THREE},
        {"candidate": THREE},
        {"asked": replace(ASKED, scenarios=("steady", "latency_spike"))},
        {"asked": replace(ASKED, margin="cost=1%")},
        {"asked": replace(ASKED, replications_max=20)},
    ],
)
def test_a_verdict_answers_one_question(changed: dict[str, Any]) -> None:
    """Another baseline, candidate or question is gated anew."""
    found = decided(Memory(gate=PASSED), **changed)
    assert found.gate is not None and found.write is None


@pytest.mark.parametrize("verdict", ["fail", "inconclusive", "refused"])
def test_a_verdict_against_a_policy_stands(verdict: Any) -> None:
    """It is neither written nor asked again."""
    found = decided(Memory(gate=replace(PASSED, verdict=verdict, words="No")))
    assert found.gate is None and found.write is None and not found.busy
    assert reasons(found)["RolledOut"] == (False, "NotGated")


def test_a_policy_that_was_in_force_already_needs_no_gate() -> None:
    """As of a resource that takes over what somebody wrote by hand."""
    found = decided(candidate=ONE)
    assert found.gate is None and found.write is None and not found.busy
    assert reasons(found)["Ready"] == (True, "InForce")
    assert reasons(found)["Gated"] == (True, "WasInForce")


def test_probation_begins_when_all_follow_and_ends_after_its_time() -> None:
    """Then there is no way back any more, and the policy is ready."""
    memory = Memory(gate=PASSED, rollout=ROLLOUT, previous=PREVIOUS)
    late = decided(memory, in_force=TWO, replicas=(replica(TWO), replica(ONE, number=2)))
    assert reasons(late)["RolledOut"] == (False, "RollingOut")
    assert late.memory.rollout == ROLLOUT
    begun = decided(late.memory, in_force=TWO, replicas=(replica(TWO), replica(TWO, number=2)))
    assert begun.memory.rollout == replace(ROLLOUT, followed="2026-01-31T12:00:00Z")
    assert reasons(begun)["Ready"] == (False, "OnProbation") and begun.busy
    end = NOW + timedelta(minutes=30)
    on = decided(
        begun.memory, in_force=TWO, replicas=(replica(TWO),), now=end - timedelta(seconds=1)
    )
    assert reasons(on)["Ready"] == (False, "OnProbation")
    over = decided(begun.memory, in_force=TWO, replicas=(replica(TWO),), now=end)
    assert reasons(over)["Ready"] == (True, "InForce") and not over.busy
    assert over.memory.previous is None
    assert over.memory.rollout is not None
    assert over.memory.rollout.proven == "2026-01-31T12:30:00Z"
    later = decided(over.memory, in_force=TWO, replicas=(replica(TWO, incident(1)),), now=end)
    assert later.write is None, "an incident after probation is the policy's daily work"


def test_probation_does_not_end_unseen() -> None:
    """A replica that does not answer may have had an incident."""
    memory = Memory(gate=PASSED, rollout=FOLLOWED, previous=PREVIOUS)
    silent = Replica(address="10.0.0.2:8080", problem="does not answer within 5 s")
    found = decided(
        memory, in_force=TWO, replicas=(replica(TWO), silent), now=NOW + timedelta(hours=1)
    )
    assert found.memory.rollout == FOLLOWED
    assert reasons(found)["Ready"] == (False, "TargetSilent") and found.trouble


@pytest.mark.parametrize("rollout", [ROLLOUT, FOLLOWED])
def test_an_incident_takes_the_policy_back(rollout: Rollout) -> None:
    """Of any replica that follows it, whatever the spec asks for meanwhile."""
    memory = Memory(gate=PASSED, rollout=rollout, previous=PREVIOUS)
    for candidate in (TWO, THREE, None):
        found = decided(
            memory,
            candidate=candidate,
            refusal=("PolicyRefused", "no policy"),
            in_force=TWO,
            replicas=(replica(TWO), replica(TWO, incident(5), number=2)),
        )
        assert found.write is not None and found.write.text == ONE.text
        assert found.memory.rollout is None
        assert found.memory.rollback is not None
        assert "incident 7 of 10.0.0.2:8080" in found.memory.rollback.incident
        again = decided(found.memory, in_force=TWO, replicas=(replica(TWO),))
        assert again.write == found.write, "a write that was lost is done again"


@pytest.mark.parametrize(
    "replicas",
    [
        (replica(TWO, incident(-1)),),
        (replica(TWO, incident(5, "override")),),
        (replica(ONE, incident(5)),),
    ],
    ids=["before it", "ordered", "under another"],
)
def test_an_incident_that_is_not_the_policy_s_changes_nothing(
    replicas: tuple[Replica, ...],
) -> None:
    """One from before, one that somebody ordered, one under the policy before."""
    memory = Memory(gate=PASSED, rollout=ROLLOUT, previous=PREVIOUS)
    found = decided(memory, in_force=TWO, replicas=replicas)
    assert found.write is None and found.memory.rollback is None


def test_what_was_taken_back_is_not_tried_again() -> None:
    """As it is; another policy is, and forgets it."""
    taken = Rollback(name=TWO.name, digest=TWO.digest, incident="incident 7", at="now")
    memory = Memory(gate=PASSED, previous=PREVIOUS, rollback=taken)
    found = decided(memory)
    assert found.write is None and found.gate is None
    assert reasons(found)["Ready"] == (False, "RolledBack")
    renamed = policy(SECOND.replace("second", "second again"))
    assert decided(memory, candidate=renamed).gate is not None
    gate = replace(PASSED, candidate=renamed.digest)
    written = decided(replace(memory, gate=gate), candidate=renamed)
    assert written.write == renamed and written.memory.rollback is None


def test_the_way_back_from_probation_has_no_gate() -> None:
    """Whoever wants the policy before need not wait."""
    memory = Memory(gate=PASSED, rollout=FOLLOWED, previous=PREVIOUS)
    found = decided(memory, candidate=ONE, in_force=TWO, replicas=(replica(TWO),))
    assert found.write == ONE
    assert reasons(found)["Gated"] == (True, "Undo")
    again = decided(found.memory, candidate=ONE, in_force=TWO, replicas=(replica(TWO),))
    assert again.write == ONE, "a write that was lost is done again"
    back = decided(again.memory, candidate=ONE, in_force=ONE)
    assert reasons(back)["Ready"] == (True, "InForce")
    assert (back.memory.rollout, back.memory.previous) == (None, None)


def test_a_policy_on_probation_is_nothing_to_go_back_to() -> None:
    """What the next one is taken back to is the last that outlived its probation."""
    memory = Memory(
        gate=replace(PASSED, candidate=THREE.digest, baseline=TWO.digest),
        rollout=FOLLOWED,
        previous=PREVIOUS,
    )
    found = decided(memory, candidate=THREE, in_force=TWO, replicas=(replica(TWO),))
    assert found.write == THREE
    assert found.memory.previous == PREVIOUS


@pytest.mark.parametrize(
    ("replicas", "said"),
    [
        ((), "no replica is ready"),
        ((Replica(address="10.0.0.1:8080", problem="answers 500"),), "10.0.0.1:8080: answers 500"),
    ],
)
def test_nothing_is_rolled_out_that_nobody_watches(
    replicas: tuple[Replica, ...], said: str
) -> None:
    """Nor gated against a policy that nobody knows."""
    for memory, in_force in ((Memory(gate=PASSED), ONE), (Memory(), None)):
        found = decided(memory, in_force=in_force, replicas=replicas)
        assert found.write is None and found.gate is None and found.trouble
        assert reasons(found)["RolledOut"] == (False, "TargetSilent")
        assert said in found.conditions[2].message


def test_a_replica_that_refuses_its_file_is_named() -> None:
    """An older release may not know a key of the policy."""
    refusing = replace(replica(ONE), refuses="policy.yaml:3: unknown key")
    found = decided(
        Memory(gate=PASSED, rollout=ROLLOUT, previous=PREVIOUS), in_force=TWO, replicas=(refusing,)
    )
    assert reasons(found)["RolledOut"] == (False, "ReplicaRefuses")
    assert "10.0.0.1:8080 refuses its policy file: policy.yaml:3" in found.conditions[2].message


def test_a_status_holds_all_that_is_remembered() -> None:
    """There and back; a condition keeps its time while its answer stays."""
    memory = Memory(gate=PASSED, rollout=ROLLOUT, previous=PREVIOUS)
    found = decided(memory, in_force=TWO, replicas=(replica(TWO),))
    how = {"generation": 3, "memory": found.memory, "conditions": found.conditions, "said": {}}
    first = status_of({}, **how, now=NOW)  # type: ignore[arg-type]
    assert Memory.of(first) == found.memory
    later = status_of(first, **how, now=NOW + timedelta(hours=1))  # type: ignore[arg-type]
    assert later == first
    assert Memory.of({"gate": {"verdict": "of another release"}}) == Memory()
