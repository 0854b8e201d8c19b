"""Proof: the default law in worlds that nobody thought of, against no controller.

    python -m tests.proofs.harm [--worlds N] [--workers N]
    python -m tests.proofs.harm --seed N

prints the same for fewer worlds and writes nothing; or one world as a scenario file, what the
law did to it, and why the mode changed each time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence

from scenarios.schema import Scenario
from sim.run.result import Run
from sim.study.intervals import mean_interval
from sim.workers.pool import Workers, fan_out
from tests.control.harm import (
    Case,
    Outcome,
    claims,
    counts,
    ingredients,
    outcome,
    run_case,
    run_pair,
    said,
    worst,
)
from tests.control.random_worlds import world
from tests.control.rates import quantile

from .claims import claim_table
from .document import Proof, table

__all__ = ["prove"]

FIRST_SEED = 10600
"""The law was mended on seeds below; it was made without a look at those from here on."""
WORLDS = 400
"""As many as fit into six minutes on two cores."""
WORST, AGAIN = 10, 6
BOUNDS = (0.1, 0.5, 2.0)
"""Points of availability."""
TOLD = 50
"""Worlds after which the progress is told."""

_TEXT = """\
Seeds {first} to {last} of `tests/control/random_worlds.py`, which draws traffic from 0.05 to 50
requests a second, models that are small, ill or gone, quotas, patience, replicas, and policies of
thirteen kinds, fitting or not; none of these seeds was looked at when the law was made. Each world
is run once under the default law and once in its policy's normal mode for ever (static), on the
same requests. The {worst} worlds that lose most are run {again} times more, without the run that
they were chosen by. Utility is good answers in time, less waiting, less the bill, in percent of
what perfect answers would be worth.

One world, with why the mode changed each time: `python -m tests.proofs.harm --seed {first}`.
"""


def prove(
    workers: int | Workers,
    *,
    first: int = FIRST_SEED,
    worlds: int = WORLDS,
    most: int = WORST,
    again: int = AGAIN,
) -> Proof:
    """Run random worlds once, and the worst of them more often."""
    seeds = range(first, first + worlds)
    outcomes = _run([Case(seed=seed, replications=(0,)) for seed in seeds], workers)
    fresh = tuple(range(1, again + 1))
    cases = [Case(seed=each.seed, replications=fresh) for each in worst(outcomes, most)]
    lost = _run(cases, workers)
    made = claims(outcomes, lost)
    text = _TEXT.format(first=seeds[0], last=seeds[-1], worst=len(lost), again=again)
    parts = [
        text,
        claim_table(made),
        f"Difference in availability, of {worlds} worlds:\n",
        _counts_table([each.points[0] for each in outcomes]),
        _spread_table(outcomes),
        "The worst, in the order of the run that they were chosen by, as the others measure them; "
        "points and utility are law less static:\n",
        _worst_table(lost),
    ]
    return Proof(text="\n".join(parts), holds=all(claim.holds for claim in made))


def _run(cases: Sequence[Case], workers: int | Workers) -> Sequence[Outcome]:
    count = 0

    def tell(_outcome: Outcome) -> None:
        nonlocal count
        count += 1
        if count % TOLD == 0:
            print(f"  {count} of {len(cases)} worlds", flush=True)

    return fan_out(run_case, cases, workers=workers, done=tell)


def _counts_table(points: Sequence[float]) -> str:
    rows = ((f"{by:g} points", *map(str, counts(points, by))) for by in BOUNDS)
    return table(("by more than", "worse", "neither", "better"), rows)


def _spread_table(outcomes: Sequence[Outcome]) -> str:
    heads = ("difference", "mean", "least", "first quartile", "median", "third quartile", "most")

    def row(name: str, values: Sequence[float]) -> Iterable[str]:
        yield name
        yield said(mean_interval(values))
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            yield f"{quantile(values, share):+.2f}"

    rows = (
        row("availability, points", [each.points[0] for each in outcomes]),
        row("utility, % of perfect", [each.worth[0] for each in outcomes]),
    )
    return table(heads, [tuple(each) for each in rows])


def _worst_table(lost: Sequence[Outcome]) -> str:
    heads = (
        *("seed", "what is in it", "availability %", "static", "points", "utility, % of perfect"),
        *("transitions/h", "shed %"),
    )
    return table(heads, map(_worst_row, lost))


def _worst_row(of: Outcome) -> tuple[str, ...]:
    return (
        f"{of.seed}",
        ingredients(*world(of.seed)),
        f"{mean_interval(of.availability).estimate:.2f}",
        f"{mean_interval(of.static).estimate:.2f}",
        said(mean_interval(of.points)),
        said(mean_interval(of.worth)),
        f"{mean_interval(of.transitions_per_hour).estimate:.1f}",
        f"{mean_interval(of.shed).estimate:.1f}",
    )


def explain(seed: int, replications: int = AGAIN) -> str:
    """A world as a scenario file, what the law did to it, and the moves of its first run."""
    scenario, policy = world(seed)
    pairs = [run_pair(scenario, policy, replication) for replication in range(replications)]
    found = outcome(seed, pairs, answer_usd=scenario.worth.answer)
    return "\n".join(
        [
            _file(scenario),
            _worst_table([found]),
            *_moves(pairs[0].policy),
        ]
    )


def _file(scenario: Scenario) -> str:
    """JSON, which a scenario file may be."""
    values = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _moves(run: Run) -> Iterable[str]:
    for move in run.transitions:
        yield f"{move.at_s:7.1f} s  {move.before.label} -> {move.after.label}: {move.reason}"


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.harm")
    parser.add_argument("--seed", type=int, help="one world, and why the mode changed each time")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="seed")
    parser.add_argument("--worlds", type=int, default=WORLDS, help="how many seeds from there on")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    asked = parser.parse_args()
    if asked.seed is not None:
        print(explain(asked.seed))
        return
    print(prove(asked.workers, first=asked.first, worlds=asked.worlds).text)


if __name__ == "__main__":
    main()
