"""The claims about the comparison over the library can fail, and say where."""

from __future__ import annotations

from typing import Any

import pytest

from sim.study.compared_laws import RIVALS, tuning
from tests.control.contest import (
    OUTCOME_HEADS,
    RANKING_HEADS,
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

pytestmark = pytest.mark.slow


def law(name: str, **changes: Any) -> dict[str, Any]:
    """A law in a scenario that it does well in."""
    met = {"name": "availability at least 99%", "counts": True, "met": True}
    return {
        "law": name,
        "eligible": True,
        "within_best": True,
        "regret": {"estimate": 0.0, "low": None, "high": None},
        "dominated_by": [],
        "expectations": [met],
        **changes,
    }


def missing(name: str) -> dict[str, Any]:
    """A law that misses what is expected of the outcome, and something of the way there."""
    expectations = [
        {"name": "availability at least 99%", "counts": True, "met": False},
        {"name": "recovers within 5m", "counts": False, "met": False},
    ]
    return law(name, eligible=False, within_best=False, expectations=expectations)


def record(*scenarios: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """Scenarios that nobody was tuned on; where the first ones are as said, the rest go well."""
    well = (law("ladder"), law("static", within_best=False))
    rows = [*scenarios, *[well] * (8 - len(scenarios))]
    return {
        "reference": "ladder",
        "scenarios": [{"scenario": f"s{i}", "laws": list(each)} for i, each in enumerate(rows)],
    }


def failing(found: dict[str, Any]) -> list[str]:
    """What was measured of the claims that do not hold."""
    return [claim.measured for claim in contest_claims(found) if not claim.holds]


BEHIND = law("ladder", within_best=False, regret={"estimate": 0.007, "low": 0.006, "high": 0.008})


def test_a_law_that_does_well_everywhere_holds_all_claims() -> None:
    """Nothing to say against it."""
    assert failing(record()) == []


@pytest.mark.parametrize(("behind", "holds"), [(2, True), (3, False)])
def test_the_default_law_has_to_be_level_in_three_of_four(behind: int, holds: bool) -> None:
    """One scenario fewer and the claim fails; how far behind it is stands beside it."""
    claim, *_ = contest_claims(record(*[(BEHIND, law("static"))] * behind))
    assert claim.holds is holds
    assert claim.measured.startswith(f"{8 - behind} of 8 (")
    near = f"{8 - behind} within 0.5 % of perfect worth, 8 within 1 % of perfect worth"
    assert claim.measured.endswith(near)


def test_it_has_to_be_so_where_no_law_was_tuned_too() -> None:
    """Level on all training scenarios is not enough."""
    found = record(*[(BEHIND, law("breaker"), law("static", within_best=False))] * 2)
    for row, name in zip(found["scenarios"][2:], tuning()["training"], strict=False):
        row["scenario"] = name
    assert [row["scenario"] for row in held_out(found)] == ["s0", "s1"]
    (measured,) = failing(found)
    assert measured.startswith("6 of 8 (75%); 0 of 2 (0%) not tuned on")


def test_a_large_regret_counts_whether_all_is_met_or_not() -> None:
    """By its scenario."""
    large = law("ladder", regret={"estimate": 0.11, "low": None, "high": None})
    assert failing(record((law("ladder"), law("static")), (large, law("static")))) == [
        "11.0 % in s1"
    ]


def test_who_dominates_it_and_where_is_told() -> None:
    """Once is too often."""
    found = record((law("ladder", dominated_by=["breaker"]), law("static")))
    assert failing(found) == ["s0 by breaker"]


def test_what_others_meet_and_it_does_not_is_told() -> None:
    """But not where nobody does, nor what is no outcome."""
    nobody = (missing("ladder"), missing("static"))
    found = record((missing("ladder"), law("static")), nobody)
    assert failing(found) == ["s0: misses availability at least 99%, which 1 others meet"]


def test_a_controller_has_to_be_level_more_often_than_its_own_normal_mode() -> None:
    """As often is not enough to run one."""
    found = record(*[(law("ladder"), law("static"))] * 8)
    assert failing(found) == ["8 against 8 of 8"]


def test_rows_of_the_tuning_say_what_was_chosen_and_what_it_gained() -> None:
    """A choice is no worse than what it was chosen over."""
    rows = tuning_rows()
    assert [row[0] for row in rows] == list(tuning()["chosen"])
    for _, chosen, published, best, trials in rows:
        assert float(best.split()[0]) <= float(published.split()[0])
        assert chosen and int(trials) > 1


def test_laws_are_compared_over_scenarios_of_the_library() -> None:
    """One of them, once: a row with a figure for every law, and a summary of all."""
    found = compare_library(["steady"], replications=1, workers=1)
    ((name, *regrets),) = regret_rows(found)
    assert name == "steady"
    assert len(regrets) == len(RIVALS)
    assert regrets.count("**best**") == 1
    outcomes = outcome_rows(found["summary"])
    assert [row[0] for row in outcomes] == list(RIVALS)
    assert {len(row) for row in outcomes} == {len(OUTCOME_HEADS)}
    heads, *lived = lived_rows(found["summary"])
    assert ("steady", len(lived)) == (name, len(RIVALS))
    assert {len(row) for row in lived} == {len(heads)}
    ranking = ranking_rows(found, found["summary"])
    assert {row[0] for row in ranking} == set(RIVALS)
    assert {len(row) for row in ranking} == {len(RANKING_HEADS)}
    heads, *swept = sweep_rows(found)
    assert (heads[1], heads[-1], len(swept)) == ("$0.003", "$0.1", len(RIVALS))
    assert all(sum(map(int, column)) >= 1 for column in list(zip(*swept, strict=True))[1:])
    ((name, reigns, of_all),) = reign_rows(found)
    assert name == "steady"
    # Where nothing is wrong no tuned law need be worth more at any price.
    assert reigns.split(", then ")[-1] == "ladder"
    assert of_all.startswith("always_hard up to $0.0")
