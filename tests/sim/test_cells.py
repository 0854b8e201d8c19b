"""The ranking over everything that is assumed of worth, on lines drawn by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.study.cells import CELLS, cell_standings, declared_quality
from sim.study.sweep import Line
from tests.sim.small_world import world, world_policy

OWN = Line(values=(0.9, 0.9), bills_usd=(0.004, 0.004), sibling_values=(0.0, 0.0))
SIBLING = Line(values=(0.8, 0.8), bills_usd=(0.001, 0.001), sibling_values=(0.8, 0.8))


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
    found = cell_standings({"own": OWN, "sibling": SIBLING}, ("own", "sibling"), declared=0.8)
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
    found = cell_standings({"own": OWN, "sibling": SIBLING}, ("own",), declared=0.8)
    assert all(found["own"].level) and not any(found["sibling"].level)
    assert min(found["sibling"].regrets) < 0.0


def test_without_an_eligible_law_there_is_no_regret() -> None:
    """Nobody is the best."""
    found = cell_standings({"own": OWN}, (), declared=0.8)["own"]
    assert all(map(math.isnan, found.regrets)) and not any(found.level)


def test_a_siblings_quality_is_what_the_scenario_declares() -> None:
    """Of soft's model; of one that only the caller knows, none."""
    assert declared_quality(load("steady").scenario, default_policy()) == 0.85
    changed = load("steady", ["upstream.models.one cheaper.quality=0.7"]).scenario
    assert declared_quality(changed, default_policy()) == 0.7
    assert declared_quality(world(), world_policy()) == 0.8
    strategies = tuple(replace(each, model=None) for each in world_policy().strategies)
    bare = replace(world_policy(), strategies=strategies, baseline=None)  # type: ignore[arg-type]
    assert declared_quality(world(), bare) == 1.0
