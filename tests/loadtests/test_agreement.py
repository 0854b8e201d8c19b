"""Live and simulated side by side."""

from __future__ import annotations

import math

import pytest

from balancer.core.modes import Mode
from loadtests.agreement import compare_figure, compare_turns
from sim.run.timeline import Transition

SURE = (0.01, 0.02)


def turn(at_s: float, before: Mode, after: Mode) -> Transition:
    """A change of mode."""
    return Transition(at_s=at_s, before=before, after=after, reason="")


DOWN = turn(70.0, Mode.NORMAL, Mode.SOFT)
UP = turn(280.0, Mode.SOFT, Mode.NORMAL)


def test_changes_within_three_ticks_agree() -> None:
    """Earlier or later."""
    live = [turn(73.0, Mode.NORMAL, Mode.SOFT), turn(277.0, Mode.SOFT, Mode.NORMAL)]
    found = compare_turns(live, [DOWN, UP], 1.0)
    assert [each.ticks for each in found] == [3.0, -3.0]
    assert all(each.agrees for each in found)


def test_a_change_that_comes_later_disagrees() -> None:
    """By more than three ticks."""
    (found,) = compare_turns([turn(74.0, Mode.NORMAL, Mode.SOFT)], [DOWN], 1.0)
    assert not found.agrees


@pytest.mark.parametrize("sides", [([DOWN], []), ([], [DOWN])])
def test_a_change_on_one_side_only_disagrees(
    sides: tuple[list[Transition], list[Transition]],
) -> None:
    """Whichever it is."""
    (found,) = compare_turns(*sides, 1.0)
    assert math.isnan(found.ticks)
    assert not found.agrees


def test_changes_to_other_modes_are_other_changes() -> None:
    """Each is listed with the side it is of."""
    found = compare_turns([DOWN], [turn(70.0, Mode.NORMAL, Mode.HARD)], 1.0)
    assert [(each.after, each.agrees) for each in found] == [("soft", False), ("hard", False)]


def test_overhead_is_subtracted_from_latencies_alone() -> None:
    """The tolerance is of what is left."""
    found = compare_figure("latency_p95_s", 11.5, 10.0, 0.5, SURE)
    assert found.difference == pytest.approx(0.10)
    assert found.agrees
    assert not compare_figure("latency_p95_s", 11.6, 10.0, 0.5, SURE).agrees
    assert compare_figure("cost_usd", 1.04, 1.0, 0.5, SURE).difference == pytest.approx(0.04)


def test_the_interval_lies_around_the_difference() -> None:
    """As far below and above as the journals say."""
    found = compare_figure("availability", 0.99, 1.0, 0.0, SURE)
    assert found.low == pytest.approx(-0.02)
    assert found.high == pytest.approx(0.01)


def test_offered_must_be_the_same() -> None:
    """To the request."""
    assert compare_figure("offered", 100.0, 100.0, 0.0, SURE).agrees
    assert not compare_figure("offered", 99.0, 100.0, 0.0, SURE).agrees


def test_what_neither_side_has_agrees() -> None:
    """What only one has does not."""
    assert compare_figure("error_rate", math.nan, math.nan, 0.0, SURE).agrees
    assert not compare_figure("error_rate", math.nan, 0.1, 0.0, SURE).agrees
    assert compare_figure("cost_usd", 0.0, 0.0, 0.0, SURE).agrees
    assert not compare_figure("cost_usd", 1.0, 0.0, 0.0, SURE).agrees
