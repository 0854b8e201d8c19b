"""Proof: every law over the whole library."""

from __future__ import annotations

from balancer.records.codec import to_json
from balancer.records.comparison import COMPARISON
from sim.study.compared_laws import tuning
from sim.study.law_summary import summaries
from sim.workers.pool import Workers
from tests.control.contest import (
    OUTCOME_HEADS,
    RANKING_HEADS,
    TUNING_HEADS,
    compare_library,
    contest_claims,
    held_out,
    lived_rows,
    outcome_rows,
    ranking_rows,
    regret_rows,
    reign_rows,
    sweep_rows,
    tuning_rows,
)

from .claims import claim_table
from .document import Proof, table

__all__ = ["prove"]

REPLICATIONS = 4
"""Of every scenario: as many as fit into half an hour."""

_TEXT = f"""\
`open-balancer compare --replications {REPLICATIONS}`: every scenario, all laws on the same
requests; what the columns mean is in [Comparing laws](explanation/comparison.md). By outcomes
alone: availability, P95, cost, quality, budget, what is shed. *Level* is statistical: not to be
told from the best, so a law that is behind by 0.1 %, measured precisely, is not level; *within
0.5 %* and *within 1 %* of what perfect answers are worth go by size.
"""
_HELD_OUT = """\
### Outcomes, scenarios that no law was tuned on

{} of {} scenarios.
"""
_ALL = """\
### Outcomes, all scenarios
"""
_REGRETS = """\
Regret: utility below the best's, as a share of what perfect answers would be worth; bold where
it cannot be told from the best, in brackets where the law misses an expectation about the outcome.
"""
_LIVED = """\
### What operators live through

All scenarios. It counts for nobody above: users do not mind in which mode a good answer was given.
"""
_RANKING = """\
### The ranking, whatever is assumed

{} cells: what an answer is worth ($0.003 to $0.1), how good a sibling's answers are (0.6 to 0.95)
and what tokens cost (the price table x0.7, x1, x1.3). In how many of {} scenarios a law is best or
level: the mean over the cells, the least and the most; in how many cells no law is so more often;
and regrets over all cells and all scenarios in which it meets what is expected.
"""
_SWEPT = """\
In how many scenarios a law is best, or cannot be told from the best, if a perfect answer is worth
this much; and who is best where:
"""
_TUNING = """\
### The tuning

`python -m tests.proofs.tuning`, once, on {} training scenarios: the published constants of each
law and eleven random draws, the first generation of `open-balancer tune`. Loss: regret to the best
law as published, and a tenth for an expectation about the outcome that is missed.
"""


def prove(workers: int | Workers) -> Proof:
    """Compare all laws."""
    record = compare_library(replications=REPLICATIONS, workers=workers)
    rows, unseen = record["scenarios"], held_out(record)
    claims = contest_claims(record)
    swept, lived = sweep_rows(record), lived_rows(record["summary"])
    found, names = COMPARISON.of(record), {row["scenario"] for row in unseen}
    of_unseen = to_json(
        summaries(
            found.laws,
            found.reference,
            [each for each in found.scenarios if each.scenario in names],
        )
    )
    return Proof(
        text="\n".join(
            [
                _TEXT,
                claim_table(claims),
                _HELD_OUT.format(len(unseen), len(rows)),
                table(OUTCOME_HEADS, outcome_rows(of_unseen)),
                _ALL,
                table(OUTCOME_HEADS, outcome_rows(record["summary"])),
                _REGRETS,
                table(("scenario", *record["laws"]), regret_rows(record)),
                _LIVED,
                table(lived[0], lived[1:]),
                _RANKING.format(len(record["cells"]), len(rows)),
                table(RANKING_HEADS, ranking_rows(record, record["summary"])),
                _SWEPT,
                table(swept[0], swept[1:]),
                table(("scenario", "best", "best of all laws"), reign_rows(record)),
                _TUNING.format(len(tuning()["training"])),
                table(TUNING_HEADS, tuning_rows()),
            ]
        ),
        holds=all(claim.holds for claim in claims),
    )
