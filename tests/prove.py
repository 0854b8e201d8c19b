"""`make prove`: the proofs that take long, written to `docs/proofs.md`.

The same code as the quick tests, with more replications. What does not hold is written down
as such, and the command then exits with 1.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from balancer.version import VERSION
from scenarios.loader import library
from sim.intervals import mean_interval
from sim.run import Run
from tests.control.contest import compare_library, contest_claims, regret_rows, summary_rows
from tests.control.hole import planted_hole
from tests.control.laws import (
    Claim,
    Comparison,
    claims,
    compare_laws,
    days_of_steady_traffic,
)
from tests.control.library import SAMPLE, Record, library_claims, run_library
from tests.gate.error_rates import CASES, error_rates, rate_rows, real_pairs
from tests.theory.table import Row, rows

REPLICATIONS = 30
DAYS = 10
PAIRS = 2000
GATES = 2000
LARGEST_Z = 4.0
WIDEST = 0.02
"""Four standard errors may be at most this share of what is expected."""

INTRODUCTION = """\
# Proofs

What takes too long for the tests: the same code with more replications. Written by the
command below; not edited by hand.
"""

CONTEST = """\
## Laws over the library

`open-balancer compare`: every scenario, all laws on the same requests; what the columns mean is
in [Comparing laws](explanation/comparison.md). The second table is regret: dollars per
quality-weighted answer over the best's; bold where it cannot be told from the best, in brackets
where the law misses an expectation.
"""

GATE = f"""\
## Gate

