"""The public strategies: what they draw is valid, and says so when Hypothesis is missing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from balancer import strategies
from balancer.core.errors import MisuseError
from balancer.core.policy import LAWS, Policy
from balancer.strategies import FAULT_LEVELS, FaultBounds, TimedFault
from scenarios.schema import Scenario

HOUR = FaultBounds(from_s=300.0, until_s=3600.0)


@pytest.mark.slow
@given(st.data(), st.sampled_from(LAWS))
def test_policies_have_the_law_that_was_asked_for(data: st.DataObject, law: str) -> None:
    """Any policy is one that its own checks accept."""
    policy: Policy = data.draw(strategies.policies(law))
    assert policy.law == law
    assert policy.rules


def test_a_law_that_does_not_exist_is_refused() -> None:
    """At once, and not when the first policy is drawn."""
    with pytest.raises(MisuseError, match="unknown law 'steps'; known: ladder"):
        strategies.policies("steps")


@pytest.mark.parametrize("kind", FAULT_LEVELS)
def test_every_level_of_a_fault_is_one_of_the_scenario_format(kind: str) -> None:
    """Ten of each kind, all different."""
    entries = [
        TimedFault(level=level, duration_s=60.0, kind=kind, at_s=300.0).entry()
        for level in range(10)
    ]
    scenario = Scenario.model_validate({"scenario": "a", "title": "b", "faults": entries})
    assert len(set(map(repr, scenario.faults))) == len(FAULT_LEVELS[kind]) == 10


@given(strategies.fault_timelines(HOUR))
def test_timelines_keep_to_their_bounds(timeline: tuple[TimedFault, ...]) -> None:
    """In number, in time and in order."""
    assert len(timeline) <= HOUR.most
    assert [fault.at_s for fault in timeline] == sorted(fault.at_s for fault in timeline)
    for fault in timeline:
        assert HOUR.from_s <= fault.at_s <= fault.at_s + fault.duration_s <= HOUR.until_s


def test_timelines_shrink_to_the_mildest() -> None:
    """Of all errors of at least 30 % for a minute: one, just so bad, just so long, at once."""
    found = find(
        strategies.fault_timelines(HOUR),
        lambda timeline: any(
            fault.kind == "error" and fault.level >= 5 and fault.duration_s >= 60.0
            for fault in timeline
        ),
        settings=settings(database=None, max_examples=500),
    )
    assert found == (TimedFault(level=5, duration_s=60.0, kind="error", at_s=300.0),)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kinds": ("flood",)}, "found 'flood'"),
        ({"kinds": ()}, "found none"),
        ({"levels": 11}, "1 to 10 levels"),
        ({"until_s": 600.0}, "does not fit between 300 s and 600 s"),
    ],
)
def test_bounds_that_no_fault_fits_are_refused(change: dict[str, Any], problem: str) -> None:
    """With what was found."""
    with pytest.raises(MisuseError, match=problem):
        FaultBounds(**{"from_s": 300.0, "until_s": 3600.0, **change})


def test_without_hypothesis_one_message_says_what_to_install() -> None:
    """`import balancer` still works."""
    script = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import balancer\n"
        "try:\n    import balancer.strategies\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "balancer.strategies needs hypothesis, which the extra 'test' brings; install it: "
        "pip install hypothesis\n"
    )
