"""Simulates trials: a generation at a time, all of them on the same requests, in growing blocks.

Racing: after every block those are given up that surely break a constraint, or that another
policy, which keeps all, surely betters: by the paired differences of the replications so far
(Maron and Moore, "The Racing Algorithm: Model Selection for Lazy Learners", 1997). What is spent on
them is spent on others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from balancer.core.policy import Policy
from scenarios.schema import Scenario

from ..run.result import STATIC, Run
from ..study.intervals import mean_interval
from ..study.replications import Plan, replicate
from ..workers.pool import Workers
from .front import betters
from .goals import RACE_TAIL, Goals, Score
from .objectives import Sample
from .results import TODAY

__all__ = ["BLOCKS", "Race", "Trial"]

BLOCKS = (2, 4)
"""Replications of a trial, in all, after each block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A policy that was tried.

    Attributes:
        score: what it came to.
        sample: what it rests on.
    """

    score: Score
    sample: Sample


class Race:
    """Runs generations of policies against those before.

    What comes of it does not depend on the number of workers.

    Args:
        goals: by which they are judged.
        scenarios: in which; the seeds are those of the search.
        today: the policy tuned from.
        arms: samples of today's policy and static of an earlier run; None: they are simulated.
        workers: as of `sim.study.replications.replicate`.
        blocks: replications of a trial, in all, after each block; None: `BLOCKS`.
        fitted: the policy that a scenario is run with in place of one that is tried.
    """

    __slots__ = (
        "_arms",
        "_best",
        "_blocks",
        "_fitted",
        "_goals",
        "_scenarios",
        "_today",
        "_workers",
        "simulated_s",
    )

    def __init__(
        self,
        goals: Goals,
        scenarios: Sequence[Scenario],
        today: Policy,
        *,
        arms: Mapping[str, Sample] | None = None,
        workers: int | Workers | None = None,
        blocks: Sequence[int] | None = None,
        fitted: Callable[[Scenario, Policy], Policy] = lambda _scenario, policy: policy,
    ) -> None:
        self._goals = goals
        self._blocks = tuple(BLOCKS if blocks is None else blocks)
        self._fitted = fitted
        self._scenarios = tuple(scenarios)
        self._today = today
        self._workers = workers
        self.simulated_s = 0.0
        self._best: list[Trial] = []
        if arms is None:
            seen = self._run({TODAY: today, STATIC: today}, range(self._blocks[-1]))
            arms = {arm: self._goals.sample(each) for arm, each in seen.items()}
        self._arms = arms
        goals.check_reachable(arms[TODAY])

    @property
    def arms(self) -> Mapping[str, Sample]:
        """Samples of today's policy and static, of all replications."""
        return self._arms

    def run(self, policies: Mapping[str, Policy]) -> dict[str, Trial]:
        """Run policies, by name, until each is given up or has had all replications."""
        runs: dict[str, dict[str, list[Run]]] = {
            name: {each.scenario: [] for each in self._scenarios} for name in policies
        }
        found: dict[str, Trial] = {}
        racing = dict(policies)
        before = 0
        for block in self._blocks:
            if not racing:
                break
            seen = self._run(racing, range(before, block))
            for name, each in seen.items():
                for scenario, more in each.items():
                    runs[name][scenario] += more
            before = block
            samples = {name: self._goals.sample(runs[name]) for name in racing}
            last = block == self._blocks[-1]
            lost = set() if last else self._losers(samples, block)
            for name in list(racing):
                if last or name in lost:
                    score = self._goals.score(samples[name], self._first(block), raced=name in lost)
                    found[name] = Trial(score=score, sample=samples[name])
                    del racing[name]
        self.remember(found.values())
        return {name: found[name] for name in policies}

    def remember(self, trials: Iterable[Trial]) -> None:
        """Keep those that others are to better: the front of the feasible."""
        self._best += [each for each in trials if each.score.feasible and not each.score.raced]
        losses = [self._goals.losses(each.score.objectives) for each in self._best]
        self._best = [
            each
            for each, loss in zip(self._best, losses, strict=True)
            if not any(betters(other, loss) for other in losses)
        ]

    def _run(
        self, policies: Mapping[str, Policy], replications: range
    ) -> dict[str, dict[str, Sequence[Run]]]:
        plans = [
            Plan(
                scenario=scenario,
                arms={name: self._fitted(scenario, each) for name, each in policies.items()},
                replications=replications,
            )
            for scenario in self._scenarios
        ]
        found = replicate(plans, workers=self._workers)
        length_s = sum(each.duration for each in self._scenarios)
        self.simulated_s += length_s * len(policies) * len(replications)
        return {
            name: {
                plan.scenario.scenario: runs[name] for plan, runs in zip(plans, found, strict=True)
            }
            for name in policies
        }

    def _first(self, count: int) -> dict[str, Sample]:
        return {arm: _first(sample, count) for arm, sample in self._arms.items()}

    def _losers(self, samples: Mapping[str, Sample], count: int) -> set[str]:
        """Names of those that more replications would not mend."""
        arms = self._first(count)
        today = arms[TODAY]
        broken = {
            name
            for name, sample in samples.items()
            if any(each.is_broken(sample, arms) for each in self._goals.constraints)
        }
        able = {
            name: self._goals.values(sample, today)
            for name, sample in samples.items()
            if name not in broken
        }
        rivals = [
            *(able[name] for name in able if self._goals.score(samples[name], arms).feasible),
            *(self._goals.values(_first(each.sample, count), today) for each in self._best),
        ]
        beaten = {
            name
            for name, values in able.items()
            if any(_surely_betters(rival, values) for rival in rivals if rival is not values)
        }
        return broken | beaten


def _first(sample: Sample, count: int) -> Sample:
    return {
        scenario: {metric: values[:count] for metric, values in found.items()}
        for scenario, found in sample.items()
    }


def _surely_betters(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> bool:
    """Whether paired values are nowhere more, and somewhere surely less; less is better."""
    surely = False
    for ours, theirs in zip(one, other, strict=True):
        ahead = mean_interval(
            [b - a for a, b in zip(ours, theirs, strict=True)], below=RACE_TAIL, above=RACE_TAIL
        )
        # What is undefined decides nothing.
        if not ahead.low >= 0.0:
            return False
        surely = surely or ahead.low > 0.0
    return surely
