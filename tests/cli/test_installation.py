"""Packages of the user's own that hide ours, and extras that are not installed."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from balancer.core.errors import InputError
from balancer.installation import HARNESS, require
from tests.cli.conftest import Command


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget that the harness was imported, as in a process that has just begun."""
    for name in HARNESS:
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_what_ships_is_found() -> None:
    """Nothing to say about a sound installation."""
    require(extras=("sim", "report"))


@pytest.mark.parametrize("form", ["reports.py", "reports/__init__.py"])
def test_a_users_own_module_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None, form: str
) -> None:
    """The file that hides ours, and what to do about it."""
    hiding = tmp_path / form
    hiding.parent.mkdir(exist_ok=True)
    hiding.write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError) as caught:
        require()
    assert str(hiding) in str(caught.value)
    assert "hides open-balancer's own package 'reports'" in str(caught.value)
    assert "rename it" in str(caught.value)


def test_the_command_says_so_in_one_message(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    """Exit code 2, and no traceback from the middle of somebody else's module."""
    (tmp_path / "sim.py").write_text("raise RuntimeError('not ours')")
    monkeypatch.syspath_prepend(tmp_path)
    done = command("run")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {tmp_path / 'sim.py'} hides")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("absent", "problem"),
    [
        ("simpy", "needs simpy, which the extra 'sim' brings"),
        ("jinja2", "needs jinja2, which the extra 'report' brings"),
        ("scenarios", "the package 'scenarios', which ships with open-balancer, is missing"),
    ],
)
def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, fresh: None, absent: str, problem: str
) -> None:
    """With the command that installs it."""
    from importlib.util import find_spec

    def without(name: str) -> ModuleSpec | None:
        return None if name == absent else find_spec(name)

    monkeypatch.setattr("balancer.installation.find_spec", without)
    with pytest.raises(InputError) as caught:
        require(extras=("sim", "report"))
    assert problem in str(caught.value)
    assert "install" in str(caught.value)
