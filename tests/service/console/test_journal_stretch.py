"""The stretch of the journal that a run is given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import ManualClock
from balancer.service.console.journal_stretch import last_hours, stretch


def played(journal: Path) -> Balancer:
    """A balancer whose policy was changed shortly before its end."""
    clock = ManualClock()
    balancer = Balancer(default_policy(), clock=clock, journal=journal)
    for number in range(60):
        if number == 50:
            balancer.use(replace(default_policy(), name="another"))
        clock.advance(1.0)
        balancer.tick()
    return balancer


def test_the_last_hour_is_of_the_policy_that_had_the_most_of_it(tmp_path: Path) -> None:
    """One that was put in force a moment ago has too little to be fitted."""
    balancer = played(tmp_path / "journal.jsonl")
    balancer.close()
    found = last_hours(balancer, 1)
    assert found is not None
    header, *ticks = [json.loads(line) for line in found.splitlines()]
    assert header["policy"]["name"] == "default"
    assert len(ticks) >= 49


def test_a_stretch_holds_its_own_ticks_only(tmp_path: Path) -> None:
    """And there is none where the journal has none."""
    balancer = played(tmp_path / "journal.jsonl")
    balancer.close()
    found = stretch(balancer, 52.0, 57.0)
    assert found is not None
    header, *ticks = [json.loads(line) for line in found.splitlines()]
    assert header["policy"]["name"] == "another"
    assert [tick["tick"] for tick in ticks] == [52, 53, 54, 55, 56, 57]
    assert stretch(balancer, 500.0, 600.0) is None


def test_a_stretch_of_ticks_of_another_length_is_of_the_same_time(tmp_path: Path) -> None:
    """Those of a file are as long as its policy says, whatever holds now."""
    clock = ManualClock(3600.0)
    balancer = Balancer(default_policy(), clock=clock, journal=tmp_path / "journal.jsonl")
    for _ in range(60):
        clock.advance(1.0)
        balancer.tick()
    balancer.use(replace(default_policy(), tick_s=2.0))
    clock.advance(2.0)
    balancer.tick()
    balancer.close()
    found = stretch(balancer, 3600.0, 3659.0)
    assert found is not None
    _, *ticks = [json.loads(line).get("tick") for line in found.splitlines()]
    assert (ticks[0], ticks[-1]) == (3600, 3659)
