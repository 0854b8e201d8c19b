"""What an address asks, and what cannot be meant."""

from __future__ import annotations

import pytest

from balancer.service.problems import Problem
from sim.playground.page.question import question


def test_an_address_says_everything() -> None:
    """Scenario, policy, numbers, what they were, and the tab."""
    asked = question(
        {
            "on": "latency_spike",
            "base": "version-12",
            "ladder.hold": "90s",
            "rules.0.above": "6s",
            "was.ladder.hold": "2m",
            "tab": "x",
            "have": "a,b",
        }
    )
    assert (asked.scenario, asked.base, asked.version) == ("latency_spike", "version", 12)
    assert asked.amounts == {"ladder.hold": "90s", "rules.0.above": "6s"}
    assert (asked.was, asked.against) == ({"ladder.hold": "2m"}, True)
    assert (asked.tab, asked.have) == ("x", ("a", "b"))


def test_an_hour_is_a_stretch_of_the_journal() -> None:
    """From one scenario second to another; before it, nothing was moved."""
    asked = question({"on": "hour:7200-10800", "was": "base"})
    assert (asked.scenario, asked.hour, asked.base) == ("", (7200, 10800), "force")
    assert (asked.was, asked.against) == ({}, True)
    assert not question({"on": "steady"}).against


@pytest.mark.parametrize(
    ("query", "where", "said"),
    [
        ({}, "on", "expected a scenario of the library, or hour:FROM-TO"),
        ({"on": "../etc/passwd"}, "on", "expected a scenario"),
        ({"on": "hour:0-100"}, "on", "expected 300 to 21600"),
        ({"on": "hour:200-100"}, "on", "expected 300 to 21600"),
        ({"on": "steady", "base": "mine"}, "base", "expected force, default, own or version-N"),
        ({"on": "steady", "hold": "3m"}, "hold", "is none of on, base, was, tab, have"),
        ({"on": "steady", "x" * 121 + ".y": "1"}, "x" * 120, "longer than 120 characters"),
        ({"on": "steady"} | {f"rules.{i}.above": "1s" for i in range(65)}, "on", "more than 64"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_name(
    query: dict[str, str], where: str, said: str
) -> None:
    """A 422 with one message."""
    with pytest.raises(Problem) as refused:
        question(query)
    assert refused.value.status == 422
    assert refused.value.where == where
    assert said in refused.value.message
