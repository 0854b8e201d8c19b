"""Arms and scenarios on one pool of workers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from balancer.core.errors import InputError
from sim.study import replications
from sim.study.replications import Plan, Runs, replicate
from sim.traffic.workload import Traffic
from tests.sim.small_world import SLOW, world, world_policy

POLICY = world_policy()
ARMS = {"ladder": POLICY, "other": POLICY, "none": POLICY}


def plan(name: str = "world", replications: range = range(2)) -> Plan:
    """A short world in three arms, two of them the same."""
    scenario = world(scenario=name, duration=40, warm_up=5, faults=[{**SLOW, "at": 10, "for": 20}])
    return Plan(scenario=scenario, arms=ARMS, replications=replications)


def test_all_arms_of_a_replication_see_the_same_requests() -> None:
    """Two arms with the same policy come out the same in everything."""
    (runs,) = replicate([plan()], workers=1)
    assert [run.metrics for run in runs["ladder"]] == [run.metrics for run in runs["other"]]
    assert runs["none"][0].metrics["offered"] == runs["ladder"][0].metrics["offered"]


def test_later_replications_can_be_added() -> None:
    """A range that starts later gives the same runs as one that holds it."""
    (every,) = replicate([plan(replications=range(3))], workers=1)
    (later,) = replicate([plan(replications=range(1, 3))], workers=1)
    assert later["ladder"] == every["ladder"][1:]


def test_each_plan_is_told_of_when_it_is_finished() -> None:
    """With its place and all of its runs."""
    told: dict[int, Runs] = {}
    found = replicate([plan("a"), plan("b")], workers=1, finished=told.__setitem__)
    assert [told[0], told[1]] == list(found)


def test_progress_counts_the_runs_of_all_plans() -> None:
    """Three arms, two replications, two scenarios."""
    seen: list[tuple[int, int]] = []
    replicate([plan("a"), plan("b")], workers=1, progress=lambda *now: seen.append(now))
    assert seen[0] == (3, 12)
    assert seen[-1] == (12, 12)


def test_progress_tells_how_far_a_long_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every chunk of its requests but the first; and it changes no run.

    The second arm decides as the first did, and is not simulated again.
    """
    seen: list[tuple[float, int]] = []
    expected = replicate([plan("a")], workers=1)
    monkeypatch.setattr("sim.study.replications.Traffic", partial(Traffic, chunk=60))
    found = replicate([plan("a")], workers=1, progress=lambda *now: seen.append(now))
    assert repr(found) == repr(expected)
    counts = [count for count, _ in seen]
    assert counts == sorted(counts)
    assert {count for count in counts if count == int(count)} == {3, 6}
    parts = [count for count in counts if count != int(count)]
    # About 200 requests are three or four chunks.
    told = [[int(part) for part in parts].count(run) for run in range(6)]
    assert told[1] == told[4] == 0
    assert all(2 <= told[run] <= 3 for run in (0, 2, 3, 5))
    assert {total for _, total in seen} == {6}


def test_arms_of_a_long_plan_are_divided_and_come_out_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In parts of eight or more, told of together when all are there."""
    arms = {f"arm {number}": POLICY for number in range(17)}
    whole = replace(plan(), arms=arms)
    (expected,) = replicate([whole], workers=1)
    monkeypatch.setattr(replications, "LONG_S", 0.0001)
    seen: list[tuple[float, int]] = []
    told: dict[int, Runs] = {}
    (found,) = replicate(
        [whole],
        workers=1,
        progress=lambda *now: seen.append(now),
        finished=told.__setitem__,
    )
    assert seen == [(9, 34), (17, 34), (26, 34), (34, 34)]
    assert found == expected == told[0]
    assert list(found) == list(arms)


def test_every_arm_has_a_journal_of_the_first_replication(tmp_path: Path) -> None:
    """Named after scenario and arm."""
    replicate([plan()], workers=1, out=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"world.{arm}.0.jsonl" for arm in ARMS}


def test_nothing_runs_where_one_plan_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the last must not cost the time of the first."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("something ran")

    monkeypatch.setattr(replications, "simulate", never)
    with pytest.raises(InputError, match="replications is 0"):
        replicate([plan("a"), plan("b", range(0))], workers=1)


def test_an_arm_that_breaks_is_an_error_that_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a run left out: law, scenario, replication and seed are noted."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(replications, "simulate", broken)
    with pytest.raises(ZeroDivisionError) as caught:
        replicate([plan()], workers=1)
    (note,) = caught.value.__notes__
    assert note == "in replication 0 of world, arm ladder, law ladder, seed 1"
