"""The gate: may a candidate policy replace the baseline? Decided from runs on the same requests.

In rounds: every scenario that is not decided yet gets more replications of both policies,
all scenarios sharing the workers, until a look (`sim.study.sequential`) settles each of its
differences (`sim.study.non_inferiority`) or the last look has been taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from balancer.core.errors import InputError
from balancer.core.policy import Policy
from balancer.records.gate import AcceptedMargin
from balancer.records.interval import UNDEFINED, Interval
from balancer.records.verdict import Outcome
from scenarios.schema import Scenario

from ..run.result import Run
from ..workers.pool import Workers
from .estimates import metric_interval
from .non_inferiority import Difference, judge_difference
from .replications import Plan, Runs, replicate
from .rounding import rounding_of_difference
from .sequential import LAST_LOOK, Looks
from .verdict import worst

__all__ = ["Gate", "GatedScenario", "look_at"]

BASELINE, CANDIDATE = "baseline", "candidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedScenario:
    """What came of one scenario.

    Attributes:
        scenario: that both policies met, with the seed that was used.
        replications: of both policies that were made.
        differences: one for each margin.
        degraded: mean share of the requests that baseline and candidate serve above normal.
    """

    scenario: Scenario
    replications: int
    differences: tuple[Difference, ...]
    degraded: tuple[Interval, Interval] = (UNDEFINED, UNDEFINED)

    @property
    def verdict(self) -> Outcome:
        """Fail if any difference fails, else inconclusive if any is, else pass."""
        return worst(difference.verdict for difference in self.differences)

    @property
    def settled(self) -> bool:
        """No difference asks for more replications."""
        return all(difference.settled for difference in self.differences)


class Gate:
    """Two policies, the scenarios they meet, and what has come of it so far.

    What comes of it does not depend on the number of workers.

    Args:
        scenarios: of different names.
        baseline, candidate: the policy that is in use, and the one that may replace it.
        margins: how much worse the candidate may be.
        replications_max: of each scenario; more is inconclusive.
        seed: instead of the scenarios' own.

    Raises:
        InputError: no margin, two scenarios of one name, or an impossible number.
    """

    __slots__ = (
        "_ended",
        "_found",
        "_runs",
        "baseline",
        "candidate",
        "looks",
        "margins",
        "scenarios",
    )

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        *,
        baseline: Policy,
        candidate: Policy,
        margins: Sequence[AcceptedMargin],
        replications_max: int = LAST_LOOK,
        seed: int | None = None,
    ) -> None:
        names = [scenario.scenario for scenario in scenarios]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"two scenarios are named {name!r}; rename one, or leave it out")
        self.baseline = baseline
        self.candidate = candidate
        self.margins = tuple(margins)
        self.scenarios = tuple(
            scenario if seed is None else scenario.model_copy(update={"seed": seed})
            for scenario in scenarios
        )
        self.looks = Looks.up_to(
            replications_max, comparisons=max(1, len(self.margins) * len(self.scenarios))
        )
        self._runs: list[dict[str, list[Run]]] = [
            {BASELINE: [], CANDIDATE: []} for _ in self.scenarios
        ]
        self._found: dict[int, GatedScenario] = {}
        self._ended: set[int] = set()

    def run(
        self,
        *,
        workers: int | Workers | None = None,
        progress: Callable[[int, int], None] | None = None,
        told: Callable[[GatedScenario], None] | None = None,
    ) -> None:
        """Run until everything is decided; what has been seen outlives an interrupt.

        Args:
            workers: as of `sim.study.replications.replicate`.
            progress: called with scenarios finished and scenarios in all.
            told: called with each scenario as it is finished.

        Raises:
            InputError, WorkerError: as `sim.study.replications.replicate`.
        """
        for before, look in pairwise((0, *self.looks.at)):
            places = [place for place in range(len(self.scenarios)) if place not in self._ended]
            replicate(
                [
                    Plan(
                        scenario=self.scenarios[place],
                        arms={BASELINE: self.baseline, CANDIDATE: self.candidate},
                        replications=range(before, look),
                    )
                    for place in places
                ],
                workers=workers,
                finished=partial(self._add, places, progress, told),
            )
            if len(self._ended) == len(self.scenarios):
                return

    def _add(
        self,
        places: Sequence[int],
        progress: Callable[[int, int], None] | None,
        told: Callable[[GatedScenario], None] | None,
        row: int,
        runs: Runs,
    ) -> None:
        """Take in the runs of one plan of a round."""
        for arm, every in self._runs[places[row]].items():
            every.extend(runs[arm])
        self._look(places[row])
        if told is not None and places[row] in self._ended:
            told(self._found[places[row]])
        if progress is not None:
            progress(len(self._ended), len(self.scenarios))

    @property
    def finished(self) -> tuple[GatedScenario, ...]:
        """What came of each scenario that is finished, in the order given."""
        return tuple(self._found[place] for place in sorted(self._ended))

    @property
    def looked_at(self) -> tuple[GatedScenario, ...]:
        """What came so far of each scenario that was looked at, finished or not."""
        return tuple(
            found if place in self._ended else self._with_means(place, found)
            for place, found in sorted(self._found.items())
        )

    @property
    def simulated_s(self) -> float:
        """Seconds that are simulated at the least: both policies up to the first look."""
        return 2 * self.looks.at[0] * sum(scenario.duration for scenario in self.scenarios)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the scenarios that are not finished."""
        return tuple(
            scenario.scenario
            for place, scenario in enumerate(self.scenarios)
            if place not in self._ended
        )

    @property
    def verdict(self) -> Outcome:
        """Fail if any scenario fails, else inconclusive if any is or is missing, else pass."""
        missing: list[Outcome] = ["inconclusive"] if self.missing else []
        return worst([*(each.verdict for each in self.looked_at), *missing])

    def _look(self, place: int) -> None:
        runs = self._runs[place]
        earlier = self._found.get(place)
        found = GatedScenario(
            scenario=self.scenarios[place],
            replications=len(runs[BASELINE]),
            differences=look_at(
                runs[BASELINE],
                runs[CANDIDATE],
                margins=self.margins,
                looks=self.looks,
                earlier=() if earlier is None else earlier.differences,
            ),
        )
        if found.settled or found.replications == self.looks.at[-1]:
            found = self._with_means(place, found)
            self._ended.add(place)
        self._found[place] = found

    def _with_means(self, place: int, found: GatedScenario) -> GatedScenario:
        runs = self._runs[place]
        means = tuple(_with_means(each, runs) for each in found.differences)
        before, after = (
            metric_interval("degraded_share", runs[arm]) for arm in (BASELINE, CANDIDATE)
        )
        return replace(found, differences=means, degraded=(before, after))


