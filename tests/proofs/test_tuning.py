"""The tuning is fair: the same budget for every law, and a choice by its stated rule."""

from __future__ import annotations

import math

import pytest

from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.study.compared_laws import tuning, with_constants
from sim.workers.pool import local_workers
from tests.proofs.tuning import (
    BLOCKS,
    MISS,
    SPACES,
    TRIALS,
    Result,
    chosen,
    constants,
    is_training,
    law_space,
    loss,
    tune,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("law", SPACES)
def test_every_law_can_have_its_published_constants_and_all_of_its_space(law: str) -> None:
    """In every training scenario, which may have a policy with timeouts of its own."""
    space = law_space(law)
    published = space.draw(space.present).policy
    assert published is not None
    assert constants(published) == constants(space.fields.policy)
    own = [load(name).policy for name in tuning()["training"]]
    for _, drawn in space.ends():
        policy = space.draw(drawn).policy
        assert policy is not None
        for each in own:
            assert with_constants(each or default_policy(), law, constants(policy)).law == law


def test_the_trials_written_down_are_those_of_the_budget() -> None:
    """A space or a budget that is changed must be run again; so must one on other scenarios."""
    found = tuning()
    assert set(found["trials"]) == set(SPACES)
    for law, every in found["trials"].items():
        assert len(every) == TRIALS
        assert every[0]["constants"] == constants(law_space(law).fields.policy)
        assert every[0]["replications"] == BLOCKS[-1]
        for trial in every:
            for name, value in trial["constants"].items():
                low, high, _ = SPACES[law][name.removesuffix("_s")]
                assert low <= value <= high
    assert all(is_training(name) for name in found["training"])


def test_a_miss_costs_a_tenth_and_gains_nothing_by_being_cheap() -> None:
    """A regret below nothing is no merit of who misses; where nobody meets all, nothing counts."""
    assert loss(0.58, True, 0.6) == pytest.approx(0.02)
    assert loss(0.7, True, 0.6) == pytest.approx(-0.1)
    assert loss(0.58, False, 0.6) == pytest.approx(0.02 + MISS)
    assert loss(0.7, False, 0.6) == pytest.approx(MISS)
    assert loss(0.58, False, math.nan) == 0.0


def results(*found: tuple[float, int]) -> list[Result]:
    """Trials of these losses and replications."""
    return [
        Result(constants={"k": float(k)}, mean_loss=mean, replications=replications)
        for k, (mean, replications) in enumerate(found)
    ]


def test_the_least_mean_loss_is_chosen_and_the_first_of_equals() -> None:
    """The published constants, being first, are kept unless something is better."""
    found = chosen(
        {
            "kept": results((0.1, 4), (0.1, 4)),
            "changed": results((0.3, 4), (0.2, 4), (0.1, 4)),
            "given up": results((0.3, 4), (0.1, 2), (0.2, 4)),
        }
    )
    assert found == {"kept": {}, "changed": {"k": 2.0}, "given up": {"k": 2.0}}


def test_laws_are_tuned_by_their_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one, of one law in one scenario: the same requests, so the same again."""
    monkeypatch.setattr("tests.proofs.tuning.SPACES", {"mildest": SPACES["mildest"]})
    with local_workers(1) as workers:
        found, again = (tune(["cost_spike"], workers=workers) for _ in range(2))
    assert found == again
    (trials,) = found.values()
    assert [each.replications for each in trials] == [BLOCKS[-1]] * TRIALS
    # The only law as published is the best as published, or nobody is.
    assert trials[0].mean_loss == 0.0
    assert len({each.constants["hold_s"] for each in trials}) == TRIALS
    assert len({each.mean_loss for each in trials}) > 2
