"""Observations and decisions as plain values: exact both ways, strict on the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from balancer.core.decisions import ADMIT_ALL, Decision, Limits, Stance, gates, one_hot
from balancer.core.errors import JournalError
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.core.tick_codec import (
    decision_from_plain,
    decision_to_plain,
    observations_from_plain,
    observations_to_plain,
)
from balancer.strategies import decisions, observations
from tests.core.builders import STRATEGIES, served, tick


def calm(index: int = 0, mode: Mode = Mode.NORMAL) -> Decision:
    """A decision with everything in one mode and nothing to explain."""
    mix = one_hot(mode)
    stance = Stance(mode=mode, mixes=(mix, mix, mix))
    return Decision(
        index, mode, mix, ADMIT_ALL, Limits(), (), stance.mixes, gates(stance, STRATEGIES)
    )


@given(observations())
def test_observations_survive_the_way_through_json(seen: Observations) -> None:
    """Whatever was observed is read back equal, value for value."""
    plain = json.loads(json.dumps(observations_to_plain(seen)))
    assert observations_from_plain(seen.tick, plain) == seen


@given(decisions(STRATEGIES))
def test_a_decision_survives_the_way_through_json(decided: Decision) -> None:
    """Whatever was decided is read back equal, look-up table included."""
    plain = json.loads(json.dumps(decision_to_plain(decided)))
    assert decision_from_plain(decided.tick, plain, (), STRATEGIES) == decided


def test_an_idle_tick_is_an_empty_object() -> None:
    """Zeros and empties are left out."""
    assert observations_to_plain(Observations(7)) == {}


def test_a_line_says_how_many_ticks_it_is_of_unless_it_is_one() -> None:
    """So that journals from before a late ticker was told of read the same, and are."""
    late = Observations(7, ticks=5)
    assert observations_to_plain(late) == {"ticks": 5}
    assert observations_from_plain(7, {"ticks": 5}) == late
    assert observations_from_plain(7, {}).ticks == 1


def test_a_line_of_no_tick_is_refused() -> None:
    """It would count what happened in no time."""
    with pytest.raises(JournalError, match="ticks: found 0, expected at least 1"):
        observations_from_plain(7, {"ticks": 0})


def test_a_calm_decision_is_its_mode() -> None:
    """What goes without saying is left out."""
    assert decision_to_plain(calm(), reasons=False) == {"mode": "normal"}


def test_a_histogram_is_a_flat_list_of_index_and_count() -> None:
    """Two samples of one second count in the bucket that ends at one second."""
    seen = tick(0, served(latencies=[1.0, 1.0]))
    assert observations_to_plain(seen)["served"][0]["latency"] == [-1, 2]


def test_requests_stand_in_a_line_by_mode() -> None:
    """Zeros and empties are left out here too."""
    seen = tick(0, served(latencies=[1.0], ages=[2.0], started=2))
    assert observations_to_plain(seen)["requests"] == [
        {"mode": "normal", "begun": 2, "answered": [-1, 1], "ages": [63, 1]}
    ]


SERVED: dict[str, Any] = {"mode": "soft", "model": "small"}


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        ([], "observations: found list, expected an object"),
        ({"weighting": 1}, "unknown key 'weighting' (did you mean 'waiting'?)"),
        ({"waiting": -1}, "waiting: found -1"),
        ({"waiting": True}, "waiting: found True"),
        ({"waiting": 1.0}, "waiting: found 1.0"),
        ({"waiting": 2**63}, "waiting: found 9223372036854775808"),
        ({"offered": 3}, "offered: found int, expected a list"),
        ({"offered": [1, 2]}, "offered: found 2 values, expected 3"),
        ({"served": {}}, "served: found dict, expected a list"),
        ({"served": [{"mode": "soft"}]}, "model is None, expected a text"),
        ({"served": [{"mode": "mild", "model": "m"}]}, "mode: found 'mild'"),
        ({"served": [{"mode": ["soft"], "model": "m"}]}, "mode: found ['soft']"),
        ({"served": [SERVED, SERVED]}, "a mode and model occur twice"),
        ({"served": [SERVED | {"failures": {"broken": 1}}]}, "failures: unknown key 'broken'"),
        ({"served": [SERVED | {"latency": [1]}]}, "latency: an odd number of values"),
        ({"served": [SERVED | {"latency": [1, 1.5]}]}, "latency: a bucket or count is no whole"),
        ({"served": [SERVED | {"latency": [1, 2**31]}]}, "latency: a bucket or count is no whole"),
        ({"served": [SERVED | {"latency": [2, 1, 1, 1]}]}, "latency: buckets are not in ascending"),
        ({"served": [SERVED | {"latency": [1, 0]}]}, "latency: a count is not positive"),
        ({"served": [SERVED | {"latency": [9000, 1]}]}, "latency: a histogram index is outside"),
        ({"requests": {}}, "requests: found dict, expected a list"),
        ({"requests": [{"begun": 1}]}, "mode: found None"),
        ({"requests": [{"mode": "soft"}, {"mode": "soft"}]}, "requests: a mode occurs twice"),
        ({"requests": [{"mode": "soft", "begun": -1}]}, "begun: found -1"),
        ({"requests": [{"mode": "soft", "failed": [1]}]}, "failed: an odd number of values"),
        ({"requests": [{"mode": "soft", "shed": 1}]}, "requests: unknown key 'shed'"),
        ({"alerts": [{"key": "a", "at_tick": 1}]}, "alerts: key 'mode' is missing"),
        ({"overrides": [3]}, "overrides: found 3, expected an object"),
    ],
)
def test_observations_nobody_wrote_are_refused(plain: object, problem: str) -> None:
    """An error says what was found and where."""
    with pytest.raises(JournalError) as caught:
        observations_from_plain(0, plain)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        ({}, "mode: found None"),
        ({"mode": "soft", "mix": [0, 1, 0, 0]}, "mix and mixes are given together"),
        ({"mode": "soft", "mix": [0, 1, 0, 0], "mixes": []}, "mixes: found 0 values, expected 3"),
        ({"mode": "soft", "mix": [0, 0, 0, 0], "mixes": []}, "mix: the shares [0, 0, 0, 0] do not"),
        ({"mode": "soft", "admit": [1, 1, 2]}, "admit: found 2, expected a share"),
        ({"mode": "soft", "admit": [1, 1, float("nan")]}, "admit: found nan"),
        ({"mode": "soft", "limits": {"max_starts": 1.5}}, "limits.max_starts: found 1.5"),
        ({"mode": "soft", "reasons": "why"}, "reasons: found str, expected a list"),
        ({"mode": "soft", "weather": 1}, "decision: unknown key 'weather'"),
    ],
)
def test_a_decision_nobody_took_is_refused(plain: object, problem: str) -> None:
    """An error says what was found and where."""
    with pytest.raises(JournalError) as caught:
        decision_from_plain(0, plain, (), STRATEGIES)
    assert problem in str(caught.value)
