"""Faults as processes: what they write, and when."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simpy import Environment

from balancer.core.modes import Mode
from balancer.core.observations import Alert, Observations, Override
from scenarios.schema import Scenario, UpstreamFault
from sim.plant.fault_rows import IN_FORCE, FaultState
from sim.run.faults import Stage, start
from sim.run.telemetry import Telemetry


class Recorder:
    """Stands where the plant stands and writes down what it is told."""

    def __init__(self) -> None:
        self.env = Environment()
        self.now_s = 0.0
        self.memory_ppm = 0
        self.faults = np.zeros(0)
        self.written: list[tuple[float, int, dict[str, Any]]] = []

    def advance(self, until_s: float) -> None:
        """Take in the time, as the plant does."""
        self.now_s = max(self.now_s, until_s)

    def set_fault(self, row: int, fault: UpstreamFault, state: FaultState = IN_FORCE) -> None:
        """Write down a change with the moment the plant had been brought up to."""
        self.written.append((self.now_s, row, {"kind": fault.kind, **asdict(state)}))


def stage(
    *faults: dict[str, Any], tick_s: float = 1.0, duration: float = 1000.0
) -> tuple[Stage, Recorder]:
    """All processes of some faults, started, on a recorder."""
    scenario = Scenario.model_validate(
        {
            "scenario": "t",
            "title": "t",
            "duration": duration,
            "warm_up": 0,
            "faults": list(faults),
        }
    )
    recorder = Recorder()
    found = Stage(
        env=recorder.env,
        plant=recorder,
        telemetry=(Telemetry(key=1, tick_s=tick_s, faults=len(faults)),),
        scenario=scenario,
        tick_s=tick_s,
    )
    start(found)
    return found, recorder


def written(
    *faults: dict[str, Any], tick_s: float = 1.0
) -> list[tuple[float, int, dict[str, Any]]]:
    """What the faults write on the plant in a whole run."""
    _, recorder = stage(*faults, tick_s=tick_s)
    recorder.env.run()
    return recorder.written


def test_a_fault_is_switched_on_at_its_start_and_off_at_its_end() -> None:
    """To the moment, also between two ticks."""
    found = written({"kind": "latency", "factor": 4, "at": 10.5, "for": 5})
    assert [(at_s, row, values["active"]) for at_s, row, values in found] == [
        (10.5, 0, True),
        (15.5, 0, False),
    ]


def test_a_fault_in_force_has_its_full_value() -> None:
    """Factor, addition and probability as declared."""
    found = written({"kind": "latency", "factor": 4, "add": 2, "share": 0.5, "at": 10, "for": 5})
    assert found[0][2] == {
        "kind": "latency",
        "active": True,
        "share": 0.5,
        "factor": 4.0,
        "add_s": 2.0,
    }


def test_a_repeating_fault_comes_and_goes() -> None:
    """Every period until the horizon."""
    found = written({"kind": "hang", "at": 100, "for": 100, "repeat_every": 400})
    assert [at_s for at_s, _, _ in found] == [100, 200, 500, 600, 900, 1000]


def test_a_repeat_without_a_pause_stays_on_at_the_seam() -> None:
    """Off and on again at the same moment is on."""
    found = written({"kind": "hang", "at": 100, "for": 400, "repeat_every": 400})
    at_the_seam = [values["active"] for at_s, _, values in found if at_s == 500]
    assert at_the_seam == [False, True]


def test_a_ramp_steps_once_a_tick_through_the_middle_of_the_slope() -> None:
    """A factor of 5 over four ticks: 4 · 1/8, 3/8, 5/8, 7/8 above 1, and down again."""
    found = written({"kind": "latency", "factor": 5, "at": 10, "for": 10, "ramp": 4})
    assert [(at_s, values["factor"]) for at_s, _, values in found] == [
        (10, 1.5),
        (11, 2.5),
        (12, 3.5),
        (13, 4.5),
        (14, 5.0),
        (16, 4.5),
        (17, 3.5),
        (18, 2.5),
        (19, 1.5),
        (20, 1.0),
    ]


@pytest.mark.parametrize("kind", ["hang", "error", "cut"])
def test_a_fault_that_is_only_a_probability_ramps_its_probability(kind: str) -> None:
    """There is no other value to ramp."""
    found = written({"kind": kind, "share": 0.4, "at": 10, "for": 10, "ramp": 2})
    assert [values["share"] for _, _, values in found] == pytest.approx(
        [0.1, 0.3, 0.4, 0.3, 0.1, 0]
    )


def test_faults_of_the_plant_have_rows_of_their_own() -> None:
    """Numbered among themselves, whatever stands between them."""
    found = written(
        {"kind": "hang", "at": 1, "for": 1},
        {"kind": "memory", "level": 0.5, "at": 1, "for": 1},
        {"kind": "error", "at": 1, "for": 1},
    )
    assert {row for _, row, _ in found} == {0, 1}


def test_the_highest_of_several_memory_levels_is_the_gauge() -> None:
    """And the lower one shows again when it is over."""
    _, recorder = stage(
        {"kind": "memory", "level": "60%", "at": 10, "for": 30},
        {"kind": "memory", "level": "90%", "at": 20, "for": 10},
    )
    gauge = []
    for until_s in (5, 15, 25, 35, 45):
        recorder.env.run(until=until_s)
        gauge.append(recorder.memory_ppm)
    assert gauge == [0, 600_000, 900_000, 600_000, 0]


def carried(found: Stage, recorder: Recorder, *, ticks: int) -> list[list[Observations]]:
    """What the controller is handed in each tick, all processes running."""
    handed = []
    (telemetry,) = found.telemetry
    for tick in range(ticks):
        recorder.env.run(until=tick + 1)
        handed.append(telemetry.carry(Observations(tick, waiting=1)))
    return handed


def test_a_delay_holds_observations_back_in_its_window_only() -> None:
    """One tick each time outside, none and then the backlog inside."""
    handed = carried(*stage({"kind": "delay", "by": 3, "at": 2, "for": 4}), ticks=9)
    assert [[entry.tick for entry in each] for each in handed] == [
        [0], [1], [], [], [], [2], [3, 4, 5, 6], [7], [8],
    ]  # fmt: skip


def test_a_loss_empties_ticks_in_its_window_only() -> None:
    """All of them, when its share is one."""
    handed = carried(*stage({"kind": "loss", "at": 2, "for": 3}), ticks=7)
    assert [each[0].waiting for each in handed] == [1, 1, 0, 0, 0, 1, 1]


def alerts(**changes: Any) -> list[tuple[int, Alert]]:
    """Alerts of one fault from 10 s to 20 s, 5 s late, with the tick they are handed over in."""
    fault = {"kind": "alert", "name": "p95", "mode": "hard", "at": 10, "for": 10, "delay": 5}
    handed = carried(*stage({**fault, **changes}), ticks=60)
    return [(each[0].tick, alert) for each in handed for alert in each[0].alerts]


RAISED = Alert(key="p95 #1", at_tick=10, mode=Mode.HARD, raised=True, lifetime_ticks=600)
CLEARED = Alert(key="p95 #1", at_tick=20, mode=Mode.HARD, raised=False, lifetime_ticks=600)


def test_an_alert_and_its_recovery_arrive_late() -> None:
    """But say when they happened."""
    assert alerts() == [(15, RAISED), (25, CLEARED)]


def test_an_alert_may_arrive_more_than_once() -> None:
    """The copies a tick apart."""
    assert alerts(copies=2) == [(15, RAISED), (16, RAISED), (25, CLEARED), (26, CLEARED)]


def test_an_alert_may_arrive_after_its_recovery() -> None:
    """A tick after, so that both are not in the same observations."""
    assert alerts(out_of_order=True) == [(25, CLEARED), (26, RAISED)]


def test_a_recovery_may_be_lost() -> None:
    """The alert stands until its lifetime ends."""
    assert alerts(loses_recovery=True, lifetime=30) == [
        (15, Alert(key="p95 #1", at_tick=10, mode=Mode.HARD, lifetime_ticks=30))
    ]


def test_every_episode_of_an_alert_has_a_key_of_its_own() -> None:
    """Or the recovery of one would clear the next."""
    assert [alert.key for _, alert in alerts(repeat_every=20)] == [
        "p95 #1", "p95 #1", "p95 #2", "p95 #2", "p95 #3",
    ]  # fmt: skip


def test_an_operator_holds_a_mode_for_the_window() -> None:
    """From its first tick to the first after it."""
    fault = {"kind": "override", "mode": "soft", "reason": "drill", "at": 10, "for": 10}
    handed = carried(*stage(fault), ticks=30)
    orders = [(each[0].tick, order) for each in handed for order in each[0].overrides]
    assert orders == [(10, Override(at_tick=10, until_tick=20, mode=Mode.SOFT, reason="drill"))]


def test_moments_lie_in_their_ticks_however_short_those_are() -> None:
    """0.3 s is tick 3 of 0.1 s, though 0.3 / 0.1 is less than 3."""
    found, recorder = stage({"kind": "override", "mode": "soft", "at": 0.3, "for": 0.4}, tick_s=0.1)
    recorder.env.run()
    (telemetry,) = found.telemetry
    (handed,) = telemetry.carry(Observations(9))
    assert (handed.overrides[0].at_tick, handed.overrides[0].until_tick) == (3, 7)


def test_a_process_in_python_acts_on_the_plant(tmp_path: Path) -> None:
    """From its start on, at the moments it chooses."""
    (tmp_path / "leak.py").write_text(
        "def leak(env, plant, fault):\n"
        "    for step in range(3):\n"
        "        plant.memory_ppm += fault.arguments['step']\n"
        "        yield env.timeout(2.5)\n"
    )
    fault = {
        "kind": "process",
        "process": f"{tmp_path / 'leak.py'}:leak",
        "arguments": {"step": 100},
        "at": 10,
        "for": 10,
    }
    _, recorder = stage(fault)
    recorder.env.run(until=13)
    assert (recorder.memory_ppm, recorder.now_s) == (200, 12.5)


def test_without_telemetry_only_the_upstream_is_struck() -> None:
    """A mock server has no controller to tell; rows stay those of the scenario."""
    scenario = Scenario.model_validate(
        {
            "scenario": "t",
            "title": "t",
            "warm_up": 0,
            "faults": [
                {"kind": "alert", "mode": "soft", "at": 1, "for": 1},
                {"kind": "memory", "level": 0.5, "at": 1, "for": 1},
                {"kind": "hang", "at": 1, "for": 1},
            ],
        }
    )
    recorder = Recorder()
    start(Stage(env=recorder.env, plant=recorder, telemetry=(), scenario=scenario, tick_s=1.0))
    recorder.env.run()
    assert [(at_s, row) for at_s, row, _ in recorder.written] == [(1, 0), (2, 0)]
    assert recorder.memory_ppm == 0
