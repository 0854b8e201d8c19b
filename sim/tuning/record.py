"""The record of a tuning: how the object of `tuning.json` is filled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from balancer.policy_difference import policy_difference
from balancer.records import tuning as records
from balancer.records.codec import to_json
from balancer.version import VERSION

from ..run.header import versions
from ..study.gate_record import fingerprint
from ..study.intervals import CONFIDENCE, Interval
from ..study.replications import Runs
from .effects import effects, told
from .goals import Goals
from .objectives import Objective
from .results import Candidate, Figures, Tuning
from .sensitivity import Sensitivity

__all__ = ["tuning_record"]

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
    importances: records.Importances | None = None,
    robustness: records.Robustness | None = None,
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
    found = records.Tuning(
        version=records.TUNING.version,
        confidence=CONFIDENCE,
        objectives=tuple(map(_objective, goals.objectives)),
        constraints=tuning.constraints,
        scenarios=tuning.scenarios,
        held_out=tuning.held_out,
        split=tuning.split,
        trials=tuning.trials,
        raced=tuning.raced,
        invalid=invalid,
        simulated_hours=tuning.simulated_hours,
        replications=tuning.replications,
        seed=tuning.seed,
        sampler=tuning.sampler,
        today=_candidate(tuning, goals, tuning.today, texts, notes),
        static=tuning.static,
        front=tuple(_candidate(tuning, goals, each, texts, notes) for each in tuning.front),
        knee=tuning.knee,
        chosen=tuning.knee if chosen is None else chosen,
        sensitivity=tuple(
            records.Sensitivity(
                path=each.path,
                chosen=each.chosen,
                steps=tuple(
                    records.Step(
                        value=step.value,
                        text=_text(texts, each.path, step.value),
                        valid=step.measured is not None,
                        feasible=None if step.measured is None else step.measured.feasible,
                        objectives=() if step.measured is None else step.measured.objectives,
                    )
                    for step in each.steps
                ),
            )
            for each in sensitivities
        ),
        importance=importances or records.Importances(),
        robustness=robustness or records.Robustness(),
        command=tuple(command),
        gate=tuple(gate),
        versions={"open-balancer": VERSION, **versions()},
    )
    plain: dict[str, Any] = to_json(found)
    return plain


def _text(texts: _Show, path: str, value: float) -> str:
    try:
        return str(texts[path](value)) if path in texts else f"{value:g}"
    except ValueError:  # beyond what a policy can have
        return f"{value:g}"


def _objective(each: Objective) -> records.Objective:
    return records.Objective(
        name=each.name, metric=each.metric, form=each.form, unit=each.unit, better=each.better
    )


def _candidate(
    tuning: Tuning, goals: Goals, each: Candidate, texts: _Show, notes: _Notes
) -> records.Policy:
    every = {**each.tuned_on, **each.held_out}
    return records.Policy(
        trial=each.trial,
        name=each.policy.name,
        law=each.policy.law,
        file=notes.files.get(each.trial),
        fingerprint=fingerprint(each.policy),
        settings=tuple(
            records.Setting(path=path, value=value, text=_text(texts, path, value))
            for path, value in each.values.items()
        ),
        feasible=each.feasible,
        broken=tuple(notes.broken.get(each.trial, ())),
        objectives=each.objectives,
        objectives_held_out=each.objectives_held_out,
        worst=tuple(_worst(objective, every) for objective in told(goals)),
        changes=tuple(policy_difference(tuning.today.policy, each.policy)),
        effects=_effects(tuning, goals, each, tuning.scenarios),
        effects_held_out=_effects(tuning, goals, each, tuning.held_out),
        figures={
            scenario: {of.metric: found[of.metric] for of in told(goals)}
            for scenario, found in every.items()
        },
    )


def _worst(objective: Objective, figures: Figures) -> records.Worst:
    """The scenario in which a metric is worst; what is undefined is worse than any value."""

    def badness(entry: tuple[str, Interval]) -> float:
        value = objective.sign * entry[1].estimate
        return math.inf if math.isnan(value) else value

    metric = objective.metric
    scenario, found = max(((name, each[metric]) for name, each in figures.items()), key=badness)
    return records.Worst(metric=metric, scenario=scenario, value=found)


def _effects(
    tuning: Tuning, goals: Goals, candidate: Candidate, scenarios: Sequence[str]
) -> tuple[records.Change, ...]:
    runs: dict[str, Runs] = {name: tuning.runs[name] for name in scenarios}
    return tuple(
        records.Change(of=_objective(each.objective), change=each.change)
        for each in effects(goals, runs, candidate.arm)
    )
