"""The record of a tuning: the object of `tuning.json`, in values JSON can hold.

`docs/reference/tuning.md` documents every field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from balancer.policy_difference import policy_difference
from balancer.version import VERSION

from ..gate_record import fingerprint
from ..intervals import CONFIDENCE, Interval
from ..json_values import interval, number
from ..margins import BETTER
from ..metrics import METRICS
from ..replications import Runs
from ..run_header import versions
from .effects import EFFECTS, Effect, effects
from .importance import Importances
from .results import Candidate, Figures, Measured, Tuning
from .robustness import OFF, Robustness
from .sensitivity import Sensitivity

__all__ = ["TUNING_VERSION", "tuning_record"]

TUNING_VERSION = 1

_Show = Mapping[str, Callable[[float], object]]


def tuning_record(
    tuning: Tuning,
    *,
    show: _Show | None = None,
    files: Mapping[int, str] | None = None,
    chosen: int | None = None,
    sensitivities: Sequence[Sensitivity] = (),
    importances: Importances | None = None,
    robustness: Robustness | None = None,
    command: Sequence[str] = (),
    gate: Sequence[str] = (),
) -> dict[str, Any]:
    """The object of `tuning.json`.

    Args:
        tuning: what came of it.
        show: writes a value as a policy file says it ("15s"), by path; without, it is its number.
        files: names of the policies' files beside the record, by trial.
        chosen: place in the front of the policy that is proposed; None: the knee.
        sensitivities: of that policy's numbers; empty where nobody looked.
        importances: of the numbers, told from the trials; None where nobody looked.
        robustness: of the front; None where nobody looked.
        command: words that ask for this again; empty if no command did.
        gate: words that ask whether the proposed policy may replace today's; empty: none.
    """
    texts, names = show or {}, files or {}
    return {
        "version": TUNING_VERSION,
        "confidence": CONFIDENCE,
        "objectives": [
            {"name": name, "unit": unit, "better": better}
            for name, unit, better in zip(
                tuning.objectives, tuning.units, tuning.better, strict=True
            )
        ],
        "constraints": list(tuning.constraints),
        "scenarios": list(tuning.scenarios),
        "held_out": list(tuning.held_out),
        "split": tuning.split,
        "trials": tuning.trials,
        "raced": tuning.raced,
        "simulated_hours": tuning.simulated_hours,
        "replications": tuning.replications,
        "seed": tuning.seed,
        "sampler": tuning.sampler,
        "today": _candidate(tuning, tuning.today, texts, names),
        "static": None if tuning.static is None else _measured(tuning.static),
        "front": [_candidate(tuning, each, texts, names) for each in tuning.front],
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
    return str(texts[path](value)) if path in texts else f"{value:g}"


def _measured(found: Measured | None) -> dict[str, Any]:
    if found is None:
        return {"feasible": None, "objectives": []}
    return {
        "feasible": found.feasible,
        "objectives": [interval(each) for each in found.objectives],
    }


def _candidate(
    tuning: Tuning,
    each: Candidate,
    texts: _Show,
    files: Mapping[int, str],
) -> dict[str, Any]:
    return {
        "trial": each.trial,
        "name": each.policy.name,
        "law": each.policy.law,
        "file": files.get(each.trial),
        "fingerprint": fingerprint(each.policy),
        "values": [
            {"path": path, "value": value, "text": _text(texts, path, value)}
            for path, value in each.values.items()
        ],
        "feasible": each.feasible,
        "objectives": [interval(found) for found in each.objectives],
        "objectives_held_out": [interval(found) for found in each.objectives_held_out],
        "worst": [
            _worst(metric, better, {**each.tuned_on, **each.held_out})
            for metric, better in _extremes(tuning)
        ],
        "changes": list(policy_difference(tuning.today.policy, each.policy)),
        "effects": _effects(tuning, each, tuning.scenarios),
        "effects_held_out": _effects(tuning, each, tuning.held_out),
        "figures": {
            scenario: {metric: interval(found[metric]) for metric in _told(tuning)}
            for scenario, found in {**each.tuned_on, **each.held_out}.items()
        },
    }


def _told(tuning: Tuning) -> tuple[str, ...]:
    """Metrics that are told of every scenario: the objectives, and those always told."""
    asked = tuple(name for name in map(_metric, tuning.objectives) if name)
    return tuple(dict.fromkeys((*asked, *EFFECTS)))


def _metric(objective: str) -> str:
    """The metric an objective is named after; "" where it is none."""
    names = (objective, f"{objective}_s", f"{objective}_usd", f"{objective}_share")
    return next((name for name in names if name in METRICS), "")


def _extremes(tuning: Tuning) -> list[tuple[str, str]]:
    return [(metric, BETTER[metric]) for metric in _told(tuning) if metric in BETTER]


def _worst(metric: str, better: str, figures: Figures) -> dict[str, Any]:
    """The scenario in which a metric is worst; what is undefined is worse than any value."""

    def badness(entry: tuple[str, Interval]) -> float:
        value = entry[1].estimate
        if math.isnan(value):
            return math.inf
        return value if better == "lower" else -value

    scenario, found = max(((name, each[metric]) for name, each in figures.items()), key=badness)
    return {"metric": metric, "scenario": scenario, **interval(found)}


def _effects(
    tuning: Tuning, candidate: Candidate, scenarios: Sequence[str]
) -> list[dict[str, Any]]:
    runs: dict[str, Runs] = {name: tuning.runs[name] for name in scenarios}
    return [_effect(each) for each in effects(runs, candidate.arm, _told(tuning))]


def _effect(each: Effect) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "unit": METRICS[each.metric],
        "better": BETTER.get(each.metric, ""),
        "relative": each.relative,
        **interval(each.change),
    }


def _importance(found: Importances) -> dict[str, Any]:
    return {
        "trials": found.trials,
        "needed": found.needed,
        "objectives": [
            {
                "objective": each.objective,
                "shares": [
                    {"path": path, **interval(share)} for path, share in each.shares.items()
                ],
            }
            for each in found.objectives
        ],
    }


def _robustness(found: Robustness) -> dict[str, Any]:
    return {
        "off": number(OFF),
        "cases": [
            {
                "name": case.name,
                "simulated": case.simulated,
                "policies": [
                    {"trial": row.trial, **_measured(row.measured), "best": row.best}
                    for row in case.rows
                ],
            }
            for case in found.cases
        ],
        "left_out": list(found.left_out),
    }
