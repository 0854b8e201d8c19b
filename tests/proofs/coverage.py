"""Proof: intervals hold the truth as often as they say, and broken bounds rarely pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.workers.pool import Workers, fan_out
from tests.certainty.coverage import (
    COVERED,
    FALSE_PASSES,
    PASSING,
    Covered,
    covered,
    covered_medians,
    covered_metrics,
)
from tests.certainty.families import BEYOND, FAMILIES, REAL, simulated

from .document import Proof, table, yes

__all__ = ["prove"]

FEW = 10
SAMPLES = 1000
STORED = 240
STORED_SAMPLES = 300

_TEXT = f"""\
How often the intervals of a verdict hold the truth, with {FEW} replications and with {PASSING}, and
how often a bound that the truth breaks by a hair passes with {PASSING}. Claimed: at least
{COVERED:.0%} of the intervals hold it, at most {FALSE_PASSES:.0%} of the bounds pass, no interval
is a point where runs may differ, and none leaves its metric's range. How intervals come about is in
[How sure a verdict is](explanation/certainty.md). The width is that of all samples' intervals
together, in widths of Student's: the price of what is not seen.

First, populations whose mean is known, {SAMPLES:,} samples each.
"""
_BEYOND = """\
Then, runs farther off than is taken for granted. With few replications their intervals do **not**
hold what they say, and no method could make them: the runs that matter are not among those seen.
The claim is about the last line of each.
"""
_REAL = f"""\
Last, {STORED} simulated pairs of runs of each scenario, the mean of all being the truth, and
{STORED_SAMPLES} samples of them for every metric that differs from run to run, and for its
difference between the arms; the least and largest figures over the metrics are shown.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A share of the work: a law of chance by its place, or a scenario by its name."""

    family: int | None = None
    beyond: int | None = None
    scenario: str = ""


def prove(workers: int | Workers) -> Proof:
    """Sample from every population."""
    tasks = [
        # The longest first, or one worker would be left with one in the end.
        *(Task(scenario=name) for name in REAL),
        *(Task(family=place) for place in range(len(FAMILIES))),
        *(Task(beyond=place) for place in range(len(BEYOND))),
        Task(),
    ]
    found = fan_out(_measure, tasks, workers=workers, done=_done)
    by_task = list(zip(tasks, found, strict=True))
    known = [each for task, rows in by_task if not task.scenario and task.beyond is None
             for each in rows]  # fmt: skip
    beyond = [rows for task, rows in by_task if task.beyond is not None]
    real = [each for task, rows in by_task if task.scenario for each in rows]
    claimed = [*known, *(rows[-1] for rows in beyond), *real]
    return Proof(
        text="\n".join(
            [
                _TEXT,
                _table(known, claimed),
                _BEYOND,
                _table([each for rows in beyond for each in rows], claimed),
                _REAL,
                _summary(real),
                *_failures(real),
            ]
        ),
        holds=all(each.holds for each in claimed),
    )


def _measure(task: Task) -> list[Covered]:
    if task.scenario:
        store = simulated(task.scenario, STORED, workers=1)
        return [each for n in (FEW, PASSING) for each in covered_metrics(store, n, STORED_SAMPLES)]
    if task.family is not None:
        return [covered(FAMILIES[task.family], n, SAMPLES) for n in (FEW, PASSING)]
    if task.beyond is not None:
        family, enough = BEYOND[task.beyond]
        return [covered(family, n, SAMPLES) for n in sorted({FEW, PASSING, enough})]
    return [each for n in (FEW, PASSING) for each in covered_medians(n, SAMPLES)]


def _done(rows: Sequence[Covered]) -> None:
    missed = ", ".join(f"{each.metric} ({each.n} runs)" for each in rows if not each.holds)
    print(f"  {rows[0].name}: {f'not held: {missed}' if missed else 'holds'}", flush=True)


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _table(rows: Iterable[Covered], claimed: Sequence[Covered]) -> str:
    heads = ("runs", "metric", "replications", "covered", "false passes", "points", "outside")
    return table(
        (*heads, "width", "holds"),
        (
            (
                each.name,
                each.metric,
                str(each.n),
                _share(each.coverage),
                _share(each.false_passes),
                str(each.points),
                str(each.outside),
                "–" if math.isnan(each.width) else f"{each.width:.1f}",
                yes(holds=each.holds) if each in claimed else "no" if not each.holds else "yes",
            )
            for each in rows
        ),
    )


def _summary(rows: Sequence[Covered]) -> str:
    heads = (
        "runs",
        "replications",
        "metrics and differences",
        "least covered",
        "most false passes",
    )

    def lines() -> Iterable[tuple[str, ...]]:
        for name, n in sorted({(each.name, each.n) for each in rows}):
            found = [each for each in rows if (each.name, each.n) == (name, n)]
            least = min(found, key=lambda each: each.coverage)
            passed = [each for each in found if not math.isnan(each.false_passes)]
            most = max(passed, key=lambda each: each.false_passes, default=None)
            yield (
                name,
                str(n),
                str(len(found)),
                f"{least.coverage:.1%} ({least.metric})",
                "–" if most is None else f"{most.false_passes:.1%} ({most.metric})",
                str(sum(each.points for each in found)),
                str(sum(each.outside for each in found)),
                yes(holds=all(each.holds for each in found)),
            )

    return table((*heads, "points", "outside", "holds"), lines())


def _failures(rows: Sequence[Covered]) -> list[str]:
    failed = [each for each in rows if not each.holds]
    return ["What does not hold of it:\n", _table(failed, failed)] if failed else []
