"""Journals of simulated services, whose truth is known."""

from __future__ import annotations

from pathlib import Path

from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from scenarios.loader import load
from scenarios.schema import Scenario
from sim.fitting.fit import Fit, fit_journal
from sim.fitting.scenario_text import scenario_text
from sim.run.engine import simulate

__all__ = ["fitted", "lived"]

REPLICATION = 3
"""Of the service: another one than any that a fitted scenario is run with."""


def lived(folder: Path, name: str, *changes: str) -> Path:
    """The journal of a scenario of the library under the default policy, or its own."""
    scenario, own = load(name, changes)
    journal = folder / f"{name}.jsonl"
    policy: Policy = own or default_policy()
    simulate(scenario, policy, replication=REPLICATION, arm="policy", journal=journal)
    return journal


def fitted(journal: Path) -> tuple[Fit, Scenario, str]:
    """What a journal is fitted to: the fit, the scenario as the loader has it, and its text."""
    found = fit_journal([journal])
    text = scenario_text(found, "fitted")
    path = journal.with_suffix(".yaml")
    path.write_text(text, encoding="utf-8")
    return found, load(path).scenario, text
