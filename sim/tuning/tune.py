"""A tuning from its scenarios to its front: search, then the best again on fresh seeds.

The search runs on seeds of its own, derived from the scenarios'; so do the fresh runs, which no
trial has seen: what made a policy win the search does not count in its figures. The front is
chosen by those, of a few policies, so a little luck is left; what a gate runs afterwards is new to
both.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scenarios.schema import Scenario

from ..run.metrics import METRICS
from ..run.result import STATIC
from ..study.counterfactual import cost_saved
from ..study.estimates import metric_interval, values_interval
from ..study.intervals import Interval
from ..study.replications import Plan, Runs, replicate
from ..workers.pool import Workers
from . import front as fronts
from .asked import Asked, seeded
from .goals import Goals
from .results import TODAY, Candidate, Measured, Tuning, seen
from .space import Space
from .study import GENERATION, Study, Tried
from .trials import BLOCKS, Race

__all__ = ["AROUND", "FRESH", "Progress", "Tuned", "drawn", "simulated_s", "tune"]

FRESH = 12
"""Replications on fresh seeds."""
MOST = 8
"""Policies that are run on fresh seeds, beside today's and static."""
AROUND = 4
"""Replications of what explains a front: numbers moved, other assumptions."""
SECONDS_PER_HOUR = 3600.0

_COSTS = {"cost_usd", "cost_per_answer_usd"}
_WORTHS = {"quality", "utility_usd", "quality_weighted_answers", "good_answers"}
_UNDEFINED = Interval(estimate=math.nan, low=math.nan, high=math.nan)

Progress = Callable[[str], Callable[[float, int], None]]
"""Gives a reporter of what is done and what there is in all, by a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What came of it.

    Attributes:
        tuning: its front is empty where no policy keeps the constraints.
        study: with all trials.
        goals: what they were judged by.
        space: that was searched.
        fresh: the scenarios it was tuned on, with the seeds of the fresh runs.
        invalid: trials that were drawn and are no policies.
        nearest: where the front is empty, the trial that came nearest; else None.
        broken: constraints that a candidate breaks, and where, held out too, by its trial.
    """

    tuning: Tuning
    study: Study
    goals: Goals
    space: Space
    fresh: tuple[Scenario, ...]
    invalid: int
    nearest: Tried | None
    broken: Mapping[int, tuple[str, ...]]

    def notes(self, place: int | None) -> Iterator[str]:
        """What is to be known before a policy is used, a sentence each.

        Args:
            place: in the front of the policy that is proposed; None: there is none.
        """
        if self.invalid:
            yield f"{self.invalid} draws were no policies, and were never simulated"
        if self.study.resumed:
            yield f"{self.study.resumed} trials were taken from the study"
        names = {each.metric for each in self.goals.objectives}
        if names & _COSTS and not names & _WORTHS:
            yield (
                "cost alone is won by the cheapest models always: add quality or utility to "
                "--objective"
            )
        if place is not None:
            yield from (
                f"{self.tuning.front[place].policy.name} breaks {text}"
                for text in self.broken[self.tuning.front[place].trial]
            )
        elif self.nearest is not None and self.nearest.trial is not None:
            misses = zip(self.goals.constraints, self.nearest.trial.score.misses, strict=True)
            missed = [f"{each.text} by {miss:.2%}" for each, miss in misses if miss > 0.0]
            yield (
                f"nearest came trial {self.nearest.number}, which misses "
                f"{' and '.join(missed) or 'nothing in the search, and something on fresh seeds'}"
            )


def tune(
    asked: Asked,
    path: Path,
    *,
    workers: int | Workers | None = None,
    progress: Progress = lambda _name: lambda _done, _total: None,
) -> Tuned:
    """Search, and run the front again on fresh seeds.

    The same arguments give the same result, on any number of workers, whether interrupted in
    between or not; with `limit_s`, the number of trials depends on the clock.

    Args:
        asked: what is to be tuned.
        path: of the study's file; one that is there is gone on with.
        workers: as of `sim.study.replications.replicate`.
        progress: told of trials and of runs on fresh seeds.

    Raises:
        InputError: the study is another one's, or nothing can be held against an objective.
        WorkerError: a worker process died.
    """
    began = time.monotonic()
    goals, space = asked.goals(), asked.space
    study = Study(
        path,
        asked.identity,
        space=space,
        goals=goals,
        sampler=asked.sampler,
        seed=asked.seed if asked.seed is not None else 1,
    )
    race = Race(
        goals,
        [seeded(each, asked.seed, "search") for each in asked.scenarios],
        space.fields.policy,
        arms=study.arms,
        workers=workers,
    )
    if study.arms is None:
        study.keep_arms(race.arms)
    _search(asked, study, race, began, progress("trials"))
    return _judged(asked, study, workers, progress("runs on fresh seeds"))


