"""What requests got, whatever the law calls it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from balancer.core.decisions import ADMIT_ALL, ByPriority, Decision, Mix, Stance, gates
from balancer.core.modes import Mode
from sim.run.engine import simulate
from sim.run.serving import Serving, back_after_s, beside, left_normal, serving, worst_served
from tests.sim.small_world import SLOW, world, world_policy

NORMAL, SOFT, HARD = Mode.NORMAL, Mode.SOFT, Mode.HARD


def decision(mode: Mode, *mixes: Mix, admit: ByPriority = ADMIT_ALL) -> Decision:
    """A decision with a mix for each priority, or one for all of them."""
    low, normal, high = mixes * (3 // len(mixes))
    stance = Stance(mode=mode, mixes=(low, normal, high), admit=admit)
    return Decision(
        tick=0,
        mode=mode,
        mix=normal,
        admit=admit,
        limits=stance.limits,
        reasons=(),
        mixes=stance.mixes,
        gates=gates(stance, world_policy().strategies),
    )


FULL: Mix = (1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("mode", "mix", "worst", "back"),
    [
        (NORMAL, FULL, NORMAL, True),
        (NORMAL, (0.99, 0.01, 0.0, 0.0), SOFT, True),
        (NORMAL, (0.9, 0.1, 0.0, 0.0), SOFT, True),
        (NORMAL, (0.89, 0.11, 0.0, 0.0), SOFT, False),
        (SOFT, (0.1, 0.9, 0.0, 0.0), SOFT, False),
        (HARD, (0.0, 0.1, 0.9, 0.0), HARD, False),
        (HARD, FULL, HARD, True),
    ],
)
def test_a_blend_is_as_bad_as_its_worst_part_and_back_when_nine_in_ten_are(
    mode: Mode, mix: Mix, worst: Mode, back: bool
) -> None:
    """A probe round below the mode makes nothing worse."""
    found = serving(5.0, (decision(mode, mix),))
    assert (found.at_s, found.worst, found.back) == (5.0, worst, back)


@pytest.mark.parametrize(
    ("mode", "mix", "found"),
    [
        (NORMAL, FULL, None),
        (NORMAL, (0.99, 0.01, 0.0, 0.0), SOFT),
        (SOFT, (0.1, 0.9, 0.0, 0.0), NORMAL),
        (HARD, (0.1, 0.1, 0.8, 0.0), NORMAL),
    ],
)
def test_the_mildest_other_mode_stands_beside_the_one_in_force(
    mode: Mode, mix: Mix, found: Mode | None
) -> None:
    """Whether it is probed or blended in."""
    assert serving(5.0, (decision(mode, mix),)).beside is found


def test_what_is_beside_is_told_from_and_to() -> None:
    """Up to the end where it has none; what was over within its second is left out."""
    steps = ((0.0, None), (10.0, SOFT), (12.0, SOFT), (15.0, NORMAL), (15.0, None), (20.0, SOFT))
    changes = [Serving(at_s=s, worst=SOFT, back=True, beside=mode) for s, mode in steps]
    assert list(beside(changes, 30.0)) == [(10.0, 15.0, SOFT), (20.0, 30.0, SOFT)]
    assert list(beside((), 30.0)) == []


def test_no_priority_may_be_left_behind() -> None:
    """Most requests are served in full, those of low priority are not."""
    low: Mix = (0.5, 0.5, 0.0, 0.0)
    assert not serving(0.0, (decision(NORMAL, low, FULL, FULL),)).back


def test_a_law_that_refuses_requests_is_not_back() -> None:
    """Though whom it admits gets everything."""
    assert not serving(0.0, (decision(NORMAL, FULL, admit=(0.8, 1.0, 1.0)),)).back


def timeline(*steps: tuple[float, Mode, bool]) -> tuple[Serving, ...]:
    """Servings from (second, worst, back)."""
    return tuple(Serving(at_s=at_s, worst=worst, back=back) for at_s, worst, back in steps)


UP_AND_DOWN = timeline(
    (110.0, SOFT, False), (130.0, HARD, False), (380.0, SOFT, True), (400.0, NORMAL, True)
)


def test_the_worst_is_of_the_whole_run() -> None:
    """And normal for a run without changes."""
    assert (worst_served(UP_AND_DOWN), worst_served(())) == (HARD, NORMAL)


def test_recovery_is_timed_to_the_first_moment_of_the_last_return() -> None:
    """What is back already, and gets better still, has returned before."""
    assert back_after_s(UP_AND_DOWN, 350.0, 1000.0) == 30.0


def test_a_relapse_is_no_recovery() -> None:
    """It had not recovered before the last return; what comes after the watch does not count."""
    relapse = (*UP_AND_DOWN, *timeline((450.0, SOFT, False), (500.0, NORMAL, True)))
    assert back_after_s(relapse, 350.0, 1000.0) == 150.0
    assert back_after_s(relapse, 350.0, 440.0) == 30.0
    assert back_after_s(relapse, 350.0, 460.0) == math.inf


@pytest.mark.parametrize(
    ("from_s", "until_s", "left"),
    [(0.0, 100.0, False), (0.0, 110.0, True), (200.0, 300.0, True), (380.0, 900.0, False)],
)
def test_a_run_has_left_normal_where_it_was_not_back(
    from_s: float, until_s: float, left: bool
) -> None:
    """At some time of the span, its start included."""
    assert left_normal(UP_AND_DOWN, from_s, until_s) is left
    assert not left_normal((), from_s, until_s)


def test_a_run_that_was_always_back_has_recovered_at_once() -> None:
    """There was nothing to recover from, or it was over when the fault ended."""
    assert back_after_s((), 350.0, 1000.0) == 0.0
    assert back_after_s(UP_AND_DOWN, 600.0, 1000.0) == 0.0


def test_a_run_tells_what_each_law_served() -> None:
    """The ladder changes with its mode; the dimmer blends before it says soft."""
    ladder = simulate(world(faults=[SLOW]), world_policy(), replication=0, arm="policy")
    assert [each.at_s for each in ladder.servings if each.worst is SOFT][:1] == [
        change.at_s for change in ladder.transitions[:1]
    ]
    dimmer = simulate(
        world(faults=[SLOW]), replace(world_policy(), law="dimmer"), replication=0, arm="policy"
    )
    soft = next(each.at_s for each in dimmer.servings if each.worst is SOFT)
    assert soft < next(change.at_s for change in dimmer.transitions)
