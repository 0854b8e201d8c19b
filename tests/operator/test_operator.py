"""The operator with kopf, an API server over loopback, and a real service as its replica."""

from __future__ import annotations

import pytest

from balancer.core.modes import Mode
from balancer.core.observations import Alert
from balancer.operator.complete import complete
from tests.operator.api_server import ApiServer
from tests.operator.conftest import FIRST, SECOND, THIRD, Operating, ScriptedGate, spec
from tests.service.conftest import Service
from tests.waiting import until

FIRST_TEXT = complete(FIRST, "policy", "policy").text


def test_a_policy_that_passes_its_gate_is_rolled_out(
    api: ApiServer, operator: Operating, gate: ScriptedGate, replica: Service
) -> None:
    """Gated against what was in force; then the replica follows it."""
    with operator():
        api.put_policy("chat", spec())
        message = api.wait("chat", "Ready", "OnProbation")
    assert "takes it back" in message
    assert replica.balancer.policy.name == "second"
    (asked,) = gate.asked
    assert (asked.baseline.name, asked.candidate.name) == ("first", "second")
    assert asked.scenarios == ("steady",)
    status = api.status("chat")
    assert status["observedGeneration"] == 1
    assert status["inForce"]["name"] == "second"
    assert status["replicas"] == "1/1"
    assert api.wait("chat", "Gated", "Passed") == "the words of pass"
    # Nothing but a status and a ConfigMap is written: no finalizer can keep the resource.
    assert {path.rpartition("/")[2] for path, _ in api.writes} == {"status", "policy"}


@pytest.mark.slow
def test_an_incident_on_probation_takes_the_policy_back(
    api: ApiServer, operator: Operating, gate: ScriptedGate, replica: Service
) -> None:
    """An order is no incident of the policy's; and what was taken back is not tried again."""
    with operator():
        api.put_policy("chat", spec())
        api.wait("chat", "Ready", "OnProbation")
        replica.balancer.override(Mode.HARD, "a drill", for_s=600)
        _until_mode(replica, Mode.HARD)
        replica.balancer.lift("over")
        _until_mode(replica, Mode.NORMAL)
        now = replica.balancer.now_tick
        replica.balancer.alert(Alert(key="monitor", at_tick=now, mode=Mode.HARD))
        # By an alert: the drill before it took nothing back.
        message = api.wait("chat", "RolledBack", "Incident")
        assert "second" in message and "hard brownout, by an alert" in message
        until(lambda: replica.balancer.policy.name == "first", "the policy before is back")
        api.wait("chat", "Ready", "RolledBack")
        api.put_policy("chat", spec(probation="5m"))
        assert "another name" in api.wait("chat", "RolledOut", "RolledBack")
    assert api.document("policy") == FIRST_TEXT
    assert len(gate.asked) == 1
    assert api.status("chat")["inForce"]["name"] == "first"


def test_a_policy_that_cannot_be_meant_is_refused(
    api: ApiServer, operator: Operating, gate: ScriptedGate, replica: Service
) -> None:
    """One message, with the line, the key and the nearest name; nothing else happens."""
    with operator():
        api.put_policy("chat", spec("thresholds:\n  soft: {latncy_p95: 8s}\n"))
        message = api.wait("chat", "Valid", "PolicyRefused")
    assert message.startswith(
        "spec.policy:2: unknown key 'latncy_p95' in thresholds.soft (did you mean 'latency_p95'?)"
    )
    assert api.document("policy") == FIRST
    assert gate.asked == []
    assert replica.balancer.policy.name == "first"


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [("fail", "Failed"), ("inconclusive", "Inconclusive"), ("refused", "Refused")],
)
def test_a_policy_that_does_not_pass_is_not_rolled_out(
    verdict: str, reason: str, api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """It is said why, and asked once; another policy that passes is rolled out."""
    gate.verdicts["second"] = verdict
    api.put_document("policy", FIRST)
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec())
        assert api.wait("chat", "Gated", reason) == f"the words of {verdict}"
        assert "first" in api.wait("chat", "RolledOut", "NotGated")
        assert api.document("policy") == FIRST
        assert len(gate.asked) == 1
        api.put_policy("chat", spec(THIRD))
        api.wait("chat", "Ready", "OnProbation")
        assert "third" in str(api.document("policy"))


