"""An application of several processes, each with a controller that sees its own traffic alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balancer.core.modes import Mode
from balancer.core.observations import merge_replicas
from balancer.core.policy import BudgetLimit
from balancer.journal_file import open_journal
from sim.plant.plant import Plant
from sim.run.engine import simulate
from sim.run.fleet import Fleet
from sim.streams import replication_key
from sim.traffic.workload import Traffic, generate
from tests.sim.small_world import SLOW, world, world_policy

from .worlds import decision, policy

KEY = replication_key(1, 0)


def test_traffic_is_spread_evenly() -> None:
    """Each request comes to one of them, whichever."""
    found = generate(world(replicas=5, duration=2000), KEY)["replica"]
    counts = np.bincount(found)
    assert len(counts) == 5
    assert counts.min() > 0.9 * len(found) / 5


def test_the_requests_are_the_same_whatever_the_number_of_replicas() -> None:
    """But for where they come to."""
    one, many = generate(world(), KEY), generate(world(replicas=7), KEY)
    for name in ("s", "prompt", "output", "priority"):
        assert (one[name] == many[name]).all()


def test_what_replicas_see_adds_up_to_what_one_would() -> None:
    """Tick by tick, ages of calls in flight included."""
    under = world_policy(law="none")
    plants = [Plant(each, under, Traffic(each, KEY), KEY) for each in (world(), world(replicas=4))]
    for tick in range(100):
        for each in plants:
            each.advance(tick + 1.0)
        whole = plants[0].observe(tick)
        parts = [plants[1].observe(tick, replica) for replica in range(4)]
        assert merge_replicas(parts) == whole


def test_a_decision_governs_its_own_replica() -> None:
    """The others stay as they are."""
    of, under = world(replicas=2), world_policy()
    requests = generate(of, KEY)
    run = Plant(of, under, [requests], KEY)
    run.apply(decision(under, admit=(0.0, 0.0, 0.0)), 1)
    run.advance(50.0)
    for replica, shed in ((0, False), (1, True)):
        seen = run.observe(0, replica)
        assert sum(seen.offered) > 0
        assert sum(seen.shed) == (sum(seen.offered) if shed else 0)


def test_places_are_shared_out() -> None:
    """Each process has its part of the application's concurrency, and a queue of its own."""
    of = world(replicas=2, clients={"model": "big", "concurrency": 4})
    run = Plant(of, world_policy(), Traffic(of, KEY), KEY)
    run.advance(60.0)
    for replica in range(2):
        seen = run.observe(0, replica)
        assert seen.waiting > 0
        assert sum(row.ages.total for row in seen.served) == 2


def test_each_replica_enforces_the_whole_budget() -> None:
    """As processes do that do not talk to each other: together they overshoot it."""
    under = world_policy(budgets=(BudgetLimit(usd=0.05, window_s=60.0),))
    one = simulate(world(), under, replication=0, arm="policy").metrics
    four = simulate(world(replicas=4), under, replication=0, arm="policy").metrics
    assert one["budget_overshoot_usd"] == 0.0
    assert four["budget_overshoot_usd"] > 0.0
    assert four["refused_share"] < one["refused_share"]


def test_one_replica_of_many_finds_a_fault_later() -> None:
    """It has a part of the evidence."""
    found = [
        simulate(world(replicas=count, faults=[SLOW]), world_policy(), replication=0, arm="policy")
        for count in (1, 8)
    ]
    alone, fleet = (run.transitions[0].at_s for run in found)
    assert alone < fleet < 200.0
    assert found[1].transitions[0].after is Mode.SOFT


def test_the_journal_is_of_the_first_replica(tmp_path: Path) -> None:
    """One controller, which sees about a quarter of the traffic."""
    path = tmp_path / "journal.jsonl"
    found = simulate(world(replicas=4), world_policy(), replication=0, arm="policy", journal=path)
    seen = sum(sum(entry.observations.offered) for entry in open_journal(path))
    assert seen == pytest.approx(found.metrics["offered"] / 4, rel=0.25)


def test_a_fleet_is_in_a_mode_when_half_of_it_is() -> None:
    """Of four the second; and it has moved as often as its replicas did in the mean."""
    under = policy()
    fleet = Fleet(4, decision(under))
    for at_s, place in ((10.0, 0), (11.0, 2), (12.0, 3)):
        fleet.govern(at_s, place, decision(under, Mode.SOFT))
    assert [(each.at_s, each.after) for each in fleet.transitions] == [(11.0, Mode.SOFT)]
    assert fleet.moves(12.0) == 0.5
    assert fleet.moves(100.0) == 0.75
    assert [(each.at_s, each.back) for each in fleet.servings][:2] == [(0.0, True), (10.0, False)]


def test_beside_a_fleet_s_mode_is_what_some_of_it_serves() -> None:
    """Those that went first, and then those that have stayed."""
    under = policy()
    fleet = Fleet(4, decision(under))
    for at_s, place in ((10.0, 0), (11.0, 2), (12.0, 3), (13.0, 1)):
        fleet.govern(at_s, place, decision(under, Mode.SOFT))
    assert [(each.at_s, each.beside) for each in fleet.servings] == [
        (0.0, None), (10.0, Mode.SOFT), (11.0, Mode.NORMAL), (13.0, None),
    ]  # fmt: skip
