"""The ladder against plain thresholds and against nothing, on the same requests.

The four scenarios are those of the library that hold a fault. They were written before the
laws were compared on them, and are taken as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from balancer.core.modes import Mode
from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.run.engine import simulate
from sim.run.metrics import asked
from sim.run.result import NONE, STATIC, Run
from sim.run.serving import back_after_s
from sim.run.timeline import Transition
from sim.study.compared_laws import arms
from sim.study.counterfactual import cost_saved
from sim.study.expectations import TimeBound, expected
from sim.study.intervals import Interval, mean_interval
from sim.study.ranking import REQUESTS
from sim.study.replications import Plan, replicate
from sim.workers.pool import Workers, fan_out

__all__ = [
    "FAULT_SCENARIOS",
    "Claim",
    "Comparison",
    "claims",
    "compare_laws",
    "days_of_steady_traffic",
]

FAULT_SCENARIOS = ("latency_spike", "error_storm", "cost_spike", "conversation_overload")
FEWER_TRANSITIONS = 3.0
"""The threshold law makes at least so many times the ladder's transitions."""
RECOVERED = 0.95
"""Share of the runs that are back in normal in time."""
MARGIN = 0.001
"""Availability is non-inferior when the whole interval lies above minus this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One scenario under both laws and without either; run k of each saw the same requests.

    Attributes:
        static: the policy's normal mode for ever, as a router gives it.
        none: the application's own clients.
    """

    scenario: str
    ladder: tuple[Run, ...]
    threshold: tuple[Run, ...]
    static: tuple[Run, ...]
    none: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something the ladder must show, and whether it did."""

    name: str
    measured: str
    holds: bool


def compare_laws(
    replications: int,
    *,
    scenarios: Sequence[str] = FAULT_SCENARIOS,
    workers: int | Workers | None = None,
) -> tuple[Comparison, ...]:
    """Run scenarios under the default policy with each law, and without."""
    plans = []
    for name in scenarios:
        scenario, own = load(name)
        policy = own or default_policy()
        plans.append(
            Plan(
                scenario=scenario,
                arms=arms(policy, ("ladder", "threshold", STATIC)),
                replications=range(replications),
            )
        )
    found = replicate(plans, workers=workers)
    return tuple(
        Comparison(
            scenario=name,
            ladder=runs["ladder"],
            threshold=runs["threshold"],
            static=runs[STATIC],
            none=runs[NONE],
        )
        for name, runs in zip(scenarios, found, strict=True)
    )


def claims(comparisons: Sequence[Comparison]) -> tuple[Claim, ...]:
    """What is claimed of the ladder over all scenarios together.

    Availability and cost per answer are taken over the requests of all scenarios of a
    replication, and compared in pairs.
    """
    flaps = [_total(runs, "transitions") for runs in _by_replication(comparisons, "threshold")]
    moves = [_total(runs, "transitions") for runs in _by_replication(comparisons, "ladder")]
    ladder = _by_replication(comparisons, "ladder")
    threshold = _by_replication(comparisons, "threshold")
    none = _by_replication(comparisons, "none")
    static = _by_replication(comparisons, "static")
    behind = mean_interval(
        [_availability(a) - _availability(b) for a, b in zip(ladder, threshold, strict=True)]
    )
    cheaper = mean_interval(
        [_per_answer(a) / _per_answer(b) - 1.0 for a, b in zip(ladder, none, strict=True)]
    )
    found = [
        Claim(
            name=f"at most 1/{FEWER_TRANSITIONS:g} of the threshold law's transitions",
            measured=f"{sum(moves):g} against {sum(flaps):g} in {len(moves)} replications",
            holds=0 < sum(moves) * FEWER_TRANSITIONS <= sum(flaps),
        ),
        Claim(
            name="availability not 0.1 points below the threshold law's",
            measured=f"{_points(behind)} points",
            holds=behind.low > -MARGIN,
        ),
        _no_harm(ladder, static),
        Claim(
            name="cost per answer below that without a controller",
            measured=f"{_points(cheaper)} %",
            holds=cheaper.high < 0.0,
        ),
    ]
    found += [
        _as_good_answers(ladder, none),
        _worth_more(ladder, none, "that without a controller"),
        _worth_more(ladder, static, "static's"),
        _recovery(comparisons),
    ]
    for each in comparisons:
        if each.scenario == "cost_spike":
            saved = mean_interval(cost_saved(each.ladder, each.none))
            found.append(
                Claim(
                    name="money saved in cost_spike",
                    measured=f"{_points(saved)} %",
                    holds=saved.low > 0.0,
                )
            )
    return tuple(found)


def _as_good_answers(ladder: Sequence[Sequence[Run]], none: Sequence[Sequence[Run]]) -> Claim:
    """Cheaper answers are no merit where they are worse; weighted by quality they must be."""
    cheaper = mean_interval(
        [_per_weighted(a) / _per_weighted(b) - 1.0 for a, b in zip(ladder, none, strict=True)]
    )
    return Claim(
        name="cost per quality-weighted answer below that without a controller",
        measured=f"{_points(cheaper)} %",
        holds=cheaper.high < 0.0,
    )


def _no_harm(ladder: Sequence[Sequence[Run]], static: Sequence[Sequence[Run]]) -> Claim:
    """A controller that answers fewer than its own normal mode would is worse than none."""
    ahead = mean_interval(
        [_availability(a) - _availability(b) for a, b in zip(ladder, static, strict=True)]
    )
    return Claim(
        name="availability not 0.1 points below static's",
        measured=f"{_points(ahead)} points",
        holds=ahead.low > -MARGIN,
    )


def _worth_more(
    ladder: Sequence[Sequence[Run]], other: Sequence[Sequence[Run]], whose: str
) -> Claim:
    """Good answers in time, less waiting, less the bill: what the controller is for."""
    ahead = mean_interval(
        [_utility_usd(a) - _utility_usd(b) for a, b in zip(ladder, other, strict=True)]
    )
    ends = f"{ahead.low:+.2f} to {ahead.high:+.2f}"
    return Claim(
        name=f"utility above {whose}",
        measured=f"${ahead.estimate:+.2f} ({ends}) for 1000 requests",
        holds=ahead.low > 0.0,
    )


def _recovery(comparisons: Sequence[Comparison]) -> Claim:
    """A ladder that never came back from soft would be cheap, available and calm as well."""
    in_time, runs, slowest = 0, 0, 0.0
    for each in comparisons:
        for question in expected(load(each.scenario).scenario):
            if isinstance(question, TimeBound) and question.mode is Mode.NORMAL:
                times = [
                    back_after_s(run.servings, question.from_s, question.until_s)
                    for run in each.ladder
                ]
                runs += len(times)
                in_time += sum(time <= question.within_s for time in times)
                slowest = max(slowest, *times)
    return Claim(
        name=f"recovers in time in {RECOVERED:.0%} of the runs, as each scenario asks",
        measured=f"{in_time} of {runs}, the slowest after {slowest:.0f} s",
        holds=0 < runs * RECOVERED <= in_time,
    )


def days_of_steady_traffic(
    replications: int, duration: str, *, workers: int | Workers = 1
) -> tuple[tuple[Transition, ...], ...]:
    """Transitions of the ladder in each replication of the steady scenario."""
    return tuple(
        fan_out(
            partial(_day_of_steady_traffic, duration),
            range(replications),
            workers=workers,
            done=lambda _transitions: None,
        )
    )


def _day_of_steady_traffic(duration: str, replication: int) -> tuple[Transition, ...]:
    scenario, own = load("steady", [f"duration={duration}"])
    policy = own or default_policy()
    return simulate(scenario, policy, replication=replication, arm="policy").transitions


def _by_replication(comparisons: Sequence[Comparison], law: str) -> list[tuple[Run, ...]]:
    """For each replication its runs of all scenarios."""
    return list(zip(*(getattr(each, law) for each in comparisons), strict=True))


def _total(runs: Sequence[Run], metric: str) -> float:
    return sum(run.metrics[metric] for run in runs)


def _availability(runs: Sequence[Run]) -> float:
    return _total(runs, "answered") / _total(runs, "offered")


def _per_answer(runs: Sequence[Run]) -> float:
    return _total(runs, "cost_usd") / _total(runs, "answered")


def _per_weighted(runs: Sequence[Run]) -> float:
    return _total(runs, "cost_usd") / _total(runs, "quality_weighted_answers")


def _utility_usd(runs: Sequence[Run]) -> float:
    return REQUESTS * _total(runs, "utility_usd") / sum(asked(run.metrics) for run in runs)


def _points(value: Interval) -> str:
    return f"{100 * value.estimate:+.2f} ({100 * value.low:+.2f} to {100 * value.high:+.2f})"