def simulated_s(asked: Asked) -> float:
    """Simulated seconds of a tuning by its number of trials, at most; what explains it too."""
    tuned_s = sum(each.duration for each in asked.scenarios)
    return (drawn(asked) + 2) * BLOCKS[-1] * tuned_s + _fresh_s(asked)


def drawn(asked: Asked) -> int:
    """Trials of a tuning by their number, in whole generations of a dozen."""
    return math.ceil(asked.trials / GENERATION) * GENERATION


def _search(
    asked: Asked,
    study: Study,
    race: Race,
    began: float,
    report: Callable[[float, int], None],
) -> None:
    most = drawn(asked)
    rounds = 0
    while len(study.tried) < most or asked.limit_s is not None:
        report(len(study.tried), max(most, len(study.tried)))
        if asked.limit_s is not None and rounds:
            spent_s = time.monotonic() - began
            # What the fresh runs and another generation will take, by what this took so far.
            pace = spent_s / race.simulated_s if race.simulated_s else 0.0
            if spent_s * (1.0 + 1.0 / rounds) + pace * _fresh_s(asked) > asked.limit_s:
                break
        study.generation(race)
        rounds += 1
    report(len(study.tried), len(study.tried))


def _fresh_s(asked: Asked) -> float:
    """Simulated seconds of what comes after the search, at most."""
    tuned_s, held_s = (
        sum(each.duration for each in part) for part in (asked.scenarios, asked.held_out)
    )
    # Both ends of every number beside the policy itself, and four cases of other assumptions.
    others = 2  # today's policy and static
    moved = 2 * len(asked.space.dimensions) + 1 + others
    around = moved + 4 * (MOST + others)
    return (MOST + others) * FRESH * (tuned_s + held_s) + around * AROUND * tuned_s


def _judged(
    asked: Asked,
    study: Study,
    workers: int | Workers | None,
    report: Callable[[float, int], None],
) -> Tuned:
    goals, space = asked.goals(), asked.space
    today = space.fields.policy
    chosen = _front(study.tried, goals)
    scenarios = [seeded(each, asked.seed, "fresh") for each in (*asked.scenarios, *asked.held_out)]
    arms = {TODAY: today, STATIC: today}
    arms |= {f"trial {e.number}": e.drawn.policy for e in chosen if e.drawn.policy is not None}
    found = replicate(
        [Plan(scenario=each, arms=arms, replications=range(FRESH)) for each in scenarios],
        workers=workers,
        progress=report,
    )
    runs = {each.scenario: of for each, of in zip(scenarios, found, strict=True)}
    judge = _Judge(asked, goals, runs)
    as_today = judge.candidate(-1, space.today, space.fields.text)
    candidates = [
        judge.candidate(each.number, each.drawn.values, each.drawn.text) for each in chosen
    ]
    front = _fresh_front([as_today, *candidates], goals)
    hours = study.replications * sum(each.duration for each in asked.scenarios)
    hours += sum(each.duration for each in scenarios) * len(arms) * FRESH
    tuning = Tuning(
        objectives=tuple(each.name for each in asked.objectives),
        constraints=tuple(each.text for each in asked.constraints),
        today=as_today,
        front=tuple(_named(each, place, space) for place, each in enumerate(front, 1)),
        knee=fronts.knee([_losses(each, goals) for each in front]) if front else -1,
        trials=sum(each.trial is not None for each in study.tried),
        raced=sum(each.trial is not None and each.trial.score.raced for each in study.tried),
        simulated_hours=hours / SECONDS_PER_HOUR,
        replications=FRESH,
        scenarios=tuple(each.scenario for each in asked.scenarios),
        held_out=tuple(each.scenario for each in asked.held_out),
        runs=runs,
        static=judge.measured(STATIC, tuned_on=True),
        seed=asked.seed,
        sampler=asked.sampler,
        split=asked.split,
    )
    return Tuned(
        tuning=tuning,
        study=study,
        goals=goals,
        space=space,
        fresh=tuple(scenarios[: len(asked.scenarios)]),
        invalid=sum(each.trial is None for each in study.tried),
        nearest=None if front else _nearest(study.tried),
        broken={each.trial: goals.broken(runs, each.arm) for each in front},
    )


