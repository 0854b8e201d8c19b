"""`open-balancer dashboards`: four files, whole, the same every time."""

from __future__ import annotations

import json
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from balancer.cli.dashboards import DATADOG, GRAFANA, MONITORS, PROMETHEUS
from tests.cli.conftest import Command

POLICY = "name: mine\nthresholds: {soft: {latency_p95: 3s}}\nbaseline: null\n"


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture(autouse=True)
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No service is named from outside."""
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)


def test_it_writes_four_files(command: Command, tmp_path: Path) -> None:
    """And says which, so that they can be found."""
    done = command("dashboards", "--out", "made/here")
    assert done.exit_code == 0
    names = [GRAFANA, DATADOG, MONITORS, PROMETHEUS]
    assert done.stdout.split() == [str(Path("made/here") / name) for name in names]
    assert set(contents(tmp_path / "made" / "here")) == set(names)


def test_the_policy_and_the_service_are_in_all_of_them(command: Command, tmp_path: Path) -> None:
    """Thresholds wherever there are some."""
    Path("mine.yaml").write_text(POLICY)
    assert command("dashboards", "--policy", "mine.yaml", "--service", "Shop").exit_code == 0
    files = contents(tmp_path / "balancer-dashboards")
    assert json.loads(files[GRAFANA])["title"] == "open-Balancer: Shop"
    assert json.loads(files[DATADOG])["template_variables"][0]["defaults"] == ["shop"]
    (latency, *_) = json.loads(files[MONITORS])
    assert "service:shop" in latency["query"]
    assert latency["options"]["thresholds"]["critical"] == 3
    rules: Any = YAML(typ="safe").load(files[PROMETHEUS].decode())
    assert "> 3)" in next(r["expr"] for r in rules["groups"][0]["rules"] if "alert" in r)


def test_the_same_policy_gives_the_same_bytes(command: Command, tmp_path: Path) -> None:
    """Written over the earlier ones; what else is there is left alone."""
    command("dashboards", "--out", "d")
    (tmp_path / "d" / "mine.txt").write_text("mine")
    before = contents(tmp_path / "d")
    assert command("dashboards", "--out", "d").exit_code == 0
    assert contents(tmp_path / "d") == before


def test_names_are_translated_as_asked(command: Command, tmp_path: Path) -> None:
    """In both files that Prometheus's names are in."""
    command("dashboards", "--out", "d", "--translation", "NoTranslation")
    files = contents(tmp_path / "d")
    for name in (GRAFANA, PROMETHEUS):
        assert b"open_balancer.request.duration" in files[name]
        assert b"open_balancer_request_duration" not in files[name]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--out", "file"), "file: is no directory"),
        (("--out", "file/inside"), "file: is no directory"),
        (("--policy", "missing.yaml"), "missing.yaml: no such file"),
        (("--policy", "wrong.yaml"), "wrong.yaml"),
        (("--service", "my shop"), "--service: found 'my shop'"),
        (("--translation", "Dots"), "'Dots' is not one of"),
    ],
)
def test_nonsense_is_refused(
    command: Command, tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    """Exit code 2, a message, and nothing written."""
    (tmp_path / "file").write_text("")
    (tmp_path / "wrong.yaml").write_text("thresholds: {soft: {latency_p95: 3 parsecs}}\n")
    done = command("dashboards", *words)
    assert done.exit_code == 2
    assert problem in " ".join(done.stderr.split())
    assert not (tmp_path / "balancer-dashboards").exists()
    assert (tmp_path / "file").read_text() == ""


def test_a_missing_extra_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    from importlib.util import find_spec

    def without(name: str) -> ModuleSpec | None:
        return None if name == "grafana_foundation_sdk" else find_spec(name)

    monkeypatch.setattr("balancer.installation.find_spec", without)
    done = command("dashboards")
    assert done.exit_code == 2
    assert "pip install '.[dashboards]'" in done.stderr
    assert not Path("balancer-dashboards").exists()
