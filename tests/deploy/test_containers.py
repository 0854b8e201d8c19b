"""Everything that the containers are told is known to the command that they run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.main import get_command

from balancer.cli import app
from balancer.cli.dashboards import GRAFANA, PROMETHEUS
from balancer.prometheus_names import Translation
from balancer.service.server import _LAST_WORDS_S
from balancer.service.settings import Settings
from balancer.units import parse_seconds
from tests.deploy.files import (
    DEPLOY,
    ROOT,
    Container,
    compose,
    dockerfile,
    documents,
    image_environment,
    objects,
    ours,
    texts,
)
from tests.service.processes import process

OURS = ours()
SERVICES = [each for each in OURS if each.words[0] == "serve"]


def name(container: Container) -> str:
    """For the test's name."""
    return container.where


def test_there_are_containers_to_look_at() -> None:
    """In each folder."""
    places = Counter(re.split("[/,]", each.where)[0] for each in SERVICES)
    assert places == {"compose.yaml": 2, "cloud-run": 3, "kubernetes": 1, "terraform": 1}


@pytest.mark.parametrize("container", SERVICES, ids=name)
def test_the_service_takes_what_a_container_is_told(container: Container) -> None:
    """Host, token, upstream, store and all else, as at its start."""
    settings = Settings.from_environment(container.environment)
    assert settings.host in ("0.0.0.0", "127.0.0.1")  # noqa: S104
    assert str(settings.data) == container.environment["OPEN_BALANCER_DATA"]


@pytest.mark.slow
def test_the_service_takes_what_is_rendered() -> None:
    """With patches applied: the store of the fleet, and the sidecar's own address."""
    settings = {
        each.where.partition(",")[0]: Settings.from_environment(each.environment)
        for each in ours(kubectl=True)
        if each.words[0] == "serve"
    }
    assert settings["fleet"].fleet is not None
    assert settings["small"].fleet is None
    assert (settings["sidecar"].host, settings["sidecar"].token) == ("127.0.0.1", None)


def known_variables() -> set[str]:
    """Environment variables that our code names."""
    code = "".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "balancer").rglob("*.py"))
    )
    return set(re.findall(r'"((?:OPEN_BALANCER|OTEL|DD|GEMINI)_[A-Z0-9_]*[A-Z0-9])"', code))


def test_every_variable_that_is_named_is_known() -> None:
    """In values, comments and scripts alike."""
    known = known_variables()
    wrong = [
        f"{where}: {found}"
        for where, text in texts().items()
        for found in re.findall(r"\b(?:OPEN_BALANCER|OTEL|DD|GEMINI)_[A-Z0-9_]*[A-Z0-9]", text)
        if found not in known
    ]
    assert len(known) > 40
    assert wrong == []


def test_every_word_of_a_command_is_known() -> None:
    """Commands and their options."""
    group: Any = get_command(app)
    lines = [each.words for each in OURS]
    lines += [
        tuple(re.findall(r'"([^"]+)"', found))
        for found in re.findall(r"^CMD (\[.*\])$", dockerfile(), re.MULTILINE)
    ]
    assert {words[0] for words in lines} == {"serve", "mock-gemini", "dashboards"}
    for words in lines:
        options = {option for param in group.commands[words[0]].params for option in param.opts}
        assert {word for word in words if word.startswith("-")} <= options, words


@pytest.mark.parametrize("container", [each for each in SERVICES if each.grace_s], ids=name)
def test_a_drain_ends_before_the_kill(container: Container) -> None:
    """With the last words to callers, and a moment to write the last tick."""
    assert container.grace_s is not None
    drain_s = parse_seconds(container.environment["OPEN_BALANCER_DRAIN"])
    assert drain_s + 2 * _LAST_WORDS_S + 1 <= container.grace_s


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A real one."""
    data = tmp_path_factory.mktemp("data")
    with process(data, "http://127.0.0.1:9") as (_, client):
        yield client


def scraped() -> str:
    """The path that Prometheus asks for."""
    (monitor,) = [each for _, each in objects() if each["kind"] == "ServiceMonitor"]
    (endpoint,) = monitor["spec"]["endpoints"]
    return str(endpoint["path"])


def test_what_is_probed_and_scraped_is_there(service: httpx.Client) -> None:
    """Each path of each probe."""
    paths = {path for each in SERVICES for path, _ in each.probes} | {scraped()}
    assert paths == {"/healthz", "/readyz", "/metrics"}
    for path in paths:
        assert service.get(path).status_code == 200, path


def looks(words: list[str], port: str) -> bool:
    """Whether Python finds the service well that listens there."""
    there = [word.replace("127.0.0.1:8080", f"127.0.0.1:{port}") for word in words]
    done = subprocess.run(
        [sys.executable, *there], env={"PORT": port}, capture_output=True, check=False
    )
    return done.returncode == 0


def test_what_looks_from_within_finds_the_service(service: httpx.Client) -> None:
    """The image's health check and the sidecar's probe, to the word."""
    (check,) = re.findall(r"HEALTHCHECK .* CMD (\[.*\])$", dockerfile(), re.MULTILINE)
    sidecar = (DEPLOY / "kubernetes/overlays/sidecar/sidecar.yaml").read_text(encoding="utf-8")
    (patch,) = documents(sidecar)
    (container,) = patch["spec"]["template"]["spec"]["initContainers"]
    assert container["startupProbe"]["exec"] == container["livenessProbe"]["exec"]
    (checks,) = documents(check)
    port = str(service.base_url.port)
    for program, *words in (checks, container["startupProbe"]["exec"]["command"]):
        assert program == "python"
        assert looks(words, port)
        assert not looks(words, "9"), "it would find nobody well"


@pytest.mark.parametrize("container", [each for each in SERVICES if each.probes], ids=name)
def test_probes_ask_where_the_service_listens(container: Container) -> None:
    """By number, or by the name of the one port; 8080 is Cloud Run's and ours."""
    port = container.environment.get("PORT", "8080")
    assert {found for _, found in container.probes} <= {port, "http"}


