"""A scene names what is played, for every process alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from balancer.core.errors import InputError
from loadtests.scene import Scene
from sim.streams import replication_key

POLICY = "name: mine\nthresholds:\n  soft: {latency_p95: 20s}\n"


def test_a_scene_survives_its_way_to_another_process() -> None:
    """As JSON."""
    scene = Scene(source="steady", overrides=("duration=10m",), replication=3, speed=10.0)
    assert Scene.of(json.loads(json.dumps(scene.plain()))) == scene


def test_a_policy_that_is_named_goes_before_the_scenarios_own(tmp_path: Path) -> None:
    """Which goes before the default."""
    path = tmp_path / "mine.yaml"
    path.write_text(POLICY)
    assert Scene(source="steady").load()[1].name == "default"
    assert Scene(source="steady", policy_file=str(path)).load()[1].name == "mine"


def test_seed_and_replication_select_every_draw() -> None:
    """As in the simulator."""
    scene = Scene(source="steady", overrides=("seed=7",), replication=2)
    scenario, _ = scene.load()
    assert scene.key(scenario) == replication_key(7, 2)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), 1e6])
def test_impossible_speeds_are_refused(speed: float) -> None:
    """The message says what would do."""
    with pytest.raises(InputError, match="such as 10"):
        Scene(source="steady", speed=speed)
