"""Queues and shared processors, call by call; `tests/theory` holds them against theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scenarios.schema import Scenario
from sim.plant.plant import Plant
from sim.run.engine import simulate
from sim.streams import replication_key

from .worlds import policy, requests


def _latencies(*times_s: float, clients: dict[str, Any] | None = None, **upstream: Any) -> Any:
    """Latencies of calls that each need one second of one server; NaN where refused."""
    of = Scenario.model_validate(
        {
            "scenario": "queue",
            "title": "A queue",
            "duration": 100,
            "warm_up": 0,
            "upstream": {"kind": "queue", "service": "deterministic", **upstream},
            "clients": {"timeout": 50, **(clients or {})},
        }
    )
    run = Plant(of, policy(), [requests(*times_s)], replication_key(1, 0), keep_latencies=True)
    run.drain()
    return np.round(run.latencies, 9).tolist()


def test_calls_are_served_in_order() -> None:
    """One server, a second each."""
    assert _latencies(0.0, 0.5, 0.75) == [1.0, 1.5, 2.25]


def test_servers_work_side_by_side() -> None:
    """The third call waits for the first of two."""
    assert _latencies(0.0, 0.5, 0.75, servers=2) == [1.0, 1.0, 1.25]


def test_a_full_waiting_room_refuses() -> None:
    """It holds those beside the one in service, until they start."""
    found = _latencies(0.0, 0.1, 0.2, 1.1, bound=1)
    assert np.isnan(found).tolist() == [False, False, True, False]
    assert [found[0], found[1], found[3]] == [1.0, 1.9, 1.9]


def test_a_call_that_is_cancelled_frees_its_server() -> None:
    """The next starts when its client leaves, waiting or in service."""
    clients = {"timeout": 1.2}
    times = (0.0, 0.5, 0.6, 1.75)
    assert _latencies(*times, clients=clients) == [1.0, 1.2, 1.2, 1.05]


def test_a_call_that_is_not_cancelled_is_worked_on_for_nobody() -> None:
    """The third and the fourth wait for work whose clients have gone."""
    clients = {"timeout": 1.2}
    times = (0.0, 0.5, 0.6, 1.75)
    assert _latencies(*times, clients=clients, cancels=False) == [1.0, 1.2, 1.2, 1.2]


def test_a_stalled_queue_starts_nothing() -> None:
    """What is in service ends as planned."""
    of = Scenario.model_validate(
        {
            "scenario": "queue",
            "title": "A queue",
            "duration": 100,
            "warm_up": 0,
            "upstream": {"kind": "queue", "service": "deterministic"},
        }
    )
    run = Plant(of, policy(), [requests(0.0, 0.6)], replication_key(1, 0), keep_latencies=True)
    run.advance(0.5)
    run.stall(3.0)
    run.drain()
    assert run.latencies == pytest.approx([1.0, 3.4])


def test_a_shared_processor_works_on_all_calls_at_once() -> None:
    """Alone for half a second, together until the first is done, then alone again."""
    assert _latencies(0.0, 0.5, discipline="processor_sharing") == [1.5, 1.5]


def test_a_call_of_a_shared_processor_has_at_most_one_server() -> None:
    """Two servers, two calls: neither is slowed."""
    assert _latencies(0.0, 0.5, discipline="processor_sharing", servers=2) == [1.0, 1.0]


def test_a_cancelled_call_leaves_its_share_to_the_others() -> None:
    """Otherwise it goes on taking it."""
    shared: dict[str, Any] = {"discipline": "processor_sharing", "clients": {"timeout": 1.3}}
    times = (0.0, 0.1, 1.45)
    assert _latencies(*times, **shared) == [1.3, 1.3, 1.0]
    assert _latencies(*times, **shared, cancels=False) == [1.3, 1.3, 1.3]


def test_a_shared_processor_refuses_beyond_its_bound() -> None:
    """Servers and bound together are the most calls at once."""
    found = _latencies(0.0, 0.1, 0.2, discipline="processor_sharing", bound=1)
    assert np.isnan(found).tolist() == [False, False, True]


def test_a_shared_processor_takes_as_long_as_its_calls_and_its_clients_do() -> None:
    """A call costs its client something of its own, after the answer; too late is too late."""
    shared: dict[str, Any] = {"discipline": "processor_sharing"}
    assert _latencies(0.0, 0.5, **shared, clients={"overhead": 0.2}) == [1.7, 1.7]
    # The first has ended by then, and leaves no share; the third has the processor for itself.
    late: dict[str, Any] = {"overhead": 0.2, "timeout": 1.1}
    assert _latencies(0.0, 1.05, **shared, clients=late) == [1.1, 1.1]
    late["timeout"] = 1.3
    assert _latencies(0.0, 1.05, **shared, clients=late) == [1.2, 1.2]


def _means(discipline: str, fault: dict[str, Any], **clients: Any) -> Any:
    """Metrics of a queue with eight servers under a fault for the first half of its run."""
    of = Scenario.model_validate(
        {
            "scenario": "queue",
            "title": "A queue",
            "duration": 1200,
            "warm_up": 0,
            "workload": {"arrivals": {"process": "poisson", "rate": 4}},
            "upstream": {"kind": "queue", "discipline": discipline, "servers": 8},
            "clients": {"timeout": 50, **clients},
            "faults": [{"at": 0, "for": 600, **fault}],
        }
    )
    return simulate(of, policy(), replication=0, arm="none").metrics


def test_refused_calls_hold_no_share_of_a_processor() -> None:
    """Nor do they give one back when their clients lose patience: all are answered later on."""
    error = {"kind": "error", "error": "overloaded", "share": 0.9}
    clients = {"patience": 2.0, "retries": 3, "overhead": 0.05}
    fifo, shared = (_means(each, error, **clients) for each in ("fifo", "processor_sharing"))
    assert shared["answered"] == pytest.approx(fifo["answered"], rel=0.05)


def test_a_shared_processor_is_slowed_as_a_queue_is() -> None:
    """A latency fault makes services so many times longer."""
    slow = {"kind": "latency", "factor": 1.5}
    fifo, shared = (_means(each, slow) for each in ("fifo", "processor_sharing"))
    # At three quarters of eight servers few wait, and few share.
    assert shared["latency_mean_s"] == pytest.approx(fifo["latency_mean_s"], rel=0.1)
    assert shared["latency_mean_s"] > 1.2