def test_only_the_newest_of_several_policies_counts(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """The gate of one that is not asked for any more is stopped."""
    gate.verdicts["second"] = "waits"
    api.put_document("policy", FIRST)
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec(SECOND))
        until(lambda: gate.asked, "the gate of the first")
        api.put_policy("chat", spec(THIRD))
        api.wait("chat", "Ready", "OnProbation")
    assert gate.cancelled == ["second"]
    assert "third" in str(api.document("policy"))
    assert api.status("chat")["gate"]["candidate"] == complete(THIRD, "", "").digest


def test_an_operator_that_starts_anew_goes_on(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """A gate under way begins again; one that is decided does not."""
    gate.verdicts["second"] = "waits"
    api.put_document("policy", FIRST)
    with api.replica("policy"):
        with operator():
            api.put_policy("chat", spec(gate={"scenarios": ["steady"], "margin": "cost=2%"}))
            api.wait("chat", "Gated", "Gating")
            until(lambda: gate.asked, "the gate")
        assert gate.cancelled == ["second"]
        gate.verdicts["second"] = "pass"
        with operator():
            api.wait("chat", "Ready", "OnProbation")
        asked, before = len(gate.asked), len(api.writes)
        with operator():
            api.put_policy("chat", spec(gate={"scenarios": ["steady"], "margin": "cost=2%"}))
            api.wait("chat", "Ready", "OnProbation")
    assert [each.margin for each in gate.asked] == ["cost=2%"] * asked
    # It has only said that it saw the new generation.
    assert {path.rpartition("/")[2] for path, _ in api.writes[before:]} == {"status"}


def test_a_deleted_resource_leaves_its_policy_in_force(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """And its gate ends with it."""
    gate.verdicts["third"] = "waits"
    api.put_document("policy", FIRST)
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec())
        api.wait("chat", "Ready", "OnProbation")
        written = api.document("policy")
        api.put_policy("chat", spec(THIRD))
        api.wait("chat", "Gated", "Gating")
        api.delete_policy("chat")
        until(lambda: gate.cancelled == ["third"], "the gate is stopped")
        assert api.document("policy") == written


def test_a_target_that_does_not_answer_is_asked_again(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """The condition says who and why; nothing is rolled out that nobody could watch."""
    api.put_document("policy", FIRST)
    with operator():
        api.put_policy("chat", spec())
        message = api.wait("chat", "RolledOut", "TargetSilent")
        assert message == "no replica is ready behind the Service 'balancer'"
        api.put_endpoints("balancer", "127.0.0.1:1")
        until(lambda: "127" in api.condition("chat", "RolledOut")["message"], "it is asked")
        message = api.wait("chat", "RolledOut", "TargetSilent")
        assert message.startswith("127.0.0.1:1: does not answer")
        assert api.document("policy") == FIRST
        with api.replica("policy"):
            api.wait("chat", "Ready", "OnProbation")
    assert len(gate.asked) == 1


def test_what_is_in_force_without_a_document_is_asked_of_the_replicas(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """Then there is one."""
    api.started_with = THIRD
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec())
        api.wait("chat", "Ready", "OnProbation")
    (asked,) = gate.asked
    assert asked.baseline.name == "third"
    assert "second" in str(api.document("policy"))


def test_an_api_server_that_fails_is_asked_again(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """What was found meanwhile is not lost, and a new token is taken."""
    api.put_document("policy", FIRST)
    with operator(), api.replica("policy"):
        api.fail_next("status", 3)
        api.fail_next("policy", 3)
        api.put_policy("chat", spec())
        api.wait("chat", "Ready", "OnProbation")
    assert len(gate.asked) == 1


def test_a_gate_that_breaks_is_tried_again(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """A process that was killed is no verdict."""
    gate.verdicts["second"] = "broke"
    api.put_document("policy", FIRST)
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec())
        assert "ended by signal 9" in api.wait("chat", "Gated", "GateBroke")
        assert api.document("policy") == FIRST
        gate.verdicts["second"] = "pass"
        api.wait("chat", "Ready", "OnProbation")


def test_a_target_has_one_policy(api: ApiServer, operator: Operating, gate: ScriptedGate) -> None:
    """Two that write one ConfigMap would undo each other for ever."""
    api.put_document("policy", FIRST)
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec())
        api.wait("chat", "Ready", "OnProbation")
        api.put_policy("other", spec(THIRD))
        assert "'chat' writes to the ConfigMap 'policy'" in api.wait(
            "other", "Valid", "TargetTaken"
        )
        api.delete_policy("chat")
        api.wait("other", "Ready", "OnProbation")
    assert "third" in str(api.document("policy"))


def test_a_policy_may_stand_in_a_config_map(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """One that is not there yet is waited for; a wrong key is told from its neighbours."""
    api.put_document("policy", FIRST)
    source = {"configMap": "policies", "key": "chat.yaml"}
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec(None, policyFrom=source))
        assert "no ConfigMap 'policies'" in api.wait("chat", "Valid", "NoDocument")
        api.put_document("policies", SECOND, "chats.yaml")
        until(
            lambda: "did you mean 'chats.yaml'?" in api.condition("chat", "Valid")["message"],
            "the key is told",
        )
        api.put_document("policies", SECOND, "chat.yaml")
        api.wait("chat", "Ready", "OnProbation")
    assert "second" in str(api.document("policy"))


LAUNCH = (
    "scenario: launch\ntitle: Is it as good for a minute?\nduration: 1m\nwarm_up: 10s\n"
    "workload: {arrivals: {process: poisson, rate: 1}}\n"
)


def test_a_policy_is_gated_on_scenarios_of_a_config_map(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """What is wrong with them is told; once they are mended, or change, there is a gate."""
    api.put_document("policy", FIRST)
    gate.verdicts["second"] = "fail"
    own = {"scenarios": ["steady"], "scenariosFrom": {"configMap": "ours"}}
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec(gate=own))
        assert api.wait("chat", "Gated", "NoScenario") == (
            "spec.gate.scenariosFrom: there is no ConfigMap 'ours'"
        )
        api.put_documents("ours", {"launch.yaml": LAUNCH.replace("rate", "raet")})
        message = api.wait("chat", "Gated", "ScenarioRefused")
        assert message.startswith("ours/launch.yaml:5: unknown key 'raet'"), message
        assert "did you mean 'rate'?" in message
        assert gate.asked == []
        api.put_documents("ours", {"launch.yaml": LAUNCH})
        api.wait("chat", "Gated", "Failed")
        gate.verdicts["second"] = "pass"
        api.put_documents("ours", {"launch.yaml": LAUNCH.replace("1m", "2m")})
        api.wait("chat", "Ready", "OnProbation")
    first, second = gate.asked
    assert [each.name for each in first.own_scenarios] == ["launch.yaml"]
    assert (first.scenarios, second.scenarios) == (("steady",), ("steady",))
    assert first.digest != second.digest


def test_a_policy_in_force_needs_its_scenarios_no_more(
    api: ApiServer, operator: Operating, gate: ScriptedGate
) -> None:
    """A ConfigMap that is deleted afterwards takes nothing back, and makes nothing unready."""
    api.put_document("policy", SECOND)
    with operator(), api.replica("policy"):
        api.put_policy("chat", spec(gate={"scenariosFrom": {"configMap": "ours"}}))
        api.wait("chat", "Ready", "InForce")
    assert gate.asked == []


def _until_mode(service: Service, mode: Mode) -> None:
    until(lambda: service.balancer.decision.mode is mode, f"mode {mode.label}")