{GATES:,} gates for each line, with the default margins unless it says otherwise, on pairs of runs
resampled from {PAIRS:,} real ones of each scenario, twelve minutes long: the default policy against
one with a longer hold (`error_storm`) and one that starts later (`latency_spike`), where one run of
seventeen differs much and the others little. Metrics that differ in fewer than a tenth of the
pairs are left out. The candidate's values are shifted so that the truth is what the line says.
The interval is Clopper and Pearson's, 95 %; the whole of it must keep what is asked. Why
it is so is in [the gate](explanation/gate.md).
"""


def main(path: Path) -> bool:
    """Prove everything and write it down; whether all of it holds."""
    began = time.monotonic()
    print("library: every scenario under the default policy", flush=True)
    records, library_holds = _library()
    print("control: both laws on the fault scenarios", flush=True)
    comparisons = compare_laws(REPLICATIONS)
    print("control: days of steady traffic", flush=True)
    print("search: a planted hole", flush=True)
    found = (*claims(comparisons), _steady(), planted_hole())
    print("contest: every law over the whole library", flush=True)
    contest = compare_library()
    contested = contest_claims(contest)
    print("gate: error rates", flush=True)
    rates = {case: error_rates(real_pairs(case, PAIRS), GATES) for case in CASES}
    print("theory: queues", flush=True)
    queues = []
    for row in rows(full=True):
        print(f"  {row.name}: {row.measured:.5g}, expected {row.expected:.5g}", flush=True)
        queues.append(row)
    minutes = (time.monotonic() - began) / 60
    holds = (
        all(claim.holds for claim in (*library_holds, *found))
        and all(rate.holds for case in rates.values() for rate in case)
        and all(map(_agrees, queues))
    )
    parts = (
        INTRODUCTION,
        _circumstances(minutes),
        "## Library\n\nEvery scenario under the default policy, with what its file changes in it; "
        "each is described\nin [the library](reference/library.md). Without means without a "
        "controller.\n",
        _claims(library_holds),
        _records(records),
        "## Control\n\nIntervals are 95 %, from paired differences on the same requests.\n",
        _claims(found),
        _scenarios(comparisons),
        CONTEST,
        _claims(contested),
        _table(
            (
                "law",
                "best",
                "within the best's interval",
                "eligible",
                "dominated",
                "largest regret",
            ),
            summary_rows(contest),
        ),
        _table(("scenario", *contest["laws"]), regret_rows(contest)),
        GATE,
        _table(
            (
                *("scenario", "what is true", "verdict", "asked"),
                *("gates", "interval", "mean replications", "holds"),
            ),
            ((case, *row) for case, found in rates.items() for row in rate_rows(found)),
        ),
        "## Theory\n\nEach queue runs through the simulator's own kernel; |z| is at most "
        f"{LARGEST_Z:g}, with four\nstandard errors at most {WIDEST:.0%} of what is expected.\n",
        _queues(queues),
        "All of it holds.\n" if holds else "**Not all of it holds.**\n",
    )
    path.write_text("\n".join(parts), encoding="utf-8", newline="\n")
    print(f"{'all holds' if holds else 'NOT all holds'}; written to {path}")
    return holds


def _library() -> tuple[tuple[Record, ...], tuple[Claim, ...]]:
    """Records of the whole library, and what is claimed of it."""
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = Console(stderr=True)
    with Progress(
        *columns, TimeElapsedColumn(), console=shown, disable=not shown.is_terminal
    ) as bar:
        task = bar.add_task("scenarios", total=len(library()))

        def done(record: Record) -> None:
            bar.advance(task)
            print(f"  {record['scenario']}: {record['verdict']}", flush=True)

        records = run_library(workers=os.cpu_count() or 1, done=done)
    minutes = (time.monotonic() - began) / 60
    print("library: some of it again, in one process", flush=True)
    again = run_library(SAMPLE, workers=1)
    return records, library_claims(records, again=again, minutes=minutes)


def _records(records: Sequence[Record]) -> str:
    def lines() -> Iterable[tuple[str, ...]]:
        for record in records:
            with_it, without = record["metrics"], record["counterfactual"]
            yield (
                record["scenario"],
                record["verdict"],
                f"{with_it['transitions']['estimate']:.1f}",
                f"{with_it['availability']['estimate']:.2%}",
                f"{without['availability']['estimate']:.2%}",
                f"{with_it['latency_p95_s']['estimate']:.1f}",
                f"{without['latency_p95_s']['estimate']:.1f}",
                f"{with_it['cost_saved']['estimate']:.0%}",
                f"{with_it['quality']['estimate']:.3f}",
            )

    heads = (
        "scenario",
        "verdict",
        "transitions",
        "availability",
        "without",
        "P95 s",
        "without",
        "cost saved",
        "quality (assumed)",
    )
    return _table(heads, lines())


def _steady() -> Claim:
    days = days_of_steady_traffic(DAYS, "24h")
    moved = sum(map(bool, days))
    return Claim(
        name=f"steady traffic never leaves normal, {DAYS} replications of 24 h",
        measured=f"{moved} of {DAYS} left it",
        holds=moved == 0,
    )


def _circumstances(minutes: float) -> str:
    now = datetime.now(UTC)
    return (
        f"- date: {now:%Y-%m-%d}\n"
        f"- commit: {_commit()}\n"
        "- command: `make prove`\n"
        f"- open-balancer {VERSION}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {minutes:.0f} minutes\n"
    )


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short", "HEAD") + (", with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _claims(found: Sequence[Claim]) -> str:
    return _table(
        ("claim", "measured", "holds"),
        ((claim.name, claim.measured, _yes(holds=claim.holds)) for claim in found),
    )


def _scenarios(comparisons: Sequence[Comparison]) -> str:
    def lines() -> Iterable[tuple[str, ...]]:
        for each in comparisons:
            for law in ("ladder", "threshold", "none"):
                runs: tuple[Run, ...] = getattr(each, law)
                yield (
                    each.scenario,
                    law,
                    f"{_mean(runs, 'transitions'):.1f}",
                    f"{_mean(runs, 'availability'):.3%}",
                    f"{_mean(runs, 'latency_p95_s'):.2f}",
                    f"{_mean(runs, 'cost_usd'):.2f}",
                    f"{1000 * _mean(runs, 'cost_per_answer_usd'):.3f}",
                    f"{_mean(runs, 'quality'):.3f}",
                )

    heads = (
        "scenario",
        "law",
        "transitions",
        "availability",
        "P95 s",
        "cost $",
        "cost $ per 1000 answers",
        "quality (assumed)",
    )
    return _table(heads, lines())


def _mean(runs: Sequence[Run], metric: str) -> float:
    return mean_interval([run.metrics[metric] for run in runs]).estimate


def _agrees(row: Row) -> bool:
    return abs(row.z) <= LARGEST_Z and row.precision <= WIDEST


def _queues(queues: Sequence[Row]) -> str:
    return _table(
        ("queue", "expected", "measured", "standard error", "z", "n", "agrees"),
        (
            (
                row.name,
                f"{row.expected:.5g}",
                f"{row.measured:.5g}",
                f"{row.standard_error:.2g}",
                f"{row.z:+.2f}",
                f"{row.n:,}",
                _yes(holds=_agrees(row)),
            )
            for row in queues
        ),
    )


def _yes(*, holds: bool) -> str:
    return "yes" if holds else "**no**"


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    table = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in table) + "\n"


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1])) else 1)
