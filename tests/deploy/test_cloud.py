"""Cloud Run and Terraform: what the platform must be told, and what runs of it without one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from balancer.adapters.datadog.monitors import KEY_TAG
from balancer.cli.dashboards import DATADOG, MONITORS
from balancer.service.settings import Settings
from tests.deploy.files import DEPLOY, documents, ours, terraform_settings

TERRAFORM = DEPLOY / "terraform"
FORMS = ("alone", "fleet", "sidecar")


def form(name: str) -> Any:
    """A service of Cloud Run."""
    (found,) = documents((DEPLOY / "cloud-run" / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def marks(name: str) -> dict[str, str]:
    """Annotations of its revisions."""
    found: dict[str, str] = form(name)["spec"]["template"]["metadata"]["annotations"]
    return found


def replicas(name: str) -> int | None:
    """How many share a budget; None: each has its own."""
    (own,) = [each for each in ours() if each.where.startswith(f"cloud-run/{name}.yaml")]
    fleet = Settings.from_environment(own.environment).fleet
    return None if fleet is None else fleet.replicas


def variables(folder: Path) -> set[str]:
    """Inputs of a module."""
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.tf"))
    return set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))


def test_there_are_these_forms() -> None:
    """And no other, which no test would look at."""
    assert {path.stem for path in (DEPLOY / "cloud-run").glob("*.yaml")} == set(FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_a_file_says_first_what_is_to_be_filled_in(name: str) -> None:
    """All of it, and nothing else."""
    text = (DEPLOY / "cloud-run" / f"{name}.yaml").read_text(encoding="utf-8")
    says, _, rest = text.partition("apiVersion:")
    places = re.compile(r"\$\{(\w+)\}")
    assert set(places.findall(says)) == set(places.findall(rest))


@pytest.mark.parametrize("name", FORMS)
def test_the_ticker_has_a_processor_between_calls(name: str) -> None:
    """And an instance to run on."""
    found = marks(name)
    assert found["run.googleapis.com/cpu-throttling"] == "false"
    assert int(found["autoscaling.knative.dev/minScale"]) >= 1


@pytest.mark.parametrize("name", FORMS)
def test_no_more_instances_than_share_a_budget(name: str) -> None:
    """While one revision takes over from another there are twice as many."""
    most = int(marks(name)["autoscaling.knative.dev/maxScale"])
    together = replicas(name)
    assert most == 1 if together is None else 2 * most <= together


@pytest.mark.parametrize("name", FORMS)
def test_containers_are_written_as_those_of_kubernetes(name: str) -> None:
    """Cloud Run takes them in this form, with two keys of its own beside them."""
    spec = dict(form(name)["spec"]["template"]["spec"])
    for own in ("containerConcurrency", "timeoutSeconds"):
        spec.pop(own, None)
    for volume in spec["volumes"]:
        # Keys of a secret are its versions.
        assert volume["secret"]["items"][0]["key"] == "latest"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    kubernetes_validate.validate(pod, "1.37", strict=True)


def test_the_sidecar_is_up_before_the_application_and_has_a_port_of_its_own() -> None:
    """PORT is the application's; only one container has `ports`."""
    application, own = form("sidecar")["spec"]["template"]["spec"]["containers"]
    after = json.loads(marks("sidecar")["run.googleapis.com/container-dependencies"])
    assert after == {application["name"]: [own["name"]]}
    assert "ports" in application and "ports" not in own
    (port,) = [each["value"] for each in own["env"] if each["name"] == "PORT"]
    assert application["env"][0]["value"] == f"http://127.0.0.1:{port}"


def test_terraform_tells_the_service_what_the_yaml_does() -> None:
    """Two forms of one deployment."""
    (own,) = [each for each in ours() if each.where.startswith("cloud-run/fleet.yaml")]
    said = terraform_settings()
    assert {name: own.environment[name] for name in said} == {
        **said,
        "OPEN_BALANCER_FLEET": own.environment["OPEN_BALANCER_FLEET"],
    }
    text = (TERRAFORM / "modules" / "cloud-run" / "main.tf").read_text(encoding="utf-8")
    assert re.search(r"cpu_idle\s+= false", text)
    secrets = (TERRAFORM / "modules" / "secrets" / "main.tf").read_text(encoding="utf-8")
    named = set(re.findall(r'= "(open-balancer-[\w-]+)"', secrets))
    forms = "".join(
        path.read_text(encoding="utf-8") for path in (DEPLOY / "cloud-run").glob("*.yaml")
    )
    assert set(re.findall(r"(?:secretKeyRef: {name|secretName): ([\w-]+)", forms)) == named


