"""Every current model in every mode, by both APIs and the real client: no 4xx is ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from balancer.core.catalog import ModelCard
from balancer.core.modes import MODES, Mode
from sim.mock_gemini.server import Addresses, MockServer
from tests.mock_gemini.caller import settings
from tests.older_genai import older_python

from .conversations import MODELS, everything, plan_of
from .test_interactions_against_mock import bench, counters

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quick() -> Iterator[Addresses]:
    """A mock without waits that calls functions."""
    with MockServer(settings(latency=False, call_share=1.0)) as mock:
        yield mock.addresses


@pytest.mark.parametrize("card", MODELS, ids=lambda card: card.name)
@pytest.mark.parametrize("mode", MODES)
def test_no_mode_makes_the_upstream_refuse_a_model(
    quick: Addresses, mode: Mode, card: ModelCard
) -> None:
    """Neither what a caller set nor what a plan makes of it."""
    here = bench(quick, plan_of(mode))
    before = counters(quick)["refused"]
    here.run(lambda client: everything(client, card))
    assert counters(quick)["refused"] == before
    assert not here.balancer.status().withdrawn
    assert sum(entry.failed for entry in here.seen().served) == 0


def test_so_it_is_with_the_older_client(quick: Addresses) -> None:
    """All models in all modes, in the environment that has it."""
    before = counters(quick)
    done = subprocess.run(
        [older_python(), "-m", "tests.adapters.gemini.conversations", quick.url],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found == {mode.label: {"withdrawn": [], "failed": 0} for mode in MODES}
    after = counters(quick)
    assert after["refused"] == before["refused"]
    made = after["total"]["finished"] - before["total"]["finished"]
    assert made > 10 * len(MODELS) * len(MODES)
