"""What is applied to Kubernetes: by the published schemas, and by what the service promises."""

from __future__ import annotations

import math
from typing import Any

import kubernetes_validate
import pytest

from balancer.metrics import METRICS
from balancer.prometheus_names import Translation, metric_name
from balancer.service.datadog_use import datadog_use
from balancer.service.settings import Settings
from tests.deploy.files import OVERLAYS, objects, ours, pods, rendered

VERSIONS = ("1.32", "1.35", "1.37")
CUSTOM = ("ServiceMonitor",)
"""Kinds whose schemas are not Kubernetes's own."""


def check(found: dict[str, Any], version: str) -> None:
    """Refuse what a cluster of this version would."""
    if found["kind"] not in CUSTOM:
        kubernetes_validate.validate(found, version, strict=True)


def named(found: tuple[dict[str, Any], ...], kind: str, name: str = "open-balancer") -> Any:
    """The one of a kind and a name."""
    (one,) = [each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return one


@pytest.mark.parametrize("version", VERSIONS)
def test_files_are_what_the_schemas_say(version: str) -> None:
    """As they stand, without kubectl."""
    found = list(objects())
    assert len(found) >= 10
    for where, each in found:
        assert each["apiVersion"], where
        check(each, version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_rendered_is_what_the_schemas_say(overlay: str, version: str) -> None:
    """Whatever is not as it stands in a file: patched, or made."""
    files = [each for _, each in objects()]
    found = [each for each in rendered(overlay) if each not in files]
    assert {"Deployment", "ConfigMap"} <= {each["kind"] for each in found}
    for each in found:
        check(each, version)


def test_a_misspelt_key_is_found() -> None:
    """The schemas are the strict ones."""
    wrong = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"prots": []},
    }
    with pytest.raises(kubernetes_validate.ValidationError):
        check(wrong, VERSIONS[0])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted(overlay: str) -> None:
    """By the Pod Security Standards' strictest profile, with a read-only root where it is ours."""
    found = [spec for each in rendered(overlay) for spec in pods(each)]
    assert found
    for spec in found:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        kinds = {kind for volume in spec.get("volumes", ()) for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "configMap", "persistentVolumeClaim"}
        for each in (*spec.get("initContainers", ()), *spec["containers"]):
            context = each["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert each["name"] == "application" or context["readOnlyRootFilesystem"] is True


def test_a_single_replica_keeps_its_folder_and_has_no_rival() -> None:
    """A data folder has one owner, and outlives it."""
    spec = named(rendered("small"), "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    (data,) = [each for each in spec["template"]["spec"]["volumes"] if each["name"] == "data"]
    assert set(data) == {"name", "persistentVolumeClaim"}
    named(rendered("small"), "PersistentVolumeClaim")


def test_a_fleet_never_has_more_replicas_than_share_its_budget() -> None:
    """Those of the autoscaler, and a quarter more while a rollout goes on."""
    autoscaler = named(rendered("fleet"), "HorizontalPodAutoscaler")["spec"]
    (fleet,) = [each for each in ours(kubectl=True) if each.where.startswith("fleet,")]
    settings = Settings.from_environment(fleet.environment).fleet
    assert settings is not None
    assert autoscaler["maxReplicas"] + math.ceil(autoscaler["maxReplicas"] / 4) <= settings.replicas
    assert "replicas" not in named(rendered("fleet"), "Deployment")["spec"], "the autoscaler's"
    assert autoscaler["minReplicas"] > 1, "or an eviction would leave none"


def test_the_autoscaler_goes_by_a_metric_that_there_is() -> None:
    """Under the name that Prometheus scrapes."""
    autoscaler = named(rendered("fleet"), "HorizontalPodAutoscaler")["spec"]
    known = {metric_name(metric, Translation.UNDERSCORES) for metric in METRICS}
    assert [each["pods"]["metric"]["name"] in known for each in autoscaler["metrics"]] == [True]


def test_what_is_selected_is_there() -> None:
    """By Service, monitor, budget and both policies of the network."""
    found = rendered("fleet")
    deployment = named(found, "Deployment")["spec"]["template"]
    labels = deployment["metadata"]["labels"]
    service = named(found, "Service")
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] in {
        each["name"] for each in deployment["spec"]["containers"][0]["ports"]
    }
    monitor = named(found, "ServiceMonitor")["spec"]
    assert [each["port"] for each in monitor["endpoints"]] == [port["name"]]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    for kind, name in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        assert named(found, kind)["spec"][name]["matchLabels"] == labels
    (fleet,) = [each for each in ours(kubectl=True) if each.where.startswith("fleet,")]
    assert "@valkey:6379/" in str(fleet.environment["OPEN_BALANCER_FLEET"])
    assert named(found, "Service", "valkey")["spec"]["ports"][0]["port"] == 6379


def test_the_job_is_named_as_the_service_is_in_our_dashboard() -> None:
    """Which asks for it by this name."""
    found = rendered("fleet")
    label = named(found, "ServiceMonitor")["spec"]["jobLabel"]
    named_so = datadog_use("otlp", {})
    assert named_so is not None
    assert named(found, "Service")["metadata"]["labels"][label] == named_so.target.service
