"""Random worlds are scenario files that anybody could have written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from scenarios.loader import load
from scenarios.schema import GeminiUpstream, Scenario
from sim.run.fault_windows import check_faults

from .random_worlds import MAIN, SIBLINGS, world

SEEDS = range(100)


@pytest.fixture(scope="module")
def worlds() -> list[tuple[Scenario, Policy]]:
    """Many, drawn once."""
    return [world(seed) for seed in SEEDS]


def test_a_seed_is_one_world(worlds: list[tuple[Scenario, Policy]]) -> None:
    """The same each time, and no two the same."""
    assert [world(seed) for seed in SEEDS[:5]] == worlds[:5]
    assert len({scenario.workload.arrivals.rate for scenario, _ in worlds}) > 60


@pytest.mark.parametrize("seed", SEEDS[:5])
def test_a_world_is_a_scenario_file(seed: int, tmp_path: Path) -> None:
    """Written down and loaded, it is the same, its policy too."""
    scenario, policy = world(seed)
    path = tmp_path / "world.yaml"
    text = json.dumps(scenario.model_dump(mode="json", by_alias=True, exclude_unset=True))
    path.write_text(text, encoding="utf-8")
    assert load(path) == (scenario, policy)


def test_worlds_stay_within_what_is_said(worlds: list[tuple[Scenario, Policy]]) -> None:
    """Rates, lengths and faults; and every fault can strike."""
    for scenario, _ in worlds:
        assert 0.05 <= scenario.workload.arrivals.rate <= 50.0
        assert 2400.0 <= scenario.duration <= 3600.0
        assert len(scenario.faults) <= 7
        check_faults(scenario)


def test_the_policy_is_the_default_but_for_its_kind(
    worlds: list[tuple[Scenario, Policy]],
) -> None:
    """Its law always is; its cost thresholds are in proportion to the traffic."""
    own = {rule.name: rule.threshold for rule in default_policy().rules}
    assert {policy.law for _, policy in worlds} == {default_policy().law}
    for scenario, policy in worlds:
        if policy.name == "default":
            scale = scenario.workload.arrivals.rate / 5.5
            for rule in policy.rules:
                grows = scale if rule.signal == "token_cost_per_hour" else 1.0
                assert rule.threshold == pytest.approx(grows * own[rule.name], rel=0.006)


def test_every_ingredient_is_drawn(worlds: list[tuple[Scenario, Policy]]) -> None:
    """Of faults, of policies, of traffic and of the upstream."""
    kinds = {fault.kind for scenario, _ in worlds for fault in scenario.faults}
    upstream = {"latency", "error", "quota", "hang", "cut", "price", "thinking", "output"}
    assert kinds == upstream | {"delay", "loss"}
    assert len({policy.name for _, policy in worlds}) == 13
    patterns = {part.kind for scenario, _ in worlds for part in scenario.workload.arrivals.pattern}
    assert patterns == {"step", "spike", "ramp"}
    assert {len(scenario.workload.classes) for scenario, _ in worlds} == {1, 3}
    said = set()
    for scenario, _ in worlds:
        assert isinstance(scenario.upstream, GeminiUpstream)
        said |= {(model, key) for model, own in scenario.upstream.models.items() for key in own}
    keys = ("quota", "capacity", "overload_limit")
    assert said == {(model, key) for model in (MAIN, *SIBLINGS) for key in keys}
