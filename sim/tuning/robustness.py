"""Which candidates hold where what was assumed is off, and where each of them does worst.

What other models' answers are worth and what tokens cost enter a run's figures linearly, so those
are worked out from the runs that are there. The bill is what is off: a controller judges cost by
the price table and does not see it. Quotas and the speed of other models change what happens, and
are simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from balancer.records.tuning import Case, Robustness, Standing
from scenarios.schema import Scenario

from ..run.result import STATIC
from ..study.replications import Plan, Runs, replicate
from ..workers.pool import Workers
from .front import betters, knee
from .goals import Goals
from .results import TODAY, Candidate, Tuning, seen
from .shifts import other_quotas, other_speed, possible_quality, with_prices, with_quality

__all__ = ["OFF", "robustness"]

OFF = 0.3
"""By how much an assumption is off, either way."""
FACTORS = (1.0 - OFF, 1.0 + OFF)
MINUS = "\N{MINUS SIGN}"


def robustness(
    tuning: Tuning,
    scenarios: Sequence[Scenario],
    *,
    goals: Goals,
    replications: int | None = None,
    workers: int | Workers | None = None,
    progress: Callable[[float, int], None] | None = None,
) -> Robustness:
    """The front and today's policy where quality, prices, quotas and speed are off by `OFF`.

    Args:
        tuning: with the runs of its candidates.
        scenarios: those it was tuned on, with the seeds the candidates were run with.
        goals: by which they are judged.
        replications: of what is simulated again; None: as many as there are runs,
            which are the most.
        workers, progress: as of `sim.study.replications.replicate`.

    Raises:
        InputError, WorkerError: as `sim.study.replications.replicate`.
    """
    found = _Cases(tuning, goals)
    runs = {each.scenario: tuning.runs[each.scenario] for each in scenarios}
    cases = [found.case("as assumed", runs)]
    for what, change in (("quality of other models", _other_quality), ("prices", _other_prices)):
        cases += [
            found.case(
                f"{what} {_off(factor)}",
                {s.scenario: change(runs[s.scenario], s, tuning, factor) for s in scenarios},
            )
            for factor in FACTORS
        ]
    count = min(replications or tuning.replications, tuning.replications)
    kept = {name: _first(each, count) for name, each in runs.items()}
    if count < tuning.replications:
        # What is simulated again is held against the same requests, which are fewer.
        cases.append(found.case(f"as assumed, {count} replications", kept))
    left_out = []
    for what, otherwise in (("quotas", other_quotas), ("speed of other models", other_speed)):
        changed = {
            f"{what} {_off(factor)}": [
                other
                for each in scenarios
                if (other := otherwise(each, tuning.today.policy, factor)) is not None
            ]
            for factor in FACTORS
        }
        if not all(changed.values()):
            left_out.append(f"{what}: no scenario has any")
            continue
        for name, others in changed.items():
            again = _again(tuning, others, count, workers, progress)
            cases.append(found.case(name, {**kept, **again}, simulated=True))
    return Robustness(off=OFF, cases=tuple(cases), left_out=tuple(left_out))


def _off(factor: float) -> str:
    return f"{'+' if factor > 1.0 else MINUS}{abs(factor - 1.0):.0%}"


def _other_quality(runs: Runs, scenario: Scenario, tuning: Tuning, factor: float) -> Runs:
    factor = possible_quality(factor, scenario, tuning.today.policy)
    return {
        arm: tuple(with_quality(run, factor, scenario.worth.answer) for run in each)
        for arm, each in runs.items()
    }


def _other_prices(runs: Runs, _scenario: Scenario, _tuning: Tuning, factor: float) -> Runs:
    return {arm: tuple(with_prices(run, factor) for run in each) for arm, each in runs.items()}


class _Cases:
    """Makes cases of runs.

    Args:
        tuning: whose candidates.
        goals: by which they are judged.
    """

    __slots__ = ("_candidates", "_goals")

    def __init__(self, tuning: Tuning, goals: Goals) -> None:
        # Today's policy may be one of the front.
        found = (each for each in tuning.front if each.trial >= 0)
        self._candidates: tuple[Candidate, ...] = (tuning.today, *found)
        self._goals = goals

    def case(self, name: str, runs: Mapping[str, Runs], *, simulated: bool = False) -> Case:
        """The candidates by these runs of each scenario."""
        today, static = seen(runs, TODAY), seen(runs, STATIC)
        measured = [
            self._goals.measure(seen(runs, each.arm), today, static) for each in self._candidates
        ]
        losses = [
            self._goals.losses(found.estimate for found in each.objectives) for each in measured
        ]
        able = [place for place, each in enumerate(measured) if each.feasible]
        best = [
            place
            for place in able
            if not any(betters(losses[other], losses[place]) for other in able)
        ]
        proposed = best[knee([losses[place] for place in best])] if best else None
        return Case(
            name=name,
            simulated=simulated,
            policies=tuple(
                Standing(
                    trial=candidate.trial,
                    feasible=each.feasible,
                    objectives=each.objectives,
                    best=place in best,
                    proposed=place == proposed,
                )
                for place, (candidate, each) in enumerate(
                    zip(self._candidates, measured, strict=True)
                )
            ),
        )


def _first(runs: Runs, count: int) -> Runs:
    return {arm: each[:count] for arm, each in runs.items()}


def _again(
    tuning: Tuning,
    scenarios: Sequence[Scenario],
    count: int,
    workers: int | Workers | None,
    progress: Callable[[float, int], None] | None,
) -> dict[str, Runs]:
    """Today's policy, static and the front in changed scenarios, on the requests of before."""
    policies = {each.arm: each.policy for each in (tuning.today, *tuning.front)}
    policies[STATIC] = tuning.today.policy
    plans = []
    for scenario in scenarios:
        first = tuning.runs[scenario.scenario][TODAY][0].replication
        plans.append(
            Plan(scenario=scenario, arms=policies, replications=range(first, first + count))
        )
    found = replicate(plans, workers=workers, progress=progress)
    return {plan.scenario.scenario: runs for plan, runs in zip(plans, found, strict=True)}
