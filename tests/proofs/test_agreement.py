"""The section about live and simulated runs."""

from __future__ import annotations

from typing import Any

import pytest

from loadtests.live import check
from loadtests.scene import Scene
from sim.traffic.rate_curve import curve

from .agreement import SCENES, report


def record(**changes: Any) -> dict[str, Any]:
    """A record that agrees, of one figure of each kind."""
    figures = [
        {"name": "offered", "live": 1000.0, "agrees": True},
        *(
            {
                "name": name,
                "difference": 0.0123,
                "low": 0.01,
                "high": 0.02,
                "relative": relative,
                "agrees": True,
            }
            for name, relative in (
                ("availability", False),
                ("latency_p50_s", True),
                ("latency_p95_s", True),
                ("error_rate", False),
                ("cost_usd", True),
            )
        ),
    ]
    turn = {"from": "normal", "to": "soft", "live_s": 71.0, "simulated_s": 70.0, "ticks": 1.0}
    return {
        "scenario": "storm",
        "agrees": True,
        "client": {"overhead_p50_s": 0.05, "sent_late_p95_s": 0.02},
        "figures": figures,
        "transitions": [{**turn, "agrees": True}],
        **changes,
    }


def test_every_figure_stands_with_its_interval_and_tolerance() -> None:
    """Relative ones in per cent, shares in points."""
    found = report([record()])
    assert found.holds
    assert "| P95 (at most 10 %) |" in found.text
    assert "+1.23 (+1.00 to +2.00) points" in found.text
    assert "| storm | normal → soft | 71 s | 70 s | +1 | yes |" in found.text


def test_a_change_on_one_side_only_does_not_hold() -> None:
    """And is said in bold."""
    turn = {"from": "normal", "to": "hard", "live_s": None, "simulated_s": 70.0, "ticks": None}
    found = report([record(agrees=False, transitions=[{**turn, "agrees": False}])])
    assert not found.holds
    assert "| – | 70 s | – | **no** |" in found.text


@pytest.mark.parametrize("name", SCENES)
def test_scenes_can_be_played_and_keep_to_eight_requests_a_second(name: str) -> None:
    """More than that two cores cannot send at ten times the speed."""
    scenario, _, traffic = check(Scene(source=name, overrides=tuple(SCENES[name])), "proxy")
    arrivals = scenario.workload.arrivals
    rates = curve(arrivals.pattern, arrivals.rate, scenario.duration)["rate"]
    assert max(rates) <= 8
    assert len(traffic) > 1000
