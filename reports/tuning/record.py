"""Tunings as values: `tuning.json` read back (see `docs/reference/tuning.md`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.records.interval import Interval

from ..fields import as_a, clean, estimate, items, number, read_json, text, words

__all__ = [
    "TUNING",
    "Case",
    "Change",
    "Importance",
    "Objective",
    "Policy",
    "Sensitivity",
    "Setting",
    "Standing",
    "Step",
    "Tuning",
    "Worst",
    "read_tuning",
    "tuning_of",
]

TUNING = "tuning.json"
"""Name of the file in a tuning's directory."""

VERSIONS = (1,)
"""Of the file, that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What was asked for, or is told always.

    Attributes:
        name: as it was asked for.
        metric, better: as in `reports.metrics`.
        form: how scenarios are put together: "mean", "ratio" to today's policy, or "worth": the
            share of what perfect answers would be worth.
        unit: of the values, as in `reports.metrics`; a ratio is a share of today's.
    """

    name: str
    metric: str
    form: str
    unit: str
    better: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A number of a policy: path of its key, value, and how a policy file says it."""

    path: str
    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a policy changes of an objective against today's, in pairs of runs.

    Attributes:
        of: the objective.
        change: with the sign it has; of a ratio, less 1.
    """

    of: Objective
    change: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The scenario in which a metric is worst."""

    metric: str
    scenario: str
    value: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Today's policy, or one of the front.

    Attributes:
        trial: its number; -1 is today's policy.
        file: name of its file beside the record, or "".
        settings: what the trial set.
        broken: constraints it does not keep, and where, held out or not.
        objectives, objectives_held_out: in the order asked for, over the scenarios it was tuned
            on and over the others.
        changes: against today's policy, a sentence each.
        effects, effects_held_out: against today's policy.
    """

    trial: int
    name: str
    law: str
    file: str
    fingerprint: str
    settings: tuple[Setting, ...]
    feasible: bool
    broken: tuple[str, ...]
    objectives: tuple[Interval, ...]
    objectives_held_out: tuple[Interval, ...]
    worst: tuple[Worst, ...]
    changes: tuple[str, ...]
    effects: tuple[Change, ...]
    effects_held_out: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Objectives of a policy somewhere, and whether it keeps the constraints there.

    Attributes:
        best: nobody who keeps them betters it.
        proposed: it is the knee of those that are best.
    """

    feasible: bool
    objectives: tuple[Interval, ...]
    trial: int = -1
    best: bool = False
    proposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The proposed policy with one number changed; no standing where it would be no policy."""

    value: float
    text: str
    standing: Standing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What becomes of the objectives along one number, which was chosen as `chosen`."""

    path: str
    chosen: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Of every number for one objective, by its path, the most important first."""

    objective: str
    shares: Mapping[str, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All policies where one assumption is off; `simulated`: it was simulated again."""

    name: str
    simulated: bool
    policies: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a tuning found and all that a report says around it.

    Attributes:
        static: of today's policy without its controller; None: not known.
        knee, chosen: places in the front: of the knee, and of the policy that is proposed.
        importance: empty where nothing can be said, of `importance_trials` trials where
            `importance_needed` are needed; 0 where nobody looked.
        cases: with assumptions that are off by `off`; `left_out` says what could not be looked at.
        command, gate: that ask for this again, and whether the proposed policy may be used.
    """

    confidence: float
    objectives: tuple[Objective, ...]
    constraints: tuple[str, ...]
    scenarios: tuple[str, ...]
    held_out: tuple[str, ...]
    split: str
    trials: int
    raced: int
    invalid: int
    simulated_hours: float
    replications: int
    seed: int | None
    sampler: str
    today: Policy
    static: Standing | None
    front: tuple[Policy, ...]
    knee: int
    chosen: int
    sensitivity: tuple[Sensitivity, ...]
    importance: tuple[Importance, ...]
    importance_trials: int
    importance_needed: int
    cases: tuple[Case, ...]
    off: float
    left_out: tuple[str, ...]
    command: tuple[str, ...]
    gate: tuple[str, ...]
    versions: Mapping[str, str]

    @property
    def proposed(self) -> Policy | None:
        """The policy that is proposed; None where the front is empty."""
        return self.front[self.chosen] if self.front else None

    @property
    def found(self) -> tuple[tuple[int, Policy], ...]:
        """The front without today's policy, each with its place in the front, from 1."""
        every = enumerate(self.front, 1)
        return tuple((place, policy) for place, policy in every if policy.trial >= 0)

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all numbers that any policy here sets."""
        every = (self.today, *self.front)
        return tuple(dict.fromkeys(each.path for policy in every for each in policy.settings))


def read_tuning(directory: Path) -> Tuning:
    """Read a tuning's directory.

    Raises:
        InputError: the file is missing, no JSON, of another version, or no tuning.
    """
    path = directory / TUNING
    found = read_json(path)
    with as_a("tuning", str(path)):
        return tuning_of(found)


def tuning_of(entry: Mapping[str, Any]) -> Tuning:
    """The object of `tuning.json` as a value; what it lacks raises as `dict` and `float` do."""
    if entry["version"] not in VERSIONS:
        known = ", ".join(map(str, VERSIONS))
        raise ValueError(f"version is {entry['version']!r}; this release reads {known}")
    importance, robustness = entry.get("importance") or {}, entry.get("robustness") or {}
    objectives = tuple(map(_objective, entry["objectives"]))
    front = tuple(_policy(each, len(objectives)) for each in entry["front"])
    seed = entry.get("seed")
    static = entry.get("static")
    return Tuning(
        confidence=number(entry["confidence"]),
        objectives=objectives,
        constraints=words(entry, "constraints"),
        scenarios=words(entry, "scenarios"),
        held_out=words(entry, "held_out"),
        split=text(entry, "split"),
        trials=int(entry["trials"]),
        raced=int(entry["raced"]),
        invalid=int(entry.get("invalid") or 0),
        simulated_hours=number(entry["simulated_hours"]),
        replications=int(entry["replications"]),
        seed=None if seed is None else int(seed),
        sampler=text(entry, "sampler"),
        today=_policy(entry["today"], len(objectives)),
        static=None if static is None else _standing(static, len(objectives)),
        front=front,
        knee=_place(entry, "knee", front),
        chosen=_place(entry, "chosen", front),
        sensitivity=tuple(
            _sensitivity(each, len(objectives)) for each in items(entry, "sensitivity")
        ),
        importance=tuple(_importance(each) for each in items(importance, "objectives")),
        importance_trials=int(importance.get("trials") or 0),
        importance_needed=int(importance.get("needed") or 0),
        cases=tuple(
            Case(
                name=clean(str(each["name"])),
                simulated=bool(each["simulated"]),
                policies=tuple(_standing(row, len(objectives)) for row in each["policies"]),
            )
            for each in items(robustness, "cases")
        ),
        off=number(robustness.get("off")),
        left_out=words(robustness, "left_out"),
        command=words(entry, "command"),
        gate=words(entry, "gate"),
        versions={
            clean(str(name)): clean(str(version))
            for name, version in (entry.get("versions") or {}).items()
        },
    )


def _place(entry: Mapping[str, Any], key: str, front: Sequence[Policy]) -> int:
    place = int(entry[key])
    if front and not 0 <= place < len(front):
        raise ValueError(f"{key} is {place}; expected a place from 0 to {len(front) - 1}")
    return place


def _policy(entry: Mapping[str, Any], count: int) -> Policy:
    return Policy(
        trial=int(entry["trial"]),
        name=clean(str(entry["name"])),
        law=text(entry, "law"),
        file=text(entry, "file"),
        fingerprint=text(entry, "fingerprint"),
        settings=tuple(
            Setting(
                path=clean(str(each["path"])),
                value=number(each["value"]),
                text=clean(str(each["text"])),
            )
            for each in entry["values"]
        ),
        feasible=bool(entry["feasible"]),
        broken=words(entry, "broken"),
        objectives=_estimates(entry, "objectives", count),
        objectives_held_out=_estimates(entry, "objectives_held_out", count),
        worst=tuple(
            Worst(
                metric=clean(str(each["metric"])),
                scenario=clean(str(each["scenario"])),
                value=estimate(each),
            )
            for each in items(entry, "worst")
        ),
        changes=words(entry, "changes"),
        effects=tuple(map(_change, items(entry, "effects"))),
        effects_held_out=tuple(map(_change, items(entry, "effects_held_out"))),
    )


def _estimates(entry: Mapping[str, Any], key: str, count: int) -> tuple[Interval, ...]:
    found = tuple(estimate(each) for each in entry[key])
    if len(found) != count:
        raise ValueError(f"{key} are {len(found)}; expected {count}, one for each objective")
    return found


def _change(entry: Mapping[str, Any]) -> Change:
    return Change(of=_objective(entry), change=estimate(entry))


def _objective(entry: Mapping[str, Any]) -> Objective:
    return Objective(
        name=clean(str(entry["name"])),
        metric=clean(str(entry["metric"])),
        form=clean(str(entry["form"])),
        unit=text(entry, "unit") or "number",
        better=clean(str(entry["better"])),
    )


def _standing(entry: Mapping[str, Any], count: int) -> Standing:
    return Standing(
        feasible=bool(entry["feasible"]),
        objectives=_estimates(entry, "objectives", count),
        trial=int(entry.get("trial", -1)),
        best=bool(entry.get("best")),
        proposed=bool(entry.get("proposed")),
    )


def _sensitivity(entry: Mapping[str, Any], count: int) -> Sensitivity:
    return Sensitivity(
        path=clean(str(entry["path"])),
        chosen=number(entry["chosen"]),
        steps=tuple(
            Step(
                value=number(each["value"]),
                text=clean(str(each["text"])),
                standing=_standing(each, count) if each["valid"] else None,
            )
            for each in entry["steps"]
        ),
    )


def _importance(entry: Mapping[str, Any]) -> Importance:
    return Importance(
        objective=clean(str(entry["objective"])),
        shares={clean(str(each["path"])): estimate(each) for each in entry["shares"]},
    )
