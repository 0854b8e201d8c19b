"""Which scenarios can be played live, and the messages that a controller then gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balancer.core.errors import ScenarioError
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Override
from balancer.policy_file import default_policy
from loadtests.playable import check_playable
from sim.run.messages import scheduled_messages

from .small import small_scenario

ALERT = {"kind": "alert", "name": "page", "mode": "soft", "at": 10, "for": 20, "delay": "5s"}
ORDER = {"kind": "override", "mode": "hard", "at": 12, "for": 3, "reason": "drill"}
STORM = {"kind": "error", "at": 1, "for": 5}


def test_messages_come_in_order_with_their_delay() -> None:
    """Faults of the upstream are no messages."""
    found = scheduled_messages(
        small_scenario(faults=[STORM, ALERT, ORDER]), default_policy().tick_s
    )
    assert [at_s for at_s, _ in found] == [12.0, 15.0, 35.0]
    order, raised, cleared = (message for _, message in found)
    assert isinstance(order, Override)
    assert (order.mode, order.until_tick, order.reason) == (Mode.HARD, 15, "drill")
    assert isinstance(raised, Alert)
    assert isinstance(cleared, Alert)
    assert (raised.raised, raised.at_tick, cleared.raised) == (True, 10, False)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "delay", "by": "5s", "at": 1, "for": 5},
        {"kind": "loss", "at": 1, "for": 5},
        {"kind": "memory", "level": "90%", "at": 1, "for": 5},
    ],
)
def test_what_only_a_simulated_controller_can_suffer_is_refused(fault: dict[str, Any]) -> None:
    """The message names the fault."""
    with pytest.raises(ScenarioError, match=r"exists in the simulator only"):
        check_playable(small_scenario(faults=[fault]), default_policy())


def test_a_monitoring_service_that_watches_from_outside_is_refused() -> None:
    """Beside a law, or as all that one hears."""
    policy = default_policy()
    with pytest.raises(ScenarioError, match=r"small: monitors"):
        check_playable(small_scenario(monitors={"alongside": True}), policy)
    with pytest.raises(ScenarioError, match=r"simulator only"):
        check_playable(small_scenario(), replace(policy, law="alerts"))


def test_mistakes_of_callers_are_refused() -> None:
    """A live client sends what a model could answer."""
    workload = {"classes": [{"name": "shop", "mistakes": 0.2}]}
    with pytest.raises(ScenarioError, match=r"class 'shop': mistakes .* simulator only"):
        check_playable(small_scenario(workload=workload), default_policy())


def test_a_scenario_of_upstream_faults_and_messages_can_be_played() -> None:
    """Nothing is refused."""
    check_playable(small_scenario(faults=[STORM, ALERT, ORDER]), default_policy())
