"""Requests drawn a chunk at a time: the same to the bit, in memory that no length adds to."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.policy import BudgetLimit
from scenarios.schema import Scenario
from sim.plant.plant import Plant
from sim.run.engine import simulate
from sim.run.result import ARMS
from sim.streams import replication_key
from sim.traffic.workload import REQUEST, Traffic, generate
from tests.sim.small_world import SLOW, world, world_policy

from .worlds import policy, requests, scenario

pytestmark = pytest.mark.slow

KEY = replication_key(5, 0)
DURATION_S = 60

PATTERNS = st.sampled_from(
    [
        [],
        [{"kind": "spike", "at": 20, "for": 10, "factor": 5}],
        [
            {"kind": "step", "at": 10, "factor": 0},
            {"kind": "ramp", "at": 30, "over": 20, "factor": 2},
        ],
        [{"kind": "diurnal", "period": 40, "amplitude": 0.9, "peak_at": 0}],
    ]
)
ARRIVALS = st.fixed_dictionaries(
    {
        "process": st.sampled_from(["constant", "poisson", "gamma"]),
        # Rates that are the same, or multiples, make streams meet at one moment.
        "rate": st.sampled_from([0.01, 1.0, 2.0, 4.0]),
        "cv": st.sampled_from([0.3, 2.0]),
        "pattern": PATTERNS,
    }
)
CHUNKS = st.one_of(st.integers(1, 12), st.integers(1, 1000))
OWN = st.lists(ARRIVALS, max_size=3)


def traffic_of(arrivals: dict[str, Any], own: list[dict[str, Any]], **fields: Any) -> Scenario:
    """Traffic of two classes that share arrivals, and of some with arrivals of their own."""
    classes: list[dict[str, Any]] = [
        {"name": "a", "share": 0.4, "priority": "low", "key": "k", "mistakes": 0.1},
        {"name": "b", "share": 0.6, "priority": "high", "prompt": 300},
    ]
    classes[1:1] = [{"name": f"own {k}", "arrivals": each} for k, each in enumerate(own)]
    return world(
        duration=DURATION_S,
        warm_up=5,
        workload={"arrivals": arrivals, "classes": classes},
        **fields,
    )


def recorded(folder: str) -> dict[str, Any]:
    """A trace with requests at one moment, and some without tokens."""
    path = Path(folder) / "trace.csv"
    rows = [f"{k // 3},{100 + k},{k % 5}" for k in range(40)]
    path.write_text("Timestamp,Request tokens,Response tokens\n" + "\n".join(rows) + "\n")
    return {"trace": str(path), "format": "burstgpt"}


@settings(max_examples=150, deadline=None)
@given(
    arrivals=ARRIVALS,
    own=OWN,
    replicas=st.integers(1, 3),
    traced=st.booleans(),
    chunk=CHUNKS,
)
def test_chunks_are_the_requests_drawn_at_once(
    arrivals: dict[str, Any], own: list[dict[str, Any]], replicas: int, traced: bool, chunk: int
) -> None:
    """Whatever their size, in whatever way requests come; only the last chunk may be smaller."""
    with TemporaryDirectory() as folder:
        if traced:
            arrivals = recorded(folder)
        of = traffic_of(arrivals, own, replicas=replicas)
        whole = generate(of, KEY)
        traffic = Traffic(of, KEY, chunk=chunk)
        first, again = list(traffic), list(traffic)
    joined = np.concatenate([np.zeros(0, REQUEST), *first])
    assert joined.tobytes() == whole.tobytes()
    assert [len(each) for each in first] == [len(each) for each in again]
    assert all(len(each) == chunk for each in first[:-1])
    assert all(0 < len(each) <= chunk for each in first)
    assert np.concatenate([np.zeros(0, REQUEST), *again]).tobytes() == whole.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    arrivals=ARRIVALS,
    own=OWN,
    replicas=st.integers(1, 2),
    share=st.sampled_from([0.0, 0.9]),
    concurrency=st.none() | st.integers(1, 10),
    budgets=st.just(()) | st.just((BudgetLimit(usd=0.05, window_s=30),)),
    arm=st.sampled_from(ARMS),
    chunk=CHUNKS,
)
def test_a_run_is_the_same_whatever_the_chunks(
    arrivals: dict[str, Any],
    own: list[dict[str, Any]],
    replicas: int,
    share: float,
    concurrency: int | None,
    budgets: tuple[BudgetLimit, ...],
    arm: str,
    chunk: int,
) -> None:
    """Journal and metrics, to the byte: also where users wait, and come back much later."""
    clients = {
        "model": "big",
        "timeout": 10,
        "patience": 20,
        "retries": 1,
        "concurrency": concurrency,
        "reasks": {"share": share, "after": 15},
    }
    of = traffic_of(
        arrivals, own, replicas=replicas, clients=clients, faults=[SLOW | {"at": 10, "for": 20}]
    )
    under = world_policy(budgets=budgets)
    with TemporaryDirectory() as folder:
        path, other = Path(folder) / "whole.jsonl", Path(folder) / "chunks.jsonl"
        whole = simulate(of, under, replication=0, arm=arm, journal=path)
        traffic = Traffic(of, replication_key(of.seed, 0), chunk=chunk)
        found = simulate(of, under, replication=0, arm=arm, journal=other, traffic=traffic)
        assert other.read_bytes() == path.read_bytes()
    assert repr(found) == repr(whole)


def test_few_requests_are_drawn_once_for_all_arms() -> None:
    """More than fit into a chunk are drawn again, so that they need not be kept."""
    of = traffic_of({"process": "poisson", "rate": 4}, [])
    few, many = Traffic(of, KEY), Traffic(of, KEY, chunk=100)
    assert next(iter(few)) is next(iter(few))
    assert next(iter(many)) is not next(iter(many))


def test_latencies_are_kept_over_chunks() -> None:
    """One a request, in the order they came."""
    rows = requests(0.0, 5.0, 9.0, output=[10, 100, 20])
    run = Plant(scenario(), policy(), [rows[:2], rows[2:]], KEY, keep_latencies=True)
    run.drain()
    assert run.latencies == pytest.approx([0.6, 1.5, 0.7])


def test_a_run_is_empty_once_its_last_chunk_has_had_its_outcomes() -> None:
    """And not between two chunks, when nobody is under way either."""
    rows = requests(0.0, 50.0)
    run = Plant(scenario(), policy(), [rows[:1], rows[1:]], KEY)
    run.advance(10.0)
    assert not run.empty
    run.advance(100.0)
    assert run.empty
    nobody = Plant(scenario(), policy(), [], KEY)
    nobody.advance(1.0)
    assert nobody.empty


def test_a_run_of_many_chunks_takes_the_memory_of_a_few() -> None:
    """Twenty times the requests, and not a tenth more at its most; all of them would be 26 MB."""
    few, many = (_peak_bytes(count * 40.0) for count in (1, 20))
    assert many < 1.1 * few < 13_000_000


def _peak_bytes(duration_s: float) -> int:
    """Most memory of a run of 1,000 requests a second, in chunks of 10,000."""
    arrivals = {"process": "poisson", "rate": 1000}
    of = scenario(duration=duration_s, workload={"arrivals": arrivals})
    Plant(of, policy(), Traffic(of, KEY, chunk=10_000), KEY).advance(1.0)
    tracemalloc.start()
    try:
        run = Plant(of, policy(), Traffic(of, KEY, chunk=10_000), KEY)
        run.drain()
        found = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert run.totals().offered == pytest.approx(1000 * duration_s, rel=0.05)
    return found
