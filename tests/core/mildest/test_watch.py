"""What users of the mode that serves lose, by what became of those who waited."""

from __future__ import annotations

import pytest

from balancer.core.laws.felt import Round
from balancer.core.laws.watch import Watch
from balancer.core.signals import Signals
from tests.core.mildest.rungs import mildest


def seen(answered: int, late: int, late_failed: int = 0, gone: int = 0) -> Round:
    """A tick in which so many were answered, became late, failed late and gave up."""
    policy = mildest()
    cuts = len(Signals(policy).windows.latency_cuts)
    slow = min(answered, late)
    return Round(
        begun=answered,
        answered=answered,
        failed=late_failed,
        gone=gone,
        firsts=0,
        tardy=(),
        slow=(slow,) * cuts,
        late_failed=(late_failed,) * cuts,
        old=(late,) * cuts,
        old_before=(slow + late_failed,) * cuts,
        surplus=0,
    )


@pytest.mark.parametrize(
    ("tick", "lost"),
    [
        (seen(answered=20, late=0), 0.5),
        (seen(answered=20, late=10), 0.5),
        (seen(answered=0, late=10), 1.0),
        (seen(answered=20, late=10, gone=10), 0.75),
        (seen(answered=20, late=0, gone=10), 1.0),
        (seen(answered=20, late=10, late_failed=30), 0.875),
    ],
)
def test_a_late_answer_loses_half_unless_late_ones_fail_or_are_given_up(
    tick: Round, lost: float
) -> None:
    """By what became of the late ones so far; all of it where nobody was answered."""
    policy = mildest()
    watch = Watch(policy, Signals(policy))
    watch.average(tick, 10.0)
    assert watch.loss(0.0, 1.0) == pytest.approx(lost)
