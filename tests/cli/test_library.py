"""`open-balancer scenarios` and `new`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from scenarios.loader import library, load

pytestmark = pytest.mark.slow

Command = Callable[..., Result]


def test_the_library_is_listed(command: Command) -> None:
    """Every scenario on a line of its own, name first, then what it asks."""
    done = command("scenarios")
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(library())
    assert load("steady").scenario.title in done.stdout


def test_the_library_tells_its_sources(command: Command) -> None:
    """In the long form, every scenario has one."""
    assert command("scenarios", "--long").stdout.count("    Source: ") == len(library())


def test_the_library_is_listed_for_programs(command: Command) -> None:
    """As JSON, with all that a list needs."""
    found = json.loads(command("scenarios", "--json").stdout)
    assert [each["name"] for each in found] == list(library())
    assert all(each["title"] and each["teaches"] and each["source"] for each in found)


def test_a_new_scenario_passes_as_it_stands(command: Command) -> None:
    """What `new` writes, `run` accepts and finds held."""
    done = command("new", "my_first")
    assert done.exit_code == 0
    assert "open-balancer run my_first.yaml" in done.stdout
    assert command("run", "my_first.yaml", "--replications", "24", "--quiet").exit_code == 0


@pytest.mark.parametrize("name", ["2026", "null", "true", "1e3"])
def test_a_new_scenario_may_have_a_name_that_yaml_reads_otherwise(
    command: Command, tmp_path: Path, name: str
) -> None:
    """It is text in the file, too."""
    assert command("new", name).exit_code == 0
    assert load(tmp_path / f"{name}.yaml").scenario.scenario == name


def test_a_new_scenario_lands_where_it_is_told_to(command: Command, tmp_path: Path) -> None:
    """Under its name, in a folder that exists."""
    (tmp_path / "cases").mkdir()
    assert command("new", "slow", "--dir", "cases").exit_code == 0
    assert load(tmp_path / "cases" / "slow.yaml").scenario.scenario == "slow"


def test_a_scenario_file_is_never_overwritten(command: Command, tmp_path: Path) -> None:
    """Work somebody put into it stays."""
    (tmp_path / "mine.yaml").write_text("precious\n")
    done = command("new", "mine")
    assert done.exit_code == 2
    assert "mine.yaml: exists already" in done.stderr
    assert (tmp_path / "mine.yaml").read_text() == "precious\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a/b",), "cannot be the name of a scenario"),
        (("steady",), "is a scenario of the library"),
        (("mine", "--dir", "nowhere"), "nowhere: is not a directory"),
    ],
)
def test_what_cannot_be_written_is_one_message(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Bad input, exit code 2, and no file."""
    done = command("new", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
