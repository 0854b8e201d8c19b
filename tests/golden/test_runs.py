"""Whole runs, against what they came to before."""

from __future__ import annotations

import json

import pytest

from sim.run.engine import simulate
from sim.run.result import ARMS
from tests.golden.worlds import KEPT, WORLDS, summary


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("name", WORLDS)
def test_a_run_comes_to_what_it_came_to_before(name: str, arm: str) -> None:
    """Count by count and change by change; `tests.golden.worlds` writes them anew."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))[name][arm]
    assert summary(simulate(*WORLDS[name], replication=0, arm=arm)) == kept
