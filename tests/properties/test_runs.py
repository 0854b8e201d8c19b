"""Laws that every run obeys, whatever traffic, faults and policy it has."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.journal import Entry
from balancer.core.policy import BudgetLimit, Policy
from balancer.core.pricing import NANO_USD
from balancer.core.replay import replay
from balancer.journal_file import open_journal
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.run.result import ARMS, Run
from sim.run.trajectories import Trajectories
from tests.sim.small_world import world, world_policy

pytestmark = pytest.mark.slow

DURATION_S = 90

WINDOWS = st.fixed_dictionaries(
    {"at": st.integers(0, DURATION_S - 1), "for": st.integers(1, 60)},
)
SHARES = st.floats(0.05, 1.0)
FACTORS = st.floats(1.5, 20.0)


def _fault(kind: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    own = st.fixed_dictionaries({"kind": st.just(kind), **values})
    return st.builds(lambda window, rest: {**window, **rest}, WINDOWS, own)


MODES = st.sampled_from(["soft", "hard", "emergency"])
FAULTS = st.one_of(
    _fault("latency", factor=FACTORS, share=SHARES),
    _fault("hang", share=SHARES),
    _fault("error", share=SHARES, error=st.sampled_from(["overloaded", "reset", "quota_minute"])),
    _fault("output", factor=FACTORS),
    _fault("cut", share=SHARES),
    _fault("delay", by=st.integers(1, 20)),
    _fault("loss", share=SHARES),
    _fault("override", mode=MODES),
    _fault("alert", mode=MODES, delay=st.integers(0, 20), copies=st.integers(1, 3)),
)

SCENARIOS = st.builds(
    lambda faults, rate, retries, concurrency, seed: world(
        duration=DURATION_S,
        warm_up=0,
        seed=seed,
        faults=faults,
        workload={
            "arrivals": {"process": "gamma", "cv": 1.5, "rate": rate},
            "classes": [
                {"name": "a", "share": 0.5, "priority": "low", "prompt": 500, "output": 100},
                {"name": "b", "share": 0.5, "priority": "high", "prompt": 900, "output": 300},
            ],
        },
        clients={
            "model": "big",
            "timeout": 15,
            "retries": retries,
            "patience": 25,
            "concurrency": concurrency,
        },
    ),
    st.lists(FAULTS, max_size=4),
    st.floats(0.5, 12.0),
    st.integers(0, 3),
    st.none() | st.integers(1, 30),
    st.integers(0, 2**40),
)

POLICIES = st.builds(
    lambda law, budget: world_policy(law=law, budgets=budget),
    st.sampled_from(["ladder", "threshold"]),
    st.just(()) | st.tuples(st.builds(BudgetLimit, usd=st.floats(0.01, 1.0), window_s=st.just(30))),
)


def journalled(scenario: Scenario, policy: Policy, arm: str) -> tuple[Run, list[Entry], bool]:
    """A run, its ticks, and whether its journal replays to the bit."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        found = simulate(scenario, policy, replication=0, arm=arm, journal=path)
        identical = replay(open_journal(path)).identical
        return found, list(open_journal(path)), identical


@settings(max_examples=40, deadline=None)
@given(scenario=SCENARIOS, policy=POLICIES, arm=st.sampled_from(ARMS))
def test_every_run_keeps_its_books(scenario: Scenario, policy: Policy, arm: str) -> None:
    """Requests, calls and money add up, and the journal replays.

    What the controller was not told (lost ticks) is missing from a journal, so the books of
    the calls are only checked where everything was told.
    """
    run, entries, identical = journalled(scenario, policy, arm)
    assert identical
    told = not any(fault.kind in ("loss", "delay") for fault in scenario.faults)
    started: Counter[tuple[int, str]] = Counter()
    spent = 0
    for seen, _ in entries:
        assert all(
            admitted + shed == offered
            for offered, admitted, shed in zip(seen.offered, seen.admitted, seen.shed, strict=True)
        )
        for part in seen.served:
            assert part.failed <= part.finished
            started[part.mode, part.model] += part.started - part.finished
            spent += part.nano_usd
            if told:
                assert started[part.mode, part.model] == part.ages.total
    if told:
        assert sum(started.values()) == 0
        assert round(run.metrics["observed_cost_usd"] * NANO_USD) == spent
        assert run.metrics["offered"] == sum(sum(seen.offered) for seen, _ in entries)
    assert run.metrics["answered"] <= run.metrics["admitted"] <= run.metrics["offered"]
    if arm != "none":  # where nobody keeps to a budget
        assert run.metrics["budget_overshoot_usd"] == 0.0


@settings(max_examples=20, deadline=None)
@given(scenario=SCENARIOS, policy=POLICIES)
def test_what_is_offered_depends_on_no_policy(scenario: Scenario, policy: Policy) -> None:
    """All arms see the same requests, whatever the policy does to them; some are asked again."""
    came = set()
    for arm in ARMS:
        found = simulate(scenario, policy, replication=3, arm=arm).metrics
        came.add(found["offered"] - found["reasked"])
    assert len(came) == 1


@settings(max_examples=20, deadline=None)
@given(scenario=SCENARIOS, policy=POLICIES)
def test_a_run_can_be_repeated_to_the_bit(scenario: Scenario, policy: Policy) -> None:
    """Nothing outlives a run that could change the next."""
    first, second = (simulate(scenario, policy, replication=1, arm="policy") for _ in range(2))
    assert repr(first) == repr(second)


@settings(max_examples=20, deadline=None)
@given(scenario=SCENARIOS, policy=POLICIES, factor=st.sampled_from([0.3, 1.0, 3.0]))
def test_a_run_is_the_same_beside_others(scenario: Scenario, policy: Policy, factor: float) -> None:
    """Whether its controller decides as another one did, for a while, or never."""
    rules = tuple(replace(rule, threshold=rule.threshold * factor) for rule in policy.rules)
    other = replace(policy, rules=rules)
    trajectories = Trajectories()
    for arm, under in {"policy": policy, "other": other, "static": policy}.items():
        beside = simulate(scenario, under, replication=0, arm=arm, trajectories=trajectories)
        assert repr(beside) == repr(simulate(scenario, under, replication=0, arm=arm))
