"""Two services of a fleet on a real store: what the API of one puts in force, both serve by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from balancer.fleet import Fleet
from balancer.policy_file import parse_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import Clock
from tests.service.conftest import AT_ONCE, UNCHANGED, Service, serving
from tests.waiting import until

from .conftest import Server

Two = tuple[Service, Service]


@pytest.fixture
def two(store: Server, tmp_path: Path) -> Iterator[Two]:
    """Services that are together."""
    with ExitStack() as stack:
        made = []
        for number in range(2):
            fleet = Fleet(url=store.url, replica=f"r{number}", timeout_s=2.0)
            balancer = Balancer(
                parse_policy(UNCHANGED), settings=AT_ONCE, clock=Clock(5.0), fleet=fleet
            )
            folder = tmp_path / f"data-{number}"
            made.append(stack.enter_context(serving(folder, balancer=balancer, fleet=fleet)))
        until(lambda: all(_replicas(each) == 2 for each in made), "they are together")
        yield made[0], made[1]


def _replicas(service: Service) -> int:
    standing = service.balancer.status().fleet
    return 0 if standing is None or standing.place == "alone" else standing.replicas


def _version(service: Service) -> dict[str, object]:
    with service.client() as client:
        found = client.get("/api/history/policies").json()
    return dict(found["entries"][0])


@pytest.mark.slow
def test_a_policy_put_at_one_service_is_in_force_at_both(two: Two) -> None:
    """And in the history of both; the other one's API takes it back for both."""
    first, second = two
    with first.client() as client:
        policy = {"policy": UNCHANGED.replace("unchanged", "firm"), "reason": "a trial"}
        taken = client.put("/api/brownout", json=policy)
        assert taken.status_code == 200, taken.text
        assert first.balancer.policy.name == "firm"
    until(lambda: second.balancer.policy.name == "firm", "the other has it")
    until(lambda: _version(second)["name"] == "firm", "it is in its history")
    assert _version(second)["reason"] == "a trial (by replica r0)"
    with second.client() as client:
        taken = client.put("/api/brownout", json={"version": 1, "reason": "back"})
        assert taken.status_code == 200, taken.text
    until(lambda: first.balancer.policy.name == "unchanged", "it is back at both")


def test_a_service_that_is_alone_takes_no_policy_and_says_why(two: Two, store: Server) -> None:
    """Nothing is changed, so that nothing differs when it is back."""
    first, _ = two
    store.stop()
    until(lambda: _replicas(first) == 0, "it is alone")
    with first.client() as client:
        policy = {"policy": UNCHANGED.replace("unchanged", "firm"), "reason": "a trial"}
        refused = client.put("/api/brownout", json=policy)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "this replica is alone" in refused.json()["error"]["message"]
    assert first.balancer.policy.name == "unchanged"


def test_a_policy_with_ticks_of_another_length_is_none_of_a_fleet_s(two: Two) -> None:
    """It is told what is wrong with it."""
    with two[0].client() as client:
        policy = {"policy": UNCHANGED + "\ntick: 2s", "reason": "a trial"}
        refused = client.put("/api/brownout", json=policy)
    assert refused.status_code == 422
    assert "ticks are of 2 s" in refused.json()["error"]["message"]
