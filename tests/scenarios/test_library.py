"""The scenarios that ship: readable, documented, and what they say they are."""

from __future__ import annotations

import pytest

from scenarios.loader import library, load
from sim.expectations import expected

NAMES = ("conversation_overload", "cost_spike", "error_storm", "latency_spike", "steady")


def test_the_library_holds_the_five_scenarios() -> None:
    """No more and no fewer, so that a new one is documented on purpose."""
    assert tuple(library()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_library_scenario_says_what_it_teaches_and_where_it_comes_from(name: str) -> None:
    """Its name is its file's; it asks a question, and names its sources."""
    scenario = load(name).scenario
    assert scenario.scenario == name
    assert scenario.title.endswith("?")
    assert scenario.teaches
    assert scenario.source


@pytest.mark.parametrize("name", NAMES)
def test_the_expectations_of_a_library_scenario_can_be_judged(name: str) -> None:
    """Each names faults and metrics that exist, and leaves time to be met in."""
    assert expected(load(name).scenario)


def test_the_overload_replays_any_trace() -> None:
    """The pattern and the quotas stay when recorded traffic takes the synthetic one's place."""
    overrides = ["workload.arrivals.trace=x.csv", "workload.arrivals.format=azure"]
    arrivals = load("conversation_overload", overrides).scenario.workload.arrivals
    assert arrivals.pattern == load("conversation_overload").scenario.workload.arrivals.pattern
    assert arrivals.format == "azure"
