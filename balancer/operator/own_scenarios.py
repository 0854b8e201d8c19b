"""Scenarios of one's own, from a ConfigMap with a key for each file.

They are checked before a gate runs, so that its condition says what is wrong in which line. They
name no file of the operator's machine: a fault in Python would run with its rights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..core.errors import BalancerError, nearest
from .asked import ConfigMapKeys

__all__ = ["MOST_FILES", "MOST_TEXT", "CheckScenario", "OwnScenario", "Unfit", "read_scenarios"]

MOST_FILES = 100
"""Of one resource."""
MOST_TEXT = 200_000
"""Characters of them together: reading a file takes the operator's time."""

_SUFFIXES = (".yaml", ".yml")

CheckScenario = Callable[[str, str], object]
"""Takes a scenario's text and what errors call it, and raises a `BalancerError` if it is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScenario:
    """A file's name and its text."""

    name: str
    text: str


class Unfit(Exception):  # noqa: N818 - a condition says it
    """No gate can be run on these; the text says why.

    Args:
        reason: for programs.
        message: for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_scenarios(
    asked: ConfigMapKeys, found: Mapping[str, str] | None, check: CheckScenario
) -> tuple[OwnScenario, ...]:
    """The scenarios of a ConfigMap, in the order of their names.

    Args:
        asked: which.
        found: keys and texts of the ConfigMap; None: there is none.
        check: each.

    Raises:
        Unfit: one is missing, too large, or none.
    """
    where = f"spec.gate.scenariosFrom: ConfigMap {asked.name!r}"
    if found is None:
        raise Unfit("NoScenario", f"spec.gate.scenariosFrom: there is no ConfigMap {asked.name!r}")
    names = sorted(set(asked.keys)) or sorted(found)
    if not names:
        raise Unfit("NoScenario", f"{where} is empty; expected a key for each scenario file")
    if len(names) > MOST_FILES:
        raise Unfit("ScenarioRefused", f"{where} has {len(names)} files; at most {MOST_FILES}")
    for name in names:
        if name not in found:
            raise Unfit("NoScenario", f"{where} has no key {name!r}{nearest(name, found)}")
        if not name.endswith(_SUFFIXES) or "/" in name:
            problem = f"{where}: key {name!r} is no file's name; expected one such as launch.yaml"
            raise Unfit("ScenarioRefused", problem)
    size = sum(len(found[name]) for name in names)
    if size > MOST_TEXT:
        raise Unfit(
            "ScenarioRefused",
            f"{where} has {size:,} characters of scenarios; at most {MOST_TEXT:,}: name fewer keys",
        )
    for name in names:
        if problem := _problem(found[name], f"{asked.name}/{name}", check):
            raise Unfit("ScenarioRefused", problem)
    return tuple(OwnScenario(name=name, text=found[name]) for name in names)


@lru_cache(2 * MOST_FILES)
def _problem(text: str, where: str, check: CheckScenario) -> str:
    try:
        check(text, where)
    except BalancerError as error:
        return str(error)
    return ""
