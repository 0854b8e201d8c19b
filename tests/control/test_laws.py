"""What the ladder must show against plain thresholds and against nothing, in few replications.

`make prove` asks the same of more replications and longer days.
"""

from __future__ import annotations

import pytest

from balancer.core.modes import Mode
from tests.control.laws import Claim, Comparison, claims, compare_laws, days_of_steady_traffic

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def comparisons() -> tuple[Comparison, ...]:
    """The fault scenarios under each law."""
    return compare_laws(3, workers=1)


@pytest.fixture(scope="module")
def claimed(comparisons: tuple[Comparison, ...]) -> tuple[Claim, ...]:
    """The claims over all of them."""
    return claims(comparisons)


@pytest.mark.parametrize(
    "place",
    range(9),
    ids=[
        "transitions",
        "availability",
        "harm",
        "cost",
        "weighted",
        "utility",
        "static",
        "recovery",
        "saved",
    ],
)
def test_the_claim_holds(claimed: tuple[Claim, ...], place: int) -> None:
    """Fewer transitions, no harm, cheaper answers, worth more, back in time, money saved."""
    claim = claimed[place]
    assert claim.holds, f"{claim.name}: {claim.measured}"


def test_there_is_a_claim_for_each_question(claimed: tuple[Claim, ...]) -> None:
    """None is left out by the choice of scenarios."""
    assert len(claimed) == 9


def test_every_fault_is_answered(comparisons: tuple[Comparison, ...]) -> None:
    """A ladder that never moved would make no transitions either."""
    for each in comparisons:
        for run in each.ladder:
            assert any(change.after > Mode.NORMAL for change in run.transitions), each.scenario


def test_steady_traffic_stays_in_normal() -> None:
    """A brownout that nobody needed is a fault of its own."""
    assert days_of_steady_traffic(2, "3h") == ((), ())