class _Judge:
    """Makes candidates of the runs on fresh seeds."""

    __slots__ = ("_asked", "_goals", "_parts", "_runs")

    def __init__(self, asked: Asked, goals: Goals, runs: Mapping[str, Runs]) -> None:
        self._asked, self._goals, self._runs = asked, goals, runs
        names = (asked.scenarios, asked.held_out)
        self._parts = [{each.scenario: runs[each.scenario] for each in part} for part in names]

    def candidate(self, trial: int, values: Mapping[str, float], text: str) -> Candidate:
        arm = TODAY if trial < 0 else f"trial {trial}"
        measured = self.measured(arm, tuned_on=True)
        held_out = [_UNDEFINED for _ in self._goals.objectives]
        if self._asked.held_out:
            held_out = list(self.measured(arm, tuned_on=False).objectives)
        figures = [
            {name: _figures(each, arm) for name, each in part.items()} for part in self._parts
        ]
        return Candidate(
            trial=trial,
            values=values,
            text=text,
            policy=self._asked.space.fields.parsed(text),
            tuned_on=figures[0],
            held_out=figures[1],
            objectives=measured.objectives,
            objectives_held_out=tuple(held_out),
            feasible=measured.feasible,
        )

    def measured(self, arm: str, *, tuned_on: bool) -> Measured:
        part = self._parts[0 if tuned_on else 1]
        return self._goals.measure(seen(part, arm), seen(part, TODAY), seen(part, STATIC))


def _figures(runs: Runs, arm: str) -> Mapping[str, Interval]:
    ours = runs[arm]
    found = {name: metric_interval(name, ours) for name in METRICS if name != "cost_saved"}
    saved = cost_saved(ours, runs[STATIC])
    return {**found, "cost_saved": values_interval("cost_saved", saved, ours)}


def _front(tried: Sequence[Tried], goals: Goals) -> list[Tried]:
    """Trials that go on: the best of those that keep all constraints and were not given up.

    That is the front, or a spread-out part of it. Where it is small, as it is of one objective, the
    fronts behind it go on too: which of them is best, a few replications do not tell.
    """
    able: dict[tuple[float, ...], Tried] = {}
    for each in tried:
        score = None if each.trial is None else each.trial.score
        if score is not None and score.feasible and not score.raced:
            able.setdefault(tuple(goals.losses(score.objectives)), each)
    kept: list[Tried] = []
    while able and len(kept) < MOST:
        losses = list(able)
        front = [losses[place] for place in fronts.non_dominated(losses)]
        kept += [able[front[place]] for place in fronts.spread(front, MOST - len(kept))]
        for loss in front:
            del able[loss]
    return sorted(kept, key=lambda each: each.number)


def _losses(candidate: Candidate, goals: Goals) -> list[float]:
    return goals.losses(found.estimate for found in candidate.objectives)


def _fresh_front(candidates: Sequence[Candidate], goals: Goals) -> list[Candidate]:
    """The front by fresh figures, best in the first objective first; of equal ones the first."""
    able = [
        each
        for each in candidates
        if each.feasible and all(math.isfinite(found.estimate) for found in each.objectives)
    ]
    losses = [_losses(each, goals) for each in able]
    places = sorted(fronts.non_dominated(losses), key=lambda place: losses[place])
    return [able[place] for place in places]


def _named(candidate: Candidate, place: int, space: Space) -> Candidate:
    """The candidate under a name of its own; today's keeps its name."""
    if candidate.trial < 0:
        return replace(candidate, text=space.fields.with_values({}))
    name = f"{space.fields.policy.name[:80]}-tuned-{place}"
    text = space.text(candidate.values, name)
    return replace(candidate, text=text, policy=space.fields.parsed(text))


def _nearest(tried: Sequence[Tried]) -> Tried | None:
    """The trial that misses least, all constraints together."""
    known = [each for each in tried if each.trial is not None]

    def missed(each: Tried) -> float:
        assert each.trial is not None
        return math.fsum(max(0.0, miss) for miss in each.trial.score.misses)

    return min(known, key=missed, default=None)
