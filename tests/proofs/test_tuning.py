"""The tuning is fair: the same budget for every law, and a choice by its stated rule."""

from __future__ import annotations

import math

import pytest

from sim.study.compared_laws import tuning
from sim.study.intervals import Interval
from sim.study.ranking import Standing
from tests.proofs.tuning import MISS, TRIALS, Result, chosen, is_training, losses


def standing(regret: float, *, eligible: bool) -> Standing:
    """A trial in a scenario."""
    value = Interval(estimate=regret, low=regret, high=regret)
    return Standing(
        law="breaker 0",
        answers=(),
        eligible=eligible,
        score=value,
        regret=value,
        regret_usd=value,
        best=False,
        within_best=False,
        dominated_by=(),
    )


def test_every_law_has_the_same_number_of_trials_and_the_published_ones_first() -> None:
    """Eight, all different."""
    assert {len(trials) for trials in TRIALS.values()} == {8}
    for trials in TRIALS.values():
        assert len({tuple(sorted(each.items())) for each in trials}) == 8


def test_the_trials_written_down_are_those_of_the_grid() -> None:
    """A grid that is changed must be run again; so must one on other scenarios."""
    found = tuning()
    assert {
        law: tuple(each["constants"] for each in every) for law, every in found["trials"].items()
    } == dict(TRIALS)
    assert all(is_training(name) for name in found["training"])


def test_a_miss_costs_a_tenth_and_gains_nothing_by_being_cheap() -> None:
    """A regret below nothing is no merit of who misses; where nobody meets all, nothing counts."""
    found = losses(
        [
            standing(0.02, eligible=True),
            standing(0.02, eligible=False),
            standing(-0.5, eligible=False),
            standing(math.nan, eligible=False),
        ]
    )
    assert found == pytest.approx([0.02, 0.02 + MISS, MISS, 0.0])


def test_the_least_mean_loss_is_chosen_and_the_first_of_equals() -> None:
    """The published constants, being first, are kept unless something is better."""

    def results(*mean_losses: float) -> list[Result]:
        return [
            Result(constants={"k": float(k)}, mean_loss=loss, missed=())
            for k, loss in enumerate(mean_losses)
        ]

    found = chosen({"kept": results(0.1, 0.1), "changed": results(0.3, 0.2, 0.1)})
    assert found == {"kept": {}, "changed": {"k": 2.0}}
