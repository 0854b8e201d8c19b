"""The claims about the library: each fails when what it claims is not so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.control.library import MINUTES, library_claims, run_library

NO_HARM = {"estimate": 0.0, "found": False}
HELD: dict[str, Any] = {
    "scenario": "a",
    "verdict": "pass",
    "expectations": [{"estimate": 1.0}],
    "harm": NO_HARM,
}
OTHER: dict[str, Any] = {**HELD, "scenario": "b"}


def failing(
    records: Sequence[dict[str, Any]] = (HELD, OTHER),
    again: Sequence[dict[str, Any]] = (HELD,),
    minutes: float = 2.0,
) -> list[str]:
    """First words of the claims that do not hold."""
    found = library_claims(records, again=again, minutes=minutes)
    return [claim.name.split(" ")[0] for claim in found if not claim.holds]


def test_what_is_as_it_should_be_holds() -> None:
    """All pass, in time, the same with one worker."""
    assert failing() == []


def test_a_scenario_that_does_not_pass_is_found() -> None:
    """Inconclusive is not passed either, and the claim names it."""
    (_, claim, *_) = library_claims(
        [HELD, {**OTHER, "verdict": "inconclusive"}], again=[HELD], minutes=1.0
    )
    assert not claim.holds
    assert claim.measured == "not passed: b"


def test_harm_is_found() -> None:
    """By its scenario and by how much."""
    harmed = {**OTHER, "harm": {"estimate": -0.021, "found": True}}
    (claim, *_) = library_claims([HELD, harmed], again=[HELD], minutes=1.0)
    assert not claim.holds
    assert claim.measured == "harm in b (-2.1 points)"


def test_a_library_that_takes_too_long_is_found() -> None:
    """As long as it may take at most is too long."""
    assert failing(minutes=MINUTES) == ["the"]


def test_a_result_that_depends_on_the_workers_is_found() -> None:
    """A single figure is enough; and comparing nothing proves nothing."""
    assert failing(again=[{**HELD, "expectations": [{"estimate": 1.1}]}]) == ["one"]
    assert failing(again=[]) == ["one"]


@pytest.mark.slow
def test_records_come_in_the_order_asked_for() -> None:
    """Though the longest scenario is run first."""
    seen = []
    records = run_library(
        ["steady", "price_change"],
        replications=1,
        workers=1,
        done=lambda record: seen.append(record["scenario"]),
    )
    assert [record["scenario"] for record in records] == ["steady", "price_change"]
    assert seen == ["price_change", "steady"]
