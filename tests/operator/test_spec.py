"""The spec of a resource, the CRD that checks it, and what is deployed beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from balancer.cli.main import app
from balancer.core.errors import InputError
from balancer.operator.asked import GROUP, KIND, PLURAL, VERSION, read_asked
from tests.operator.conftest import spec

DEPLOY = Path(__file__).parents[2] / "deploy" / "operator"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "operator.md"
VERSIONS = ("1.31", "1.34", "1.37")


def documents(text: str) -> list[Any]:
    """Of a YAML stream."""
    return [each for each in YAML(typ="safe").load_all(text) if each]


def crd() -> Any:
    """The definition."""
    (found,) = documents((DEPLOY / "crd.yaml").read_text(encoding="utf-8"))
    return found


def schema() -> Any:
    """Of a resource."""
    (version,) = crd()["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def resource(said: dict[str, Any]) -> dict[str, Any]:
    """With a spec."""
    return {"metadata": {"name": "chat", "namespace": "shop", "generation": 1}, "spec": said}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("file", sorted(DEPLOY.glob("*.yaml")), ids=lambda file: file.stem)
def test_what_is_deployed_is_what_kubernetes_takes(file: Path, version: str) -> None:
    """By the schemas that Kubernetes publishes; a key that it does not know is a mistake."""
    for document in documents(file.read_text(encoding="utf-8")):
        if document["apiVersion"].startswith("kustomize.config.k8s.io"):
            continue
        kubernetes_validate.validate(document, version, strict=True)


def test_the_whole_goes_into_one_namespace() -> None:
    """Its account's rights too."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: it renders the kustomization")
    done = subprocess.run(
        [kubectl, "kustomize", str(DEPLOY)], capture_output=True, text=True, check=True
    )
    found = documents(done.stdout)
    assert sorted(each["kind"] for each in found) == [
        "CustomResourceDefinition", "Deployment", "Role", "RoleBinding", "ServiceAccount",
    ]  # fmt: skip
    (binding,) = [each for each in found if each["kind"] == "RoleBinding"]
    assert binding["subjects"][0]["namespace"] == binding["metadata"]["namespace"]


def test_the_operator_starts_as_it_is_deployed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its words are options of the command; outside of a cluster it says what it misses."""
    (deployment,) = documents((DEPLOY / "deployment.yaml").read_text(encoding="utf-8"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(SystemExit) as ended:
        app(container["args"], prog_name="open-balancer")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: found neither a service account nor a kubeconfig")


def test_the_definition_is_of_the_resource_that_is_watched() -> None:
    """Group, version and names."""
    found = crd()["spec"]
    assert crd()["metadata"]["name"] == f"{PLURAL}.{GROUP}"
    assert (found["group"], found["names"]["plural"], found["names"]["kind"]) == (
        GROUP,
        PLURAL,
        KIND,
    )
    assert [each["name"] for each in found["versions"]] == [VERSION]
    assert found["versions"][0]["subresources"] == {"status": {}}


def test_the_schema_is_structural() -> None:
    """Every value has a type, so that the API server prunes what nobody knows."""

    def check(part: dict[str, Any], where: str) -> None:
        assert "type" in part, where
        for name, inner in part.get("properties", {}).items():
            check(inner, f"{where}.{name}")
        if part["type"] == "array":
            check(part["items"], f"{where}[]")
        assert part["type"] != "object" or "properties" in part or where == ".metadata", where

    check(schema(), "")


def test_an_example_of_the_page_is_a_resource() -> None:
    """The schema takes it, and so does the operator."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found = [each for block in blocks for each in documents(block) if each.get("kind") == KIND]
    assert found
    for each in found:
        jsonschema.validate(each, schema())
        each["metadata"].setdefault("namespace", "shop")
        assert read_asked(each).scenarios


@pytest.mark.parametrize(
    "changed",
    [
        {"gate": {"scenarios": []}},
        {"gate": {"scenarios": ["../etc/passwd"]}},
        {"gate": {"scenarios": ["--out"]}},
        {"gate": {"scenarios": ["steady"], "margin": "--out=x"}},
        {"gate": {"scenariosFrom": {"configMap": "../secrets/x"}}},
        {"gate": {"scenariosFrom": {"configMap": "x", "keys": ["../launch.yaml"]}}},
        {"gate": {"scenariosFrom": {"configMap": "x", "keys": []}}},
        {"probation": "soon"},
        {"target": {"service": "balancer"}},
        {"target": {"service": "balancer", "configMap": "../secrets/x"}},
        {"policy": 3},
    ],
)
def test_the_schema_refuses_what_cannot_be_meant(changed: dict[str, Any]) -> None:
    """Before it is stored."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(resource(spec() | changed), schema())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"policyFrom": {"configMap": "x"}}, "spec: give policy or policyFrom, one of both"),
        ({"gate": {}}, "spec.gate.scenarios: names no scenario"),
        (
            {"gate": {"scenariosFrom": {"keys": ["a.yaml"]}}},
            "spec.gate.scenariosFrom.configMap: is missing; expected a name",
        ),
        ({"probation": "30 x"}, "spec.probation: found '30 x'"),
        ({"target": {"configMap": "x"}}, "spec.target.service: is missing; expected a name"),
    ],
)
def test_a_spec_that_another_definition_lets_through_is_refused(
    changed: dict[str, Any], said: str
) -> None:
    """One message with the key."""
    with pytest.raises(InputError) as refused:
        read_asked(resource(spec() | changed))
    assert str(refused.value).startswith(said)


def test_the_schema_s_defaults_are_the_operator_s() -> None:
    """Whoever reads the one knows the other."""
    properties = schema()["properties"]["spec"]["properties"]
    plain = read_asked(
        resource(
            {
                "policyFrom": {"configMap": "x"},
                "gate": {"scenarios": ["steady"]},
                "target": {"service": "balancer", "configMap": "policy"},
            }
        )
    )
    assert properties["probation"]["default"] == "30m"
    assert plain.probation_s == 1800
    assert plain.source is not None
    assert plain.source.key == properties["policyFrom"]["properties"]["key"]["default"]
    assert plain.target.document.key == properties["target"]["properties"]["key"]["default"]