def test_modules_get_the_inputs_that_they_have() -> None:
    """What `terraform validate` would say first, and needs the providers for."""
    text = (TERRAFORM / "main.tf").read_text(encoding="utf-8")
    modules = re.findall(r'^module "\w+" {\n(.*?)^}', text, re.MULTILINE | re.DOTALL)
    assert len(modules) == 4
    for block in modules:
        (source,) = re.findall(r'source\s+= "\./(.+)"', block)
        given = set(re.findall(r"^  (\w+)\s+=", block, re.MULTILINE)) - {"source", "count"}
        own = (TERRAFORM / source).resolve()
        assert given <= variables(own), source
        for each in variables(own) - given:
            inputs = (own / "variables.tf").read_text(encoding="utf-8")
            body = inputs.partition(f'variable "{each}" {{')[2].partition("\n}")[0]
            assert "default" in body, f"{source} needs {each}"
    assert set(re.findall(r"\bvar\.(\w+)", text)) == variables(TERRAFORM)


def test_monitors_are_read_as_they_are_written(tmp_path: Path) -> None:
    """By Terraform itself: one for each tag that it is found by."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed: it reads what `dashboards` writes")
    text = (TERRAFORM / "modules" / "datadog" / "main.tf").read_text(encoding="utf-8")
    assert MONITORS in text and DATADOG in text and f'"{KEY_TAG}"' in text
    (expression,) = re.findall(r"monitors = ({\n.*?^  })", text, re.MULTILINE | re.DOTALL)
    tags = [["a", f"{KEY_TAG}one"], [f"{KEY_TAG}two", "b"]]
    (tmp_path / MONITORS).write_text(json.dumps([{"name": "same", "tags": each} for each in tags]))
    expression = expression.replace("${var.definitions}", str(tmp_path))
    done = subprocess.run(
        [terraform, "console"],
        input=f"jsonencode({' '.join(expression.split())})\n",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(json.loads(done.stdout.strip().splitlines()[-1]))
    assert sorted(found) == [f"{KEY_TAG}one", f"{KEY_TAG}two"]


def planned(folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """The settings of the Cloud Run module, as Terraform makes them of its inputs; no provider."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed: it checks and merges what a module is given")
    module = TERRAFORM / "modules" / "cloud-run"
    text = (module / "main.tf").read_text(encoding="utf-8")
    (made,) = re.findall(r"^locals {\n.*?^}", text, re.MULTILINE | re.DOTALL)
    (folder / "main.tf").write_text(f'{made}\noutput "settings" {{ value = local.settings }}\n')
    shutil.copy(module / "variables.tf", folder)
    inputs = dict.fromkeys(("region", "image", "network", "subnet", "policy_secret"), "x")
    inputs |= {"service_account": "x", "secrets": "{}"} | given
    return subprocess.run(
        [
            *(terraform, "apply", "-auto-approve", "-input=false", "-no-color"),
            *(word for name, value in inputs.items() for word in ("-var", f"{name}={value}")),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_terraform_itself_makes_the_settings_of_the_service(tmp_path: Path) -> None:
    """With what is given over what is usual; without a store it is no fleet."""
    done = planned(tmp_path, fleet="redis://h:1/0", settings='{OPEN_BALANCER_DRAIN="4s"}')
    assert done.returncode == 0, done.stderr
    made = dict(re.findall(r'"(OPEN_BALANCER_\w+)"\s+= "(.*)"', done.stdout))
    assert (made["OPEN_BALANCER_FLEET"], made["OPEN_BALANCER_DRAIN"]) == ("redis://h:1/0", "4s")
    assert Settings.from_environment({**made, "OPEN_BALANCER_TOKEN": "x" * 32}).fleet is not None
    alone = tmp_path / "alone"
    alone.mkdir()
    assert "OPEN_BALANCER_FLEET" not in planned(alone).stdout


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("min_instances", "0", "is at least 1"), ("max_instances", "11", "is at most 10")],
)
def test_terraform_refuses_instances_that_no_service_may_have(
    name: str, value: str, told: str, tmp_path: Path
) -> None:
    """By the module's own words."""
    done = planned(tmp_path, **{name: value})
    assert done.returncode == 1
    assert f"{name} {told}" in " ".join(done.stderr.split())


def test_terraform_files_are_formatted() -> None:
    """Which reads them all, too."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed: it reads and formats its files")
    done = subprocess.run(
        [terraform, "fmt", "-check", "-recursive", "-diff", str(TERRAFORM)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
