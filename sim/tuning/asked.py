"""What a tuning is asked for: its scenarios, what may change, and what is to come of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from balancer.core.errors import InputError
from balancer.core.value_codec import to_plain
from balancer.version import VERSION
from scenarios.loader import library, load
from scenarios.schema import Scenario

from ..study.gate_record import fingerprint
from ..workers.named_files import files_of
from .constraints import Constraint
from .goals import Goals
from .objectives import Objective
from .space import Space
from .trials import BLOCKS

__all__ = ["NONE", "TRIALS", "Asked", "seeded", "split", "usual"]

TRIALS = 60
"""Trials unless a number is asked for: a first front of two scenarios in a minute or two."""
HOUR_S = 3600.0
NONE = "none"
"""Asks for no scenario to be held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be tuned, and how.

    Attributes:
        scenarios: to tune on, of different names.
        held_out: to judge on.
        split: how it was decided which those are, in words.
        space: that is searched, of the policy that is tuned.
        objectives, constraints: what is to be better, and to be kept.
        trials: at least so many are drawn, in whole generations.
        limit_s: seconds that it may take instead, about; None: as long as the trials do.
        sampler: one of `study.SAMPLERS`.
        seed: instead of the scenarios'; None: theirs.
    """

    scenarios: tuple[Scenario, ...]
    held_out: tuple[Scenario, ...]
    split: str
    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    trials: int
    limit_s: float | None
    sampler: str
    seed: int | None

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it this tuning and no other, in values JSON can hold.

        Raises:
            ScenarioError: a file that a scenario names cannot be read.
        """
        import optuna

        policy = self.space.fields.policy
        return {
            "the objectives": [each.name for each in self.objectives],
            "the constraints": [each.text for each in self.constraints],
            "the scenarios": {
                each.scenario: _hash(each.model_dump_json()) for each in self.scenarios
            },
            "the files of the scenarios": {
                each.scenario: sorted(files_of(each).values()) for each in self.scenarios
            },
            "the dimensions of the space": {
                each.path: [each.low, each.high, each.step, each.log, each.times, each.unit.name]
                for each in self.space.dimensions
            },
            "the prices": _hash(json.dumps(to_plain(policy.catalog), sort_keys=True)),
            "the policies that are tuned": fingerprint(policy),
            "the samplers": self.sampler,
            "the seeds": self.seed,
            "the replications": list(BLOCKS),
            "the versions of open-balancer": VERSION,
            "the versions of Optuna": optuna.__version__,
        }

    def goals(self) -> Goals:
        """For scenarios it is tuned on and others."""
        every = (*self.scenarios, *self.held_out)
        return Goals(
            objectives=self.objectives,
            constraints=self.constraints,
            scenarios={each.scenario: each for each in every},
        )


def usual() -> tuple[str, ...]:
    """Scenarios of the library to tune on where nobody names any: with faults, and quickly run.

    Of one process, no longer than an hour, and without a policy that goes with them.
    """
    every = {name: load(name) for name in library()}
    return tuple(
        name
        for name, (scenario, own) in every.items()
        if scenario.faults and own is None
        if scenario.replicas == 1 and scenario.duration <= HOUR_S
    )


def split(
    scenarios: Sequence[Scenario], others: Sequence[Scenario] | None
) -> tuple[tuple[Scenario, ...], tuple[Scenario, ...], str]:
    """Scenarios to tune on, those held out, and how that was decided.

    Args:
        scenarios: that were asked for.
        others: to hold out, among those or not; None: the half whose names hash highest, so that
            nobody chooses it.

    Raises:
        InputError: nothing would be left to tune on.
    """
    if others is not None:
        names = {each.scenario for each in others}
        kept = tuple(each for each in scenarios if each.scenario not in names)
        if not kept:
            raise InputError("nothing is left to tune on; name other scenarios", where="--holdout")
        return kept, tuple(others), "as asked for" if others else "none, as asked for"
    if len(scenarios) < 2:
        return tuple(scenarios), (), "none: there is one scenario, judged on fresh seeds alone"
    ordered = sorted(scenarios, key=lambda each: hashlib.sha256(each.scenario.encode()).digest())
    half = {each.scenario for each in ordered[(len(ordered) + 1) // 2 :]}
    return (
        tuple(each for each in scenarios if each.scenario not in half),
        tuple(each for each in scenarios if each.scenario in half),
        "the half whose names have the highest SHA-256",
    )


def seeded(scenario: Scenario, seed: int | None, stage: str) -> Scenario:
    """A scenario with a seed of its own for a stage of a tuning.

    Args:
        scenario: that is to be run.
        seed: instead of its own; None: its own.
        stage: of the tuning.
    """
    own = scenario.seed if seed is None else seed
    digest = hashlib.sha256(f"tune:{stage}:{own}".encode()).digest()
    return scenario.model_copy(update={"seed": int.from_bytes(digest[:8], "big") >> 1})


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
