"""The ranking of laws for every worth an answer may have, from runs that are there already.

Utility is linear in what an answer is worth: V · value - bill, where value is the quality of the
answers in time less what waiting takes from it. So a law is a line over V, the best is whoever is
highest, and no run is made anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from balancer.records.comparison import Place, Reign
from scenarios.schema import Worth

from ..run.metrics import asked
from ..run.result import Run
from .intervals import Interval, may_be_nothing, mean_interval

__all__ = ["SWEEP_USD", "Line", "line", "reigns", "sweep"]

# fmt: off
SWEEP_USD = (
    0.003, 0.0035, 0.004, 0.005, 0.006, 0.007, 0.0085,
    0.01, 0.012, 0.014, 0.017, 0.02, 0.024, 0.03, 0.035, 0.04, 0.05, 0.06, 0.07, 0.085, 0.1,
)
# fmt: on
"""Worths of an answer that are looked at: round, and no two further apart than a quarter."""

_LEAST_USD, _MOST_USD = SWEEP_USD[0], SWEEP_USD[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A law's utility for one request that a user had: V · value - bill, in every replication.

    Attributes:
        values: quality of answers in time less the share that waiting takes, per request.
        bills_usd: dollars billed, per request.
        sibling_values: the part of the values that answers of other models than normal's first
            make, waiting aside.
    """

    values: tuple[float, ...]
    bills_usd: tuple[float, ...]
    sibling_values: tuple[float, ...]

    @property
    def value(self) -> Interval:
        """Mean over the replications."""
        return mean_interval(self.values)

    @property
    def bill_usd(self) -> Interval:
        """Mean over the replications."""
        return mean_interval(self.bills_usd)

    def utilities_usd(
        self, answer_usd: float, *, prices: float = 1.0, sibling: float = 1.0
    ) -> tuple[float, ...]:
        """At a worth of an answer, in every replication.

        Args:
            answer_usd: the worth.
            prices: as a multiple of those billed.
            sibling: quality of other models' answers, as a multiple of the declared one.
        """
        return tuple(
            answer_usd * (value + (sibling - 1.0) * of_siblings) - prices * bill
            for value, of_siblings, bill in zip(
                self.values, self.sibling_values, self.bills_usd, strict=True
            )
        )


def line(runs: Sequence[Run], worth: Worth) -> Line:
    """A law's utility as a function of what an answer is worth.

    Args:
        runs: of the law.
        worth: what waiting costs, as a share of an answer's worth.
    """
    values, bills, of_siblings = [], [], []
    for run in runs:
        found = run.metrics
        requests = asked(found) or math.nan
        values.append((found["good_answers"] - worth.waiting * found["waiting_s"]) / requests)
        bills.append(found["cost_usd"] / requests)
        of_siblings.append(found["sibling_good_answers"] / requests)
    return Line(values=tuple(values), bills_usd=tuple(bills), sibling_values=tuple(of_siblings))


def sweep(lines: Mapping[str, Line], eligible: Sequence[str]) -> tuple[Place, ...]:
    """Who is best, who is level, and what the others lose, at every worth of `SWEEP_USD`.

    Args:
        lines: of all laws; run k of each saw the same requests.
        eligible: laws that may be best, whatever an answer is worth.
    """
    return tuple(_place(lines, eligible, answer_usd) for answer_usd in SWEEP_USD)


def _place(lines: Mapping[str, Line], eligible: Sequence[str], answer_usd: float) -> Place:
    found = {law: each.utilities_usd(answer_usd) for law, each in lines.items()}
    means = {law: mean_interval(found[law]).estimate for law in eligible}
    best = max(means, key=lambda law: means[law], default=None)
    if best is None:
        return Place(answer_usd=answer_usd, best=None, level=(), regret={})
    behind = {
        law: mean_interval([b - a for a, b in zip(each, found[best], strict=True)])
        for law, each in found.items()
    }
    return Place(
        answer_usd=answer_usd,
        best=best,
        level=tuple(law for law in eligible if law != best and may_be_nothing(behind[law])),
        regret={law: each.estimate / answer_usd for law, each in behind.items()},
    )


def reigns(lines: Mapping[str, Line], eligible: Sequence[str]) -> tuple[Reign, ...]:
    """Who is best from which worth of an answer on, exactly: the upper hull of the mean lines.

    Of equal laws the one named first reigns.
    """
    means = {law: (lines[law].value.estimate, lines[law].bill_usd.estimate) for law in eligible}
    if not means:
        return ()
    found: list[Reign] = []
    law = max(means, key=lambda law: (_utility_usd(means[law], _LEAST_USD), means[law][0]))
    at_usd = _LEAST_USD
    while at_usd < _MOST_USD:
        end_usd, heir = _overtaken(means, law)
        end_usd = min(max(end_usd, at_usd), _MOST_USD)
        if end_usd > at_usd:
            found.append(Reign(law=law, from_usd=at_usd, to_usd=end_usd))
        law, at_usd = heir, end_usd
    return tuple(found)


def _utility_usd(line: tuple[float, float], answer_usd: float) -> float:
    value, bill = line
    return answer_usd * value - bill


def _overtaken(means: Mapping[str, tuple[float, float]], law: str) -> tuple[float, str]:
    """Where a law that is the best ceases to be it, and whose turn it is: the steepest of those
    that come past there; infinite for the steepest of all.
    """
    value, bill = means[law]
    end_usd, steepest, heir = math.inf, value, law
    for other, (other_value, other_bill) in means.items():
        if other_value > value:
            crossing = (other_bill - bill) / (other_value - value)
            if crossing < end_usd or (crossing == end_usd and other_value > steepest):
                end_usd, steepest, heir = crossing, other_value, other
    return end_usd, heir
