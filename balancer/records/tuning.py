"""The record of a tuning: the object of `tuning.json`.

`docs/reference/tuning.md` documents every field.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .codec import INLINE, NULL, key
from .files import Format
from .interval import Interval

__all__ = [
    "TUNING",
    "Case",
    "Change",
    "Importance",
    "Importances",
    "Measured",
    "Objective",
    "Policy",
    "Robustness",
    "Sensitivity",
    "Setting",
    "Share",
    "Standing",
    "Step",
    "Tuning",
    "Worst",
]


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
    unit: str = "number"
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

    of: Objective = field(metadata=INLINE)
    change: Interval = field(metadata=INLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The scenario in which a metric is worst."""

    metric: str
    scenario: str
    value: Interval = field(metadata=INLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Today's policy, or one of the front.

    Attributes:
        trial: its number; -1 is today's policy.
        file: name of its file beside the record; None: it has none.
        settings: what the trial set.
        broken: constraints it does not keep, and where, held out or not.
        objectives, objectives_held_out: in the order asked for, over the scenarios it was tuned
            on and over the others.
        changes: against today's policy, a sentence each.
        effects, effects_held_out: against today's policy.
        figures: of each scenario, by its name and the metric's.
    """

    trial: int
    name: str
    law: str = ""
    file: str | None = None
    fingerprint: str = ""
    settings: tuple[Setting, ...] = key("values")
    feasible: bool
    broken: tuple[str, ...] = ()
    objectives: tuple[Interval, ...]
    objectives_held_out: tuple[Interval, ...]
    worst: tuple[Worst, ...] = ()
    changes: tuple[str, ...] = ()
    effects: tuple[Change, ...] = ()
    effects_held_out: tuple[Change, ...] = ()
    figures: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Objectives of a policy somewhere, and whether it keeps the constraints there."""

    feasible: bool
    objectives: tuple[Interval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The proposed policy with one number changed; measured unless it would be no policy."""

    value: float
    text: str
    valid: bool
    feasible: bool | None = None
    objectives: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What becomes of the objectives along one number, which was chosen as `chosen`."""

    path: str
    chosen: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of an objective hangs on a number, by its path."""

    path: str
    share: Interval = field(metadata=INLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Of every number for one objective, the most important first."""

    objective: str
    shares: tuple[Share, ...]

    @property
    def by_path(self) -> Mapping[str, Interval]:
        """The shares by their paths, in the same order."""
        return {each.path: each.share for each in self.shares}


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """Of the numbers, told from trials; none where there are fewer than are needed."""

    trials: int = 0
    needed: int = 0
    objectives: tuple[Importance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A policy where one assumption is off.

    Attributes:
        best: nobody who keeps the constraints betters it.
        proposed: it is the knee of those that are best.
    """

    trial: int
    feasible: bool
    objectives: tuple[Interval, ...]
    best: bool = False
    proposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All policies where one assumption is off; `simulated`: it was simulated again."""

    name: str
    simulated: bool
    policies: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """With assumptions that are off by `off`; `left_out` says what could not be looked at."""

    off: float = math.nan
    cases: tuple[Case, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a tuning found and all that a report says around it.

    Attributes:
        static: of today's policy without its controller; None: not known.
        knee, chosen: places in the front: of the knee, and of the policy that is proposed.
        importance, robustness: the default where nobody looked.
        command, gate: that ask for this again, and whether the proposed policy may be used.

    Raises:
        ValueError: a place is not in the front, or a policy has not a value for each objective.
    """

    version: int
    confidence: float = 0.95
    objectives: tuple[Objective, ...]
    constraints: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    split: str = ""
    trials: int
    raced: int
    invalid: int = 0
    simulated_hours: float
    replications: int
    seed: int | None = None
    sampler: str = ""
    today: Policy
    static: Measured | None = None
    front: tuple[Policy, ...]
    knee: int
    chosen: int
    sensitivity: tuple[Sensitivity, ...] = ()
    importance: Importances = field(default=Importances(), metadata=NULL)
    robustness: Robustness = field(default=Robustness(), metadata=NULL)
    command: tuple[str, ...] = ()
    gate: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        last = len(self.front) - 1
        for name, place in (("knee", self.knee), ("chosen", self.chosen)):
            if self.front and not 0 <= place <= last:
                raise ValueError(f"{name} is {place}; expected a place from 0 to {last}")
        count = len(self.objectives)
        for values in self._values():
            if len(values) != count:
                raise ValueError(
                    f"objectives are {len(values)}; expected {count}, one for each objective"
                )

    def _values(self) -> Iterator[Sequence[Interval]]:
        """Wherever there is a value for each objective."""
        for policy in (self.today, *self.front):
            yield from (policy.objectives, policy.objectives_held_out)
        if self.static is not None:
            yield self.static.objectives
        for each in self.sensitivity:
            yield from (step.objectives for step in each.steps if step.valid)
        for case in self.robustness.cases:
            yield from (row.objectives for row in case.policies)

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


TUNING = Format(record=Tuning, noun="tuning", file="tuning.json", version=1, again="tune once more")