# --- images and the fleet on a laptop --------------------------------------------------------


def test_the_image_has_what_the_wheel_is_made_of() -> None:
    """And the extras that it names are there."""
    ignore = (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    taken = {line[1:] for line in ignore.splitlines() if line.startswith("!")}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (packages,) = re.findall(r"^packages = \[(.*)\]$", project, re.MULTILINE)
    needed = {*re.findall(r'"(\w+)"', packages), "docs", "README.md", "LICENSE"}
    assert taken == needed | {"pyproject.toml", "constraints.txt"}
    assert [each for each in taken if not (ROOT / each).exists()] == []
    (extras,) = re.findall(r"^ARG EXTRAS=(.*)$", dockerfile(), re.MULTILINE)
    for extra in (*extras.split(","), "sim", "mock"):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_the_image_is_not_root_and_listens_for_others() -> None:
    """What it sets is what the service reads."""
    stage = dockerfile().partition(" AS slim\n")[2].partition("\nFROM ")[0]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", stage, re.MULTILINE)
    found = image_environment("service")
    assert Settings.from_environment({**found, "OPEN_BALANCER_TOKEN": "x" * 32}).port == 8080
    assert found["OPEN_BALANCER_HOST"] == "0.0.0.0"  # noqa: S104


def test_the_files_of_the_laptop_know_each_other() -> None:
    """Mounts are files, addresses are services, and what `dashboards` writes is what is read."""
    folder = DEPLOY / "compose"
    services = compose()["services"]
    mounts = [each for found in services.values() for each in found.get("volumes", ())]
    files = [each.partition(":")[0] for each in mounts if each.startswith("./")]
    assert len(files) == 4
    assert all((folder / each).is_file() for each in files)
    names = {*services, "balancer", "127.0.0.1", "0.0.0.0"}  # noqa: S104
    for path in folder.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        hosts = re.findall(r"(?:http|redis)://([\w.-]+):\d+|@([\w-]+)/balancer", text)
        assert {host for pair in hosts for host in pair if host} <= names, path
    (prometheus,) = documents((folder / "prometheus.yaml").read_text(encoding="utf-8"))
    assert prometheus["otlp"]["translation_strategy"] == Translation.UNDERSCORES.value
    assert [Path(each).name for each in prometheus["rule_files"]] == [PROMETHEUS]
    (grafana,) = documents((folder / "grafana" / "dashboards.yaml").read_text(encoding="utf-8"))
    (provider,) = grafana["providers"]
    assert Path(provider["options"]["path"]).name == GRAFANA


def docker(*plugin: str) -> str:
    """The command, if it has a plugin."""
    command = shutil.which("docker")
    if command is None:
        pytest.skip(f"docker is not installed: its {plugin[0]} reads the file")
    found = subprocess.run([command, *plugin, "version"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"docker has no {plugin[0]} here: it reads the file")
    return command


def test_compose_reads_its_file() -> None:
    """By Compose itself: a secret that is missing is told, and with all of them nothing is."""
    words = [docker("compose"), "compose", "-f", str(DEPLOY / "compose/compose.yaml"), "config"]
    names = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose/compose.yaml").read_text()))
    given = {"PATH": os.environ["PATH"], **dict.fromkeys(names, "x" * 32)}
    for missing in (None, *sorted(names)):
        environment = {name: value for name, value in given.items() if name != missing}
        done = subprocess.run(
            [*words, "--quiet"], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) == (missing is None), done.stderr
        assert missing is None or missing in done.stderr


def test_docker_finds_nothing_to_say_of_the_file_of_the_images() -> None:
    """By its own checks, which build nothing."""
    command = docker("buildx")
    if subprocess.run([command, "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker daemon answers: it checks the file")
    file = str(DEPLOY / "docker" / "Dockerfile")
    for target in ("service", "mock"):
        done = subprocess.run(
            [command, "buildx", "build", "--check", "-f", file, "--target", target, str(ROOT)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_no_file_holds_a_secret() -> None:
    """They come from the environment, a Secret or Secret Manager, and have no default."""
    word = r"\w*(?:TOKEN|PASSWORD|_KEYS?|SECRET)"
    for where, text in texts().items():
        for key, value in re.findall(rf"^\s*(?:- name: )?({word}): *(\S.*)$", text, re.MULTILINE):
            assert re.fullmatch(r"\$\{\w+:\?[^}]*\}", value), f"{where}: {key}"
        for key, after in re.findall(rf"- name: ({word})\n\s+(\w+):", text):
            assert after == "valueFrom", f"{where}: {key}"
