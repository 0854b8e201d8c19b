"""The ranking of laws over everything that was assumed about worth, from runs that are there.

What an answer is worth, how good a sibling's answers are and what tokens cost are declared, not
measured. All three enter a law's utility linearly, so every combination of them, a cell, is worked
out from the same runs:

    V · (value + (q / declared - 1) · value of the sibling's answers) - prices · bill

where q / declared is no more than makes the best of the siblings perfect. Who is eligible is judged
as the scenario is declared, whatever the cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from balancer.core.modes import Mode
from balancer.core.policy import Policy
from balancer.core.routes import resolve
from balancer.records.comparison import Cell
from scenarios.profiles import profiles
from scenarios.schema import Scenario

from .intervals import may_be_nothing, mean_interval
from .sweep import Line

__all__ = ["CELLS", "CellStanding", "Siblings", "cell_standings", "siblings"]


CELLS = tuple(
    Cell(answer_usd=answer_usd, sibling_quality=quality, prices=prices)
    for answer_usd, quality, prices in product(
        (0.003, 0.006, 0.012, 0.03, 0.06, 0.1), (0.6, 0.7, 0.8, 0.85, 0.9, 0.95), (0.7, 1.0, 1.3)
    )
)
"""All that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStanding:
    """A law in every cell of `CELLS`.

    Attributes:
        regrets: below the best that is eligible, as a share of the cell's worth; NaN without one.
        level: whether it is eligible, and the best or not to be told from it.
    """

    regrets: tuple[float, ...]
    level: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """How good answers of other models are than normal's first.

    Attributes:
        declared: quality of soft's model, the least of those that are asked for; 1 where none is
            declared.
        best: of any of them.
    """

    declared: float
    best: float

    def scaled(self, factor: float) -> float:
        """A multiple of their quality, at which no answer is better than perfect."""
        return min(factor, 1.0 / self.best)


def siblings(scenario: Scenario, policy: Policy) -> Siblings:
    """What a scenario declares of the models that may answer in another's place."""
    known = profiles(scenario)

    def quality(model: str) -> float:
        profile = known.get(policy.catalog.card(model).name)
        return 1.0 if profile is None else profile.quality

    soft, others = [], []
    for asked in scenario.asked_models:
        chains = [resolve(each, asked, policy.catalog) for each in policy.strategies]
        soft.append(quality(chains[Mode.SOFT][0]))
        others += [quality(each) for chain in chains for each in chain if each != chains[0][0]]
    return Siblings(declared=min(soft), best=max(others, default=1.0))


def cell_standings(
    lines: Mapping[str, Line], eligible: Sequence[str], others: Siblings
) -> dict[str, CellStanding]:
    """Where every law stands in every cell.

    Args:
        lines: of all laws; run k of each saw the same requests.
        eligible: laws that may be best.
        others: siblings in the runs; see `siblings`.
    """
    found = [_cell(lines, eligible, cell, others) for cell in CELLS]
    return {
        law: CellStanding(
            regrets=tuple(each[law][0] for each in found),
            level=tuple(each[law][1] for each in found),
        )
        for law in lines
    }


def _cell(
    lines: Mapping[str, Line], eligible: Sequence[str], cell: Cell, others: Siblings
) -> dict[str, tuple[float, bool]]:
    """Regret and level of every law."""
    scale = others.scaled(cell.sibling_quality / others.declared)
    found = {
        law: each.utilities_usd(cell.answer_usd, prices=cell.prices, sibling=scale)
        for law, each in lines.items()
    }
    best = max(eligible, key=lambda law: sum(found[law]), default=None)
    if best is None:
        return dict.fromkeys(lines, (float("nan"), False))
    standings = {}
    for law, each in found.items():
        behind = mean_interval([b - a for a, b in zip(each, found[best], strict=True)])
        level = law == best or (law in eligible and may_be_nothing(behind))
        standings[law] = (behind.estimate / cell.answer_usd, level)
    return standings
