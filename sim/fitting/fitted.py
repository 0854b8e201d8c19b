"""The scenario that a fit comes to: its file's text, and what the loader makes of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scenarios.loader import load
from scenarios.schema import Scenario

from ..study.soundness import check_scenarios
from .fit import Fit
from .scenario_text import scenario_text

__all__ = ["NO_FAULTS", "fitted_scenario", "scenario_of_text"]

NO_FAULTS = "no faults were seen: add those you fear before you tune"


def fitted_scenario(found: Fit, name: str) -> tuple[str, Scenario]:
    """The text of a fit's scenario file, and what the loader makes of it.

    Raises:
        InputError: what was found makes no scenario.
    """
    text = scenario_text(found, name)
    scenario = scenario_of_text(text, name)
    check_scenarios([scenario], [name])
    return text, scenario


def scenario_of_text(text: str, name: str) -> Scenario:
    """The scenario of a file's text; errors call the file by a name.

    Raises:
        ScenarioError: it makes none.
    """
    with tempfile.TemporaryDirectory(prefix="open-balancer-") as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path).scenario
