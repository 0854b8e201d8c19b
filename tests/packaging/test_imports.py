"""What importing costs: nothing third-party for the library, nothing slow for `--help`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = """\
import sys
roots = {name.partition(".")[0] for name in sys.modules}
print(*sorted(roots - set(sys.stdlib_module_names) - {"__main__", "balancer"}))
"""


def third_party(statement: str) -> list[str]:
    """Packages outside the standard library that a statement brings in, in a new process."""
    plain = subprocess.run(
        [sys.executable, "-c", INSTALLED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{INSTALLED}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    # An environment may load some at start-up by itself, such as for editable installs.
    return sorted(set(found.stdout.split()) - set(plain.stdout.split()))


@pytest.mark.parametrize(
    "statement",
    ["import balancer", "import balancer.core.controller, balancer.core.replay"],
)
def test_the_library_brings_in_no_third_party_module(statement: str) -> None:
    """An application pays for what it uses."""
    assert third_party(statement) == []


def test_the_command_starts_without_the_harness() -> None:
    """`--help` answers at once and works where the extras are not installed."""
    brought = set(third_party("import balancer.cli"))
    assert "typer" in brought
    assert brought.isdisjoint({"numba", "numpy", "matplotlib", "simpy", "scipy", "jinja2"})
    assert brought.isdisjoint({"pydantic", "ruamel", "sim", "scenarios", "reports"})


def test_help_names_every_command() -> None:
    """Run as a module, which is what the console script does."""
    shown = subprocess.run(
        [sys.executable, "-m", "balancer.cli", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("run", "replay", "policy", "scenarios", "version"):
        assert f" {name} " in shown.stdout
