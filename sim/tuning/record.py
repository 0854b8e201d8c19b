"""The record of a tuning: the object of `tuning.json`, in values JSON can hold.

`docs/reference/tuning.md` documents every field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from balancer.policy_difference import policy_difference
from balancer.records.codec import to_json
from balancer.version import VERSION

from ..run.header import versions
from ..study.gate_record import fingerprint
from ..study.intervals import CONFIDENCE, Interval
from ..study.replications import Runs
from .effects import effects, told
from .goals import Goals
from .importance import Importances
from .objectives import Objective
from .results import Candidate, Figures, Measured, Tuning
from .robustness import OFF, Robustness
from .sensitivity import Sensitivity

__all__ = ["TUNING_VERSION", "tuning_record"]

TUNING_VERSION = 1

_Show = Mapping[str, Callable[[float], object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notes:
    """What is known of policies by their trials alone."""

    files: Mapping[int, str]
    broken: Mapping[int, Sequence[str]]


def tuning_record(
    tuning: Tuning,
    goals: Goals,
    *,
    show: _Show | None = None,
    files: Mapping[int, str] | None = None,
    chosen: int | None = None,
    broken: Mapping[int, Sequence[str]] | None = None,
    invalid: int = 0,
    sensitivities: Sequence[Sensitivity] = (),
    importances: Importances | None = None,
    robustness: Robustness | None = None,
    command: Sequence[str] = (),
    gate: Sequence[str] = (),
) -> dict[str, Any]:
    """The object of `tuning.json`.

    Args:
        tuning: what came of it.
        goals: objectives and constraints, of all scenarios, held out or not.
        show: writes a value as a policy file says it ("15s"), by path; without, it is its number.
        files: names of the policies' files beside the record, by trial.
        chosen: place in the front of the policy that is proposed; None: the knee.
        broken: constraints that a policy breaks, and where, held out or not, by its trial.
        invalid: trials that were drawn and are no policies, and so not simulated.
        sensitivities: of that policy's numbers; empty where nobody looked.
        importances: of the numbers, told from the trials; None where nobody looked.
        robustness: of the front; None where nobody looked.
        command: words that ask for this again; empty if no command did.
        gate: words that ask whether the proposed policy may replace today's; empty: none.
    """
    texts = show or {}
    notes = _Notes(files=files or {}, broken=broken or {})
    return {
        "version": TUNING_VERSION,
        "confidence": CONFIDENCE,
        "objectives": [_objective(each) for each in goals.objectives],
        "constraints": list(tuning.constraints),
        "scenarios": list(tuning.scenarios),
        "held_out": list(tuning.held_out),
        "split": tuning.split,
        "trials": tuning.trials,
        "raced": tuning.raced,
        "invalid": invalid,
        "simulated_hours": tuning.simulated_hours,
        "replications": tuning.replications,
        "seed": tuning.seed,
        "sampler": tuning.sampler,
        "today": _candidate(tuning, goals, tuning.today, texts, notes),
        "static": None if tuning.static is None else _measured(tuning.static),
        "front": [_candidate(tuning, goals, each, texts, notes) for each in tuning.front],
        "knee": tuning.knee,
        "chosen": tuning.knee if chosen is None else chosen,
        "sensitivity": [
            {
                "path": each.path,
                "chosen": each.chosen,
                "steps": [
                    {
                        "value": step.value,
                        "text": _text(texts, each.path, step.value),
                        "valid": step.measured is not None,
                        **_measured(step.measured),
                    }
                    for step in each.steps
                ],
            }
            for each in sensitivities
        ],
        "importance": None if importances is None else _importance(importances),
        "robustness": None if robustness is None else _robustness(robustness),
        "command": list(command),
        "gate": list(gate),
        "versions": {"open-balancer": VERSION, **versions()},
    }


def _text(texts: _Show, path: str, value: float) -> str:
    try:
        return str(texts[path](value)) if path in texts else f"{value:g}"
    except ValueError:  # beyond what a policy can have
        return f"{value:g}"


def _measured(found: Measured | None) -> dict[str, Any]:
    if found is None:
        return {"feasible": None, "objectives": []}
    return {
        "feasible": found.feasible,
        "objectives": [to_json(each) for each in found.objectives],
    }


def _objective(each: Objective) -> dict[str, Any]:
    return {
        "name": each.name,
        "metric": each.metric,
        "form": each.form,
        "unit": each.unit,
        "better": each.better,
    }


def _candidate(
    tuning: Tuning,
    goals: Goals,
    each: Candidate,
    texts: _Show,
    notes: _Notes,
) -> dict[str, Any]:
    return {
        "trial": each.trial,
        "name": each.policy.name,
        "law": each.policy.law,
        "file": notes.files.get(each.trial),
        "fingerprint": fingerprint(each.policy),
        "values": [
            {"path": path, "value": value, "text": _text(texts, path, value)}
            for path, value in each.values.items()
        ],
        "feasible": each.feasible,
        "broken": list(notes.broken.get(each.trial, ())),
        "objectives": [to_json(found) for found in each.objectives],
        "objectives_held_out": [to_json(found) for found in each.objectives_held_out],
        "worst": [
            _worst(objective, {**each.tuned_on, **each.held_out}) for objective in told(goals)
        ],
        "changes": list(policy_difference(tuning.today.policy, each.policy)),
        "effects": _effects(tuning, goals, each, tuning.scenarios),
        "effects_held_out": _effects(tuning, goals, each, tuning.held_out),
        "figures": {
            scenario: {of.metric: to_json(found[of.metric]) for of in told(goals)}
            for scenario, found in {**each.tuned_on, **each.held_out}.items()
        },
    }


def _worst(objective: Objective, figures: Figures) -> dict[str, Any]:
    """The scenario in which a metric is worst; what is undefined is worse than any value."""

    def badness(entry: tuple[str, Interval]) -> float:
        value = objective.sign * entry[1].estimate
        return math.inf if math.isnan(value) else value

    metric = objective.metric
    scenario, found = max(((name, each[metric]) for name, each in figures.items()), key=badness)
    return {"metric": metric, "scenario": scenario, **to_json(found)}


def _effects(
    tuning: Tuning, goals: Goals, candidate: Candidate, scenarios: Sequence[str]
) -> list[dict[str, Any]]:
    runs: dict[str, Runs] = {name: tuning.runs[name] for name in scenarios}
    return [
        {**_objective(each.objective), **to_json(each.change)}
        for each in effects(goals, runs, candidate.arm)
    ]


def _importance(found: Importances) -> dict[str, Any]:
    return {
        "trials": found.trials,
        "needed": found.needed,
        "objectives": [
            {
                "objective": each.objective,
                "shares": [{"path": path, **to_json(share)} for path, share in each.shares.items()],
            }
            for each in found.objectives
        ],
    }


def _robustness(found: Robustness) -> dict[str, Any]:
    return {
        "off": to_json(OFF),
        "cases": [
            {
                "name": case.name,
                "simulated": case.simulated,
                "policies": [
                    {
                        "trial": row.trial,
                        **_measured(row.measured),
                        "best": row.best,
                        "proposed": row.proposed,
                    }
                    for row in case.rows
                ],
            }
            for case in found.cases
        ],
        "left_out": list(found.left_out),
    }
