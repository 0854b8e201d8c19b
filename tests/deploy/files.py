"""What deploy/ runs: its files, and each container of them that is ours."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from balancer.units import parse_seconds

__all__ = [
    "DEPLOY",
    "OVERLAYS",
    "ROOT",
    "Container",
    "compose",
    "dockerfile",
    "documents",
    "image_environment",
    "objects",
    "ours",
    "pods",
    "rendered",
    "terraform_settings",
    "texts",
]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("small", "fleet", "sidecar")
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 -- stands for any
_CLOUD_RUN_GRACE_S = 10.0
_FILLED = re.compile(r"\$\{\w+(?::\?[^}]*)?\}|\$\(\w+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One that runs the command of this repository.

    Attributes:
        where: file, and which of its containers.
        environment: with a secret wherever one is meant.
        words: of the command, without its name.
        grace_s: from SIGTERM to SIGKILL; None where the platform's default holds.
        probes: paths and ports that are asked.
        commands: that look whether it is well.
    """

    where: str
    environment: Mapping[str, str]
    words: tuple[str, ...] = ("serve",)
    grace_s: float | None = None
    probes: tuple[tuple[str, str], ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()


def texts() -> dict[str, str]:
    """Every file of deploy/, by its name."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(DEPLOY.rglob("*"))
        if path.is_file() and ".terraform" not in path.parts and path.name != ".env"
    }


def documents(text: str) -> list[Any]:
    """Those of a YAML file."""
    return [found for found in YAML(typ="safe").load_all(text) if found is not None]


def _read(path: Path) -> list[Any]:
    return documents(path.read_text(encoding="utf-8"))


@cache
def rendered(overlay: str) -> tuple[dict[str, Any], ...]:
    """What `kubectl apply -k` would apply."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: it renders the overlays")
    done = subprocess.run(
        [kubectl, "kustomize", str(DEPLOY / "kubernetes" / "overlays" / overlay)],
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(documents(done.stdout))


def objects() -> Iterator[tuple[str, dict[str, Any]]]:
    """Whole objects of Kubernetes as they stand in files, without what patches them."""
    for folder in sorted((DEPLOY / "kubernetes").rglob("kustomization.yaml")):
        (own,) = _read(folder)
        for name in own.get("resources", ()):
            path = folder.parent / name
            if path.is_file():
                for found in _read(path):
                    yield f"{path.relative_to(DEPLOY)}: {found['kind']}", found


def pods(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Specifications of the pods that an object makes."""
    if found["kind"] in ("Deployment", "StatefulSet", "Service"):
        spec = found["spec"].get("template", {}).get("spec")
        if spec is not None:
            yield spec


def _of_pod(where: str, spec: Mapping[str, Any], grace_s: float | None) -> Iterator[Container]:
    for found in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        if found["name"] != "open-balancer":
            continue
        environment = {
            each["name"]: _FILLED.sub(SECRET, each.get("value", SECRET))
            for each in found.get("env", ())
        }
        if any(not each["secretRef"].get("optional") for each in found.get("envFrom", ())):
            environment.setdefault("OPEN_BALANCER_TOKEN", SECRET)
        looks = [found[name] for name in found if name.endswith("Probe")]
        asked = [look["httpGet"] for look in looks if "httpGet" in look]
        stop = found.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        before_s = float(stop[1]) if stop else 0.0
        yield Container(
            where=f"{where}, {found['name']}",
            environment=environment,
            grace_s=None if grace_s is None else grace_s - before_s,
            probes=tuple((each["path"], str(each["port"])) for each in asked),
            commands=tuple(tuple(look["exec"]["command"]) for look in looks if "exec" in look),
        )


def compose() -> Any:
    """The fleet on a laptop."""
    (found,) = _read(DEPLOY / "compose" / "compose.yaml")
    return found


def _of_compose() -> Iterator[Container]:
    for name, found in compose()["services"].items():
        if not str(found["image"]).startswith("open-balancer"):
            continue
        environment = {
            key: _FILLED.sub(SECRET, str(value))
            for key, value in found.get("environment", {}).items()
        }
        grace = found.get("stop_grace_period")
        yield Container(
            where=f"compose.yaml, {name}",
            # As the image has it, where nothing else is said.
            environment={**image_environment("service"), **environment},
            words=tuple(found.get("command", ("serve",))),
            grace_s=None if grace is None else parse_seconds(grace),
        )


def dockerfile() -> str:
    """With continued lines joined."""
    text = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    return re.sub(r"\\\n\s*", " ", text)


def image_environment(stage: str) -> dict[str, str]:
    """What a stage of the Dockerfile sets, and the one that it is made from."""
    stages = re.findall(
        r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", dockerfile(), re.MULTILINE | re.DOTALL
    )
    found = {name: (made_from, body) for made_from, name, body in stages}
    if stage not in found:
        return {}  # another's image
    made_from, body = found[stage]
    said = " ".join(re.findall(r"^ENV (.*)$", body, re.MULTILINE))
    return {**image_environment(made_from), **dict(re.findall(r"(\w+)=(\S+)", said))}


def terraform_settings() -> dict[str, str]:
    """Environment variables that the module of Cloud Run sets, those of a fleet among them."""
    text = (DEPLOY / "terraform" / "modules" / "cloud-run" / "main.tf").read_text(encoding="utf-8")
    found = dict(re.findall(r"^\s+(OPEN_BALANCER_\w+)\s+= (.+)$", text, re.MULTILINE))
    return {name: value.strip('"') for name, value in found.items()}


def ours(*, kubectl: bool = False) -> Sequence[Container]:
    """All containers of deploy/ that run our command.

    Args:
        kubectl: those of Kubernetes as they are rendered; else as they stand in files.
    """
    found = [*_of_compose()]
    for path in sorted((DEPLOY / "cloud-run").glob("*.yaml")):
        (service,) = _read(path)
        for spec in pods(service):
            found += _of_pod(f"cloud-run/{path.name}", spec, _CLOUD_RUN_GRACE_S)
    places: list[tuple[str, dict[str, Any]]] = (
        [(overlay, each) for overlay in OVERLAYS for each in rendered(overlay)]
        if kubectl
        else list(objects())
    )
    for where, each in places:
        for spec in pods(each):
            found += _of_pod(where, spec, float(spec.get("terminationGracePeriodSeconds", 30)))
    settings = {**terraform_settings(), "OPEN_BALANCER_FLEET": "redis://10.0.0.2:6379/0"}
    found.append(
        Container(
            where="terraform/modules/cloud-run",
            environment={**settings, "OPEN_BALANCER_TOKEN": SECRET},
            grace_s=_CLOUD_RUN_GRACE_S,
            probes=(("/healthz", "8080"),),
        )
    )
    return found
