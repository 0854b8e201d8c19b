"""What is sent is what is simulated."""

from __future__ import annotations

import pytest

from balancer.core.errors import ScenarioError
from balancer.core.modes import Priority
from loadtests.traffic import plan_traffic, share_of
from sim.streams import replication_key
from sim.traffic.workload import generate

from .small import small_scenario

CLASSES = [
    {"name": "chat", "share": "60%"},
    {"name": "paying", "share": "40%", "priority": "high", "key": "tenant"},
]


def test_requests_are_those_of_the_simulation() -> None:
    """Index, arrival and prompt of every request are the workload's."""
    scenario = small_scenario()
    simulated = generate(scenario, replication_key(scenario.seed, 3))
    planned = plan_traffic(scenario, 3)
    assert [each.number for each in planned] == list(range(len(simulated)))
    assert [each.at_s for each in planned] == simulated["s"].tolist()
    assert [each.prompt_tokens for each in planned] == simulated["prompt"].tolist()


def test_classes_bring_their_priority_and_key() -> None:
    """A request carries the name, the priority and the tenant of its class."""
    scenario = small_scenario(workload={"arrivals": {"rate": 5}, "classes": CLASSES})
    kinds = {(each.klass, each.priority, each.key) for each in plan_traffic(scenario, 0)}
    assert kinds == {("chat", Priority.NORMAL, None), ("paying", Priority.HIGH, "tenant")}


def test_workers_share_the_requests_out() -> None:
    """Every request is sent by one of the workers, and each sends about as many."""
    planned = plan_traffic(small_scenario(), 0)
    shares = [share_of(planned, worker, 3) for worker in range(3)]
    assert sorted(each.number for share in shares for each in share) == list(range(len(planned)))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_more_requests_than_a_load_test_may_send_are_refused() -> None:
    """The message says how to lower them."""
    with pytest.raises(ScenarioError, match=r"rate=5"):
        plan_traffic(small_scenario(workload={"arrivals": {"rate": 10_000}}), 0)
