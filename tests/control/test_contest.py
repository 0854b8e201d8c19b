"""The claims about the comparison over the library can fail, and say where."""

from __future__ import annotations

from typing import Any

import pytest

from sim.rivals import RIVALS
from tests.control.contest import (
    compare_library,
    contest_claims,
    regret_rows,
    reign_rows,
    summary_rows,
    sweep_rows,
)


def record(within: int, *, static: int = 0, missed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Ten scenarios, in some of which the ladder, or static, is within the best's interval."""
    largest = {"scenario": "storm", "estimate": 0.1, "low": 0.05, "high": 0.15}
    row = {
        "law": "ladder",
        "scenarios": 10,
        "best": within,
        "within_best": within,
        "eligible": 10 - len(missed),
        "dominated": 0,
        "largest_regret": largest,
        "not_eligible": list(missed),
    }
    return {"summary": [row, {**row, "law": "static", "within_best": static}]}


@pytest.mark.parametrize(("within", "holds"), [(8, True), (7, False)])
def test_the_ladder_has_to_be_best_in_four_of_five(within: int, holds: bool) -> None:
    """One scenario fewer and the claim fails."""
    claim, _ = contest_claims(record(within))
    assert claim.holds is holds


@pytest.mark.parametrize(("static", "holds"), [(4, True), (5, False)])
def test_a_controller_has_to_be_best_more_often_than_its_own_normal_mode(
    static: int, holds: bool
) -> None:
    """As often is not enough to run one."""
    _, claim = contest_claims(record(5, static=static))
    assert claim.holds is holds


def test_the_claim_names_the_largest_regret_and_what_is_missed() -> None:
    """So that a reader knows where to look first."""
    claim, _ = contest_claims(record(9, missed=("flood",)))
    assert claim.measured == (
        "9 of 10 (90%); largest regret 10.0 % (5.0 to 15.0) in storm; misses an expectation in "
        "flood"
    )


def test_laws_are_compared_over_scenarios_of_the_library() -> None:
    """One of them, once: a row with a figure for every law, and a summary of all."""
    found = compare_library(["steady"], replications=1, workers=1)
    ((name, *regrets),) = regret_rows(found)
    assert name == "steady"
    assert len(regrets) == len(RIVALS)
    assert regrets.count("**best**") == 1
    assert [row[0] for row in summary_rows(found)] == list(RIVALS)
    heads, *swept = sweep_rows(found)
    assert (heads[1], heads[-1], len(swept)) == ("$0.003", "$0.1", len(RIVALS))
    assert all(sum(map(int, column)) >= 1 for column in list(zip(*swept, strict=True))[1:])
    ((name, reigns, of_all),) = reign_rows(found)
    assert name == "steady"
    assert reigns.endswith(", then ladder")
    assert of_all.startswith("always_hard up to $0.00")
