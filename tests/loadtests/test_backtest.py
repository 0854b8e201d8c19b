"""A backtest of a journal that the service wrote in a load test."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.journals import write_journal
from loadtests.live import play
from loadtests.scene import Scene
from sim.backtesting.fidelity import fidelity
from sim.backtesting.runs import measure
from sim.fitting.account import account
from tests.fitting.worlds import fitted

# So long that what is slow before the mode changes is well below a twentieth: at 5 % the P95 of
# one run lies anywhere between the quick answers and the slow ones, and says nothing.
SCENE = """\
scenario: live_slow
title: A slow model for a few minutes, and refusals
duration: 20m
warm_up: 1m
workload:
  arrivals: {process: gamma, cv: 1.09, rate: 2}
clients: {retries: 2}
faults:
  - {name: slow, kind: latency, model: asked, factor: x4, at: 4m, for: 3m}
  - {name: refused, kind: error, error: overloaded, model: asked, share: 30%, at: 12m, for: 2m}
"""

JUDGED = {"latency_p95_s": 0.10, "observed_cost_usd": 0.05, "availability": 0.01}
"""P95 and cost as shares of what was; availability in points."""


@pytest.mark.live
def test_a_live_journal_is_reproduced(tmp_path: Path) -> None:
    """P95 within 10 %, cost within 5 %, availability within a point."""
    source = tmp_path / "scene.yaml"
    source.write_text(SCENE)
    (tmp_path / "work").mkdir()
    played = play(Scene(source=str(source), speed=6.0), target="proxy", work=tmp_path / "work")
    journal = tmp_path / "live.jsonl"
    write_journal(journal, played.journal, played.scenario, played.policy, replication=0)
    found, scenario, _ = fitted(journal)
    runs = measure(scenario, {"live": found.policy}, 5, workers=1)
    seen = account(
        found.columns, from_tick=round(scenario.warm_up), until_tick=round(scenario.duration)
    )
    figures = fidelity(seen.figures, [each.account.figures for each in runs["live"]])
    off = {each.name: each.difference for each in figures}
    assert {name: off[name] for name, most in JUDGED.items() if abs(off[name]) > most} == {}
