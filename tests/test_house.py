"""The house is as its pictures say: `docs/explanation/architecture.md` and CONTRIBUTING.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = ROOT / "docs" / "explanation" / "architecture.md"
GUIDES = (ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ARCHITECTURE)
FOLDERS = (
    "balancer",
    "deploy",
    "docs",
    "loadtests",
    "reports",
    "scenarios",
    "sim",
    "tests",
    ".ci",
    ".github",
)
TOP = {"balancer.cli", "balancer.pytest_entry"}
LIBRARY = "balancer"


def layers(containers: Sequence[str]) -> list[set[str]]:
    """Of the contract about these containers, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (own,) = [
        each
        for each in contracts
        if each["type"] == "layers" and each.get("containers", []) == containers
    ]
    return [set(re.findall(r"[\w.]+", layer)) for layer in own["layers"]]


def picture(name: str) -> list[set[str]]:
    """Lines of the picture under a name, the highest first."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    (drawn,) = re.findall(rf"```text\n{name}\n(.*?)```", text, re.DOTALL)
    return [set(line.split()) for line in drawn.splitlines()]


def test_the_picture_of_the_house_is_its_contract() -> None:
    """The library's rooms stand in the contract one by one, in the picture as one."""
    *upper, library = layers([])
    assert picture("the house") == [*upper, {LIBRARY}]
    assert {room.partition(".")[0] for room in library} == {LIBRARY}


def test_no_room_of_the_library_is_left_out_of_the_house() -> None:
    """A room that the one contract knows and the other does not would be free to look up."""
    *_, library = layers([])
    rooms = {f"{LIBRARY}.{room}" for layer in layers([LIBRARY]) for room in layer}
    assert library | TOP == rooms


@pytest.mark.parametrize("container", [LIBRARY, "balancer.runtime", "sim"])
def test_the_picture_of_a_container_is_its_contract(container: str) -> None:
    """Line by line."""
    assert picture(container) == layers([container])


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_file_that_a_guide_names_is_there(page: Path) -> None:
    """But for those that its examples make, which it calls new."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`( \(new\))?", text)
    paths = [path for path, new in named if path.partition("/")[0] in FOLDERS and not new]
    assert paths or page.name == "SECURITY.md"
    assert [path for path in paths if not (ROOT / path).exists()] == []
