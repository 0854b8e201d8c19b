"""Laws compared over scenarios: all of them on the same requests, one table of figures.

The object for `comparison.json` is documented in `docs/reference/comparison.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from balancer.core.errors import InputError
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from balancer.records.codec import to_json
from balancer.records.comparison import (
    COMPARISON,
    ComparedScenario,
    Comparison,
    LawCells,
    LawResult,
    Worth,
)
from balancer.version import VERSION
from scenarios.schema import Scenario

from ..days import of_its_day
from ..run.header import fault_rows, versions
from ..run.metrics import METRICS
from ..run.result import CHEAPEST, STATIC, Run
from ..workers.pool import Workers
from .cells import CELLS, CellStanding, cell_standings, siblings
from .compared_laws import RIVALS, arms
from .counterfactual import cost_saved
from .estimates import values_difference_interval, values_interval
from .expectations import Expected, expected, held_against
from .intervals import CONFIDENCE, mean_interval
from .law_summary import summaries
from .ranking import Standing, counts, standings
from .replications import Plan, Runs, replicate
from .sweep import Line, line, reigns, sweep

__all__ = ["Contest", "LawComparison", "contest"]

REGRET_DIGITS = 6
"""Of a regret in a cell; there are many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A scenario in which laws are compared.

    Attributes:
        scenario: what to simulate; its seed is the one used.
        policy: whose rules and modes every law is given.
        replications: how many.
    """

    scenario: Scenario
    policy: Policy
    replications: int


def contest(
    scenario: Scenario, policy: Policy, *, replications: int | None = None, seed: int | None = None
) -> Contest:
    """A scenario with the policy it is to be run under, and what was said of it otherwise."""
    _, policy = of_its_day(scenario, policy)
    if seed is not None:
        scenario = scenario.model_copy(update={"seed": seed})
    count = scenario.replications if replications is None else replications
    return Contest(scenario=scenario, policy=policy, replications=count)


class LawComparison:
    """Laws over scenarios, from the check of what is asked to the record of what came of it.

    Args:
        contests: scenarios with their policies.
        laws: names, in the order wanted.

    Raises:
        InputError: a scenario or a policy that cannot be used.
    """

    __slots__ = ("_contests", "_finished", "_laws", "_plans", "_questions")

    def __init__(self, contests: Sequence[Contest], laws: Sequence[str]) -> None:
        names = [contest.scenario.scenario for contest in contests]
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise InputError(f"two scenarios are named {twice[0]!r}; rename one")
        self._contests = tuple(contests)
        self._laws = tuple(laws)
        self._questions = [expected(contest.scenario) for contest in contests]
        self._plans = [
            Plan(
                scenario=contest.scenario,
                arms=arms(contest.policy, laws) | _held_against(contest.policy, questions),
                replications=range(contest.replications),
            )
            for contest, questions in zip(contests, self._questions, strict=True)
        ]
        self._finished: dict[int, Runs] = {}

    def run(
        self,
        *,
        workers: int | Workers | None = None,
        progress: Callable[[float, int], None] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> None:
        """Run everything; interrupted, what is finished can still be told.

        Args:
            workers: as of `sim.study.replications.replicate`. The record does not depend on them.
            progress: called with runs done, parts included, and runs in all.
            told: called with the name of each scenario as it is finished.

        Raises:
            InputError: something that shows only when it is run.
            WorkerError: workers died, again and again.
        """

        def finished(place: int, runs: Runs) -> None:
            self._finished[place] = runs
            if told is not None:
                told(self._contests[place].scenario.scenario)

        replicate(self._plans, workers=workers, progress=progress, finished=finished)

    @property
    def simulated_s(self) -> float:
        """Seconds that are simulated, of all runs."""
        return sum(
            len(plan.arms) * len(plan.replications) * plan.scenario.duration for plan in self._plans
        )

    @property
    def finished(self) -> tuple[str, ...]:
        """Names of the scenarios that are finished, in the order asked for."""
        return self._named(finished=True)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the others."""
        return self._named(finished=False)

    def _named(self, *, finished: bool) -> tuple[str, ...]:
        return tuple(
            contest.scenario.scenario
            for place, contest in enumerate(self._contests)
            if (place in self._finished) is finished
        )

    def record(self, command: Sequence[str] = ()) -> dict[str, Any]:
        """The object for `comparison.json`.

        Args:
            command: words that ask for it again; empty if no command did.
        """
        laws = self._laws
        ours = default_policy().law
        reference = ours if ours in laws else laws[0]
        rows = []
        for place, runs in sorted(self._finished.items()):
            contest, questions = self._contests[place], self._questions[place]
            table = standings(questions, runs, laws, contest.scenario.worth)
            rows.append(_row(contest, questions, runs, table, reference))
        found = Comparison(
            version=COMPARISON.version,
            laws=laws,
            reference=reference,
            confidence=CONFIDENCE,
            rivals={law: RIVALS[law].text for law in laws},
            cells=CELLS,
            scenarios=tuple(rows),
            missing=self.missing,
            summary=summaries(laws, reference, rows),
            command=tuple(command),
            versions={"open-balancer": VERSION, **versions()},
        )
        plain: dict[str, Any] = to_json(found)
        return plain


