"""Rows of a tuning's tables: its policies, their numbers, and how robust they are."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.records.interval import Interval
from balancer.records.tuning import Objective, Standing, Tuning

from ..amounts import amount
from ..metrics import metric
from .words import dimension, label, name_of, objective_values, setting, value

__all__ = [
    "Head",
    "PolicyRow",
    "RobustnessRow",
    "SettingRow",
    "WorstRow",
    "policy_rows",
    "robustness_rows",
    "setting_rows",
    "worst_rows",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of an objective's column: its name, what its values are of, the better way."""

    label: str
    of: str
    better: str

    @classmethod
    def of_objective(cls, objective: Objective) -> Head:
        """Of an objective."""
        better = {"higher": "↑", "lower": "↓"}
        of = {"ratio": "of today's", "worth": "of what could be"}
        return cls(
            label=label(objective.metric),
            of=of.get(objective.form, ""),
            better=better.get(objective.better, ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """A policy and its objectives, where it was tuned and where it was not."""

    name: str
    note: str
    kind: str
    kept: bool
    broken: tuple[str, ...]
    objectives: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """A number, as today's policy and every policy of the front has it."""

    label: str
    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstRow:
    """A policy, and the value and the scenario of every metric's worst."""

    name: str
    kind: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessRow:
    """A case: how every policy stands there, and the objectives of the proposed one."""

    name: str
    simulated: bool
    standings: tuple[str, ...]
    objectives: tuple[str, ...]


def policy_rows(tuning: Tuning) -> tuple[PolicyRow, ...]:
    """Today's policy, the same without its controller, and the front."""
    rows = [
        PolicyRow(
            name="today",
            note=_note_of_today(tuning),
            kind="best" if tuning.proposed is not None and not tuning.proposed.changes else "",
            kept=tuning.today.feasible,
            broken=tuning.today.broken,
            objectives=tuple(objective_values(tuning.today.objectives, tuning.objectives)),
            held_out=_held_out(tuning, tuning.today.objectives_held_out),
        )
    ]
    if tuning.static is not None:
        rows.append(
            PolicyRow(
                name="static",
                note="today's without a controller",
                kind="",
                kept=tuning.static.feasible,
                broken=(),
                objectives=tuple(objective_values(tuning.static.objectives, tuning.objectives)),
                held_out=tuple("" for _ in tuning.objectives) if tuning.held_out else (),
            )
        )
    rows += [
        PolicyRow(
            name=name_of(tuning, each.trial),
            note=_note(tuning, place - 1),
            kind="best" if each is tuning.proposed else "",
            kept=each.feasible,
            broken=each.broken,
            objectives=tuple(objective_values(each.objectives, tuning.objectives)),
            held_out=_held_out(tuning, each.objectives_held_out),
        )
        for place, each in tuning.found
    ]
    return tuple(rows)


def _note_of_today(tuning: Tuning) -> str:
    on_it = any(each.trial < 0 for each in tuning.front)
    return f"{tuning.today.name}, on the front" if on_it else tuning.today.name


def _note(tuning: Tuning, place: int) -> str:
    notes = ["proposed"] if place == tuning.chosen else []
    if place == tuning.knee:
        notes.append("knee")
    notes.append(tuning.front[place].file or "")
    return ", ".join(note for note in notes if note)


def _held_out(tuning: Tuning, found: tuple[Interval, ...]) -> tuple[str, ...]:
    if not tuning.held_out:
        return ()
    return tuple(objective_values(found, tuning.objectives))


def setting_rows(tuning: Tuning) -> tuple[SettingRow, ...]:
    """Numbers of the space in which any policy differs from today's."""
    every = (tuning.today, *(each for _, each in tuning.found))
    rows = (
        SettingRow(
            label=dimension(path),
            path=path,
            values=tuple(setting(policy, path) for policy in every),
        )
        for path in tuning.paths
    )
    return tuple(row for row in rows if len(set(row.values)) > 1)


def worst_rows(tuning: Tuning) -> tuple[tuple[str, ...], tuple[WorstRow, ...]]:
    """Heads and rows of the scenarios in which each policy does worst."""
    if not tuning.today.worst:
        return (), ()
    metrics = [each.metric for each in tuning.today.worst]
    rows = []
    for policy in (tuning.today, *(each for _, each in tuning.found)):
        known = {each.metric: each for each in policy.worst}
        rows.append(
            WorstRow(
                name=name_of(tuning, policy.trial),
                kind="best" if policy is tuning.proposed else "",
                cells=tuple(
                    (
                        amount(known[name].value.estimate, metric(name).unit),
                        known[name].scenario,
                    )
                    if name in known
                    else ("", "")
                    for name in metrics
                ),
            )
        )
    return tuple(map(label, metrics)), tuple(rows)


def robustness_rows(tuning: Tuning) -> tuple[RobustnessRow, ...]:
    """A row for each case."""
    trials = [tuning.today.trial, *(each.trial for _, each in tuning.found)]
    proposed = None if tuning.proposed is None else tuning.proposed.trial
    rows = []
    for case in tuning.robustness.cases:
        known = {each.trial: each for each in case.policies}
        own = known.get(proposed) if proposed is not None else None
        rows.append(
            RobustnessRow(
                name=case.name,
                simulated=case.simulated,
                standings=tuple(_standing(known.get(trial)) for trial in trials),
                objectives=()
                if own is None
                else tuple(
                    value(interval, each)
                    for interval, each in zip(own.objectives, tuning.objectives, strict=True)
                ),
            )
        )
    return tuple(rows)


def _standing(found: Standing | None) -> str:
    """What a policy is where something is off: proposed, best, keeps, breaks, or ""."""
    if found is None:
        return ""
    if not found.feasible:
        return "breaks"
    if found.proposed:
        return "proposed"
    return "best" if found.best else "keeps"
