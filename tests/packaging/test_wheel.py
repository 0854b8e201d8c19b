"""The wheel holds the library, the harness and their data, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("balancer", "scenarios", "sim", "reports", "loadtests")
DATA = {".yaml", ".toml", ".css", ".jinja", ".typed", ".html", ".js", ".svg"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from this tree."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (built,) = out.glob("open_balancer-*.whl")
    with ZipFile(built) as archive:
        return set(archive.namelist())


def test_every_module_and_its_data_ship(wheel: set[str]) -> None:
    """A user's pipeline needs only an install."""
    for package in SHIPPED:
        for path in (ROOT / package).rglob("*"):
            if path.suffix == ".py" or path.suffix in DATA:
                assert path.relative_to(ROOT).as_posix() in wheel


@pytest.mark.parametrize(
    "name",
    [
        "balancer/py.typed",
        "balancer/default_policy.yaml",
        "balancer/models.toml",
        "scenarios/profiles.yaml",
        "scenarios/library/steady.yaml",
        "reports/report.css",
        "balancer/service/console/static/vendor/echarts.LICENSE",
        "balancer/service/console/docs/how-to/console.md",
    ],
)
def test_what_runs_would_miss_is_there(wheel: set[str], name: str) -> None:
    """Data that no import would complain about."""
    assert name in wheel


def test_nothing_else_ships(wheel: set[str]) -> None:
    """No tests, no caches, no reports of ours."""
    roots = {name.partition("/")[0] for name in wheel}
    assert {root for root in roots if not root.endswith(".dist-info")} == set(SHIPPED)
    assert not [name for name in wheel if "__pycache__" in name]