def _row(
    contest: Contest,
    questions: Iterable[Expected],
    runs: Runs,
    table: Sequence[Standing],
    reference: str,
) -> ComparedScenario:
    scenario = contest.scenario
    worth = scenario.worth
    lines = {each.law: line(runs[each.law], worth) for each in table}
    eligible = [each.law for each in table if each.eligible]
    scored = [each.law for each in table if math.isfinite(each.score.estimate)]
    others = siblings(scenario, contest.policy)
    cells = cell_standings(lines, eligible, others)
    return ComparedScenario(
        scenario=scenario.scenario,
        title=scenario.title,
        teaches=scenario.teaches,
        source=scenario.source,
        policy=contest.policy.name,
        seed=scenario.seed,
        replications=contest.replications,
        duration_s=scenario.duration,
        warm_up_s=scenario.warm_up,
        faults=fault_rows(scenario),
        worth=Worth(
            answer_usd=worth.answer,
            waiting=worth.waiting,
            within_s=worth.within,
            sibling_quality=others.declared,
        ),
        left_out=tuple(question.name for question in questions if not counts(question)),
        best=next((each.law for each in table if each.best), None),
        sweep=sweep(lines, eligible),
        reigns=reigns(lines, eligible),
        reigns_of_all=reigns(lines, scored),
        laws=tuple(_law(each, lines[each.law], cells[each.law], runs, reference) for each in table),
    )


def _law(
    standing: Standing, own: Line, cells: CellStanding, runs: Runs, reference: str
) -> LawResult:
    values, others = (_values(runs[law], runs[STATIC]) for law in (standing.law, reference))
    return LawResult(
        law=standing.law,
        eligible=standing.eligible,
        expectations=standing.answers,
        score=standing.score,
        regret=standing.regret,
        regret_usd=standing.regret_usd,
        value=own.value,
        bill_usd=own.bill_usd,
        cells=LawCells(
            regret=tuple(round(each, REGRET_DIGITS) for each in cells.regrets), level=cells.level
        ),
        best=standing.best,
        within_best=standing.within_best,
        dominated_by=standing.dominated_by,
        metrics={
            name: values_interval(name, each, runs[standing.law]) for name, each in values.items()
        },
        difference={
            # A law does not differ from itself, whatever was not seen.
            name: mean_interval([0.0 * value for value in each])
            if standing.law == reference
            else values_difference_interval(
                name, each, others[name], runs[standing.law], runs[reference]
            )
            for name, each in values.items()
        },
    )


def _held_against(policy: Policy, questions: Iterable[Expected]) -> dict[str, Policy]:
    """The arms that savings and harm are measured against; the plain clients run anyway."""
    asked = {held_against(question) for question in questions}
    return {arm: policy for arm in (STATIC, CHEAPEST) if arm == STATIC or arm in asked}


def _values(runs: Sequence[Run], static: Sequence[Run]) -> dict[str, list[float]]:
    """Every metric, in every replication."""
    values = {name: [run.metrics[name] for run in runs] for name in METRICS if name != "cost_saved"}
    return {**values, "cost_saved": cost_saved(runs, static)}