def _with_means(difference: Difference, runs: Mapping[str, Sequence[Run]]) -> Difference:
    """A difference with the means of both policies as every other record has them."""
    metric, n = difference.margin.metric, difference.replications
    return replace(
        difference,
        baseline=metric_interval(metric, runs[BASELINE][:n]),
        candidate=metric_interval(metric, runs[CANDIDATE][:n]),
    )


def look_at(
    baseline: Sequence[Run],
    candidate: Sequence[Run],
    *,
    margins: Sequence[AcceptedMargin],
    looks: Looks,
    earlier: Sequence[Difference] = (),
) -> tuple[Difference, ...]:
    """The difference in each margin's metric, at one look at pairs of runs.

    Args:
        baseline, candidate: all runs up to this look; run k of both saw the same requests.
        margins: that the differences are held against.
        looks: of the gate.
        earlier: what the look before this one found; empty at the first.
    """
    differences = []
    for row, margin in enumerate(margins):
        # What is decided stays so: judging it once more would give chance another go.
        if earlier and earlier[row].verdict != "inconclusive":
            differences.append(earlier[row])
            continue
        before, after = (
            [run.metrics[margin.metric] for run in runs] for runs in (baseline, candidate)
        )
        rounding = rounding_of_difference(margin.metric, baseline, candidate)
        differences.append(judge_difference(margin, before, after, looks, rounding=rounding))
    return tuple(differences)
