"""The ranking over everything that is assumed of worth, on lines drawn by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.study.cells import CELLS, Siblings, cell_standings, siblings
from sim.study.sweep import Line
from tests.sim.small_world import world, world_policy

OWN = Line(values=(0.9, 0.9), bills_usd=(0.004, 0.004), sibling_values=(0.0, 0.0))
SIBLING = Line(values=(0.8, 0.8), bills_usd=(0.001, 0.001), sibling_values=(0.8, 0.8))


EIGHT = Siblings(declared=0.8, best=0.8)


def test_the_cells_are_every_combination_of_what_is_assumed() -> None:
    """Worth, quality and prices, what is declared by default among them."""
    assert len({(each.answer_usd, each.sibling_quality, each.prices) for each in CELLS}) == 108
    assert {each.prices for each in CELLS} == {0.7, 1.0, 1.3}
    assert (min(each.sibling_quality for each in CELLS), 0.95) == (
        0.6,
        max(each.sibling_quality for each in CELLS),
    )
    assert any((c.answer_usd, c.sibling_quality, c.prices) == (0.03, 0.85, 1.0) for c in CELLS)


def test_a_cell_scales_the_siblings_answers_and_the_bill() -> None:
    """By hand in every cell: who is better, and by how much."""
    found = cell_standings({"own": OWN, "sibling": SIBLING}, ("own", "sibling"), EIGHT)
    for place, cell in enumerate(CELLS):
        own = cell.answer_usd * 0.9 - cell.prices * 0.004
        sibling = cell.answer_usd * cell.sibling_quality - cell.prices * 0.001
        best = max(own, sibling)
        for law, utility in (("own", own), ("sibling", sibling)):
            regret = (best - utility) / cell.answer_usd
            assert found[law].regrets[place] == pytest.approx(regret, abs=1e-12)
            assert found[law].level[place] is bool(regret == pytest.approx(0.0, abs=1e-12))
    assert any(found["own"].level) and any(found["sibling"].level)


def test_who_is_not_eligible_is_level_nowhere() -> None:
    """But has a regret, which may be negative."""
    found = cell_standings({"own": OWN, "sibling": SIBLING}, ("own",), EIGHT)
    assert all(found["own"].level) and not any(found["sibling"].level)
    assert min(found["sibling"].regrets) < 0.0


def test_without_an_eligible_law_there_is_no_regret() -> None:
    """Nobody is the best."""
    found = cell_standings({"own": OWN}, (), EIGHT)["own"]
    assert all(map(math.isnan, found.regrets)) and not any(found.level)


def test_a_siblings_quality_is_what_the_scenario_declares() -> None:
    """Of soft's model; of one that only the caller knows, none."""
    assert siblings(load("steady").scenario, default_policy()).declared == 0.85
    changed = load("steady", ["upstream.models.one cheaper.quality=0.7"]).scenario
    assert siblings(changed, default_policy()).declared == 0.7
    assert siblings(world(), world_policy()) == EIGHT
    strategies = tuple(replace(each, model=None) for each in world_policy().strategies)
    bare = replace(world_policy(), strategies=strategies, baseline=None)  # type: ignore[arg-type]
    assert siblings(world(), bare).declared == 1.0


def test_no_answer_is_better_than_perfect_in_any_cell() -> None:
    """Where callers ask for two models, one may be the other's sibling, and good already."""
    two = load("two_models_asked").scenario
    found = siblings(two, default_policy())
    assert (found.declared, found.best) == (0.85, 1.0)
    assert (
        max(found.best * found.scaled(each / found.declared) for each in (0.6, 0.85, 0.95)) == 1.0
    )
    classes = tuple(reversed(two.workload.classes))
    turned = two.model_copy(
        update={"workload": two.workload.model_copy(update={"classes": classes})}
    )
    assert siblings(turned, default_policy()) == found
