"""Workers of a Dask cluster: a real scheduler, and real workers of which some die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, KilledWorker

from balancer.core.errors import InputError, ScenarioError
from sim.study.replications import Plan, Runs, replicate
from sim.workers import cluster
from sim.workers.cluster import Cluster, cluster_workers
from sim.workers.environment import environment
from sim.workers.pool import WorkerError, fan_out
from tests.sim.dask_cluster import scheduler, worker
from tests.sim.small_world import SLOW, world, world_policy
from tests.sim.test_pool import refuse, square

pytestmark = pytest.mark.slow

POLICY = world_policy()

KILLER = """\
import os, signal
from pathlib import Path

def kill(env, plant, fault):
    mark = Path(fault.arguments["mark"])
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield env.timeout(1)
"""
"""A fault that kills the process it is simulated in, the first time."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler with one worker that lives as long as the module."""
    with scheduler() as found, worker(found):
        yield found


def ours(address: str) -> Any:
    """What the scheduler has to do, of anybody."""
    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        return client.run_on_scheduler(_tasks)


def _tasks(dask_scheduler: Any) -> list[str]:
    return list(dask_scheduler.tasks)


def test_results_come_in_the_order_of_the_tasks_and_the_cluster_stays(address: str) -> None:
    """In round after round, and for whoever comes next."""
    for _ in range(2):
        with cluster_workers(address) as workers:
            assert workers.away
            for tasks in ([3, 1, 2], [5], []):
                done: list[int] = []
                expected = [task * task for task in tasks]
                assert fan_out(square, tasks, workers=workers, done=done.append) == expected
                assert sorted(done) == sorted(expected)


def test_an_error_of_a_task_arrives_as_it_was_raised(address: str) -> None:
    """Its place included; and the next round goes on."""
    with cluster_workers(address) as workers:
        with pytest.raises(ScenarioError) as caught:
            fan_out(refuse, [7, 7], workers=workers, done=print)
        assert (caught.value.problem, caught.value.where) == ("found 7", "here")
        assert fan_out(square, [2], workers=workers, done=print) == [4]


def test_runs_and_journals_are_the_same_to_the_byte_though_a_worker_is_killed(
    tmp_path: Path,
) -> None:
    """It dies in the middle of a batch, which another worker runs again."""
    (tmp_path / "killer.py").write_text(KILLER)
    mark = tmp_path / "killed"
    fault = {
        "kind": "process",
        "process": f"{tmp_path / 'killer.py'}:kill",
        "at": 5,
        "for": 5,
        "arguments": {"mark": str(mark)},
    }
    scenario = world(duration=40, warm_up=5, faults=[{**SLOW, "at": 10, "for": 20}, fault])
    plan = Plan(scenario=scenario, arms={"a": POLICY, "none": POLICY}, replications=range(6))
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    seen: list[tuple[int, int]] = []
    found: dict[int, Runs] = {}
    with (
        scheduler() as own,
        worker(own),
        worker(own),
        cluster_workers(own) as workers,
    ):
        assert workers.size == 2
        (runs,) = replicate(
            [plan],
            workers=workers,
            out=there,
            every_journal=True,
            progress=lambda *now: seen.append(now),
            finished=found.__setitem__,
        )
    assert mark.exists(), "no worker was killed"
    assert replicate([plan], workers=1, out=here, every_journal=True) == (runs,)
    assert found == {0: runs}
    assert seen[-1] == (12, 12)
    names = sorted(path.name for path in here.iterdir())
    assert len(names) == 12
    assert names == sorted(path.name for path in there.iterdir())
    for name in names:
        assert (there / name).read_bytes() == (here / name).read_bytes()


def test_an_interrupt_cancels_what_is_ours_and_leaves_the_cluster_up(address: str) -> None:
    """The scheduler has nothing to do any more; its workers serve the next."""

    def interrupt(_result: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), cluster_workers(address) as workers:
        fan_out(square, range(40), workers=workers, done=interrupt)
    with cluster_workers(address) as workers:
        assert fan_out(square, [3], workers=workers, done=print) == [9]
    assert ours(address) == []


def test_a_worker_with_another_environment_is_refused_before_it_computes(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message: which worker, what it has, and what is here."""
    other = {**environment(), "numba": "0.0.1"}
    monkeypatch.setattr(cluster, "environment", lambda: other)
    with cluster_workers(address) as workers, pytest.raises(WorkerError) as caught:
        fan_out(square, [1, 2], workers=workers, done=print)
    text = str(caught.value)
    assert "the worker tcp://127.0.0.1:" in text
    assert "(here: 0.0.1)" in text


def test_a_file_that_a_worker_has_otherwise_is_one_message(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is one that it does not have."""
    path = tmp_path / "fault.py"
    path.write_text("def f(env, plant, fault):\n    yield env.timeout(1)\n")
    fault = {"kind": "process", "process": f"{path}:f", "at": 1, "for": 5}
    scenario = world(duration=40, warm_up=5, faults=[fault])
    plan = Plan(scenario=scenario, arms={"a": POLICY}, replications=range(2))
    monkeypatch.setattr("sim.study.replications.files_of", lambda _scenario: {str(path): "other"})
    with cluster_workers(address) as workers, pytest.raises(ScenarioError) as caught:
        replicate([plan], workers=workers)
    assert caught.value.where == str(path)
    assert "is another file than on the machine that asks" in caught.value.problem


def test_a_cluster_without_workers_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that starts some."""
    monkeypatch.setattr(cluster, "WORKERS_S", 0.1)
    with scheduler() as empty, pytest.raises(InputError) as caught, cluster_workers(empty):
        raise AssertionError("it was entered")
    assert f"the Dask cluster at {empty} has no workers" in caught.value.problem
    assert f"dask worker {empty}" in caught.value.problem


def test_workers_that_all_leave_are_waited_for_and_then_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A study does not hang for ever."""
    monkeypatch.setattr(cluster, "GONE_S", 0.0)
    monkeypatch.setattr("sim.workers.pool.ASK_EVERY_S", 0.1)
    with scheduler() as alone, worker(alone) as only, cluster_workers(alone) as workers:
        os.kill(only, signal.SIGKILL)
        with pytest.raises(WorkerError, match="has had no worker for"):
            fan_out(square, range(40), workers=workers, done=print)


def test_a_scheduler_that_is_lost_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a hang either."""
    monkeypatch.setattr(cluster, "GONE_S", 0.0)
    monkeypatch.setattr("sim.workers.pool.ASK_EVERY_S", 0.1)
    with scheduler() as lost, worker(lost), cluster_workers(lost) as workers:
        with Client(lost, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            pid = client.run_on_scheduler(os.getpid)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="the Dask cluster at tcp://"):
            fan_out(square, range(40), workers=workers, done=print)


def test_nobody_at_the_address_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was expected there, within some seconds."""
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(InputError) as caught, cluster_workers("tcp://127.0.0.1:1"):
        raise AssertionError("it was entered")
    assert caught.value.where == "--cluster"
    assert "no Dask scheduler answers at tcp://127.0.0.1:1 within 0.5 s" in caught.value.problem


@pytest.mark.parametrize(
    "text", ["http://10.0.0.1:8786", "10.0.0.1:8786", "tcp://10.0.0.1", "tcp://:8786", "tcp://a:b"]
)
def test_what_is_no_address_is_refused_at_once(text: str) -> None:
    """With the form of one."""
    with pytest.raises(InputError, match="expected tcp://HOST:PORT") as caught:
        cluster_workers(text)
    assert repr(text) in caught.value.problem


def test_a_task_that_kills_worker_after_worker_is_given_up() -> None:
    """Dask says when; the message is ours."""
    future: Future[int] = Future()
    future.set_exception(KilledWorker("task", None, 3))  # type: ignore[arg-type]
    with pytest.raises(WorkerError, match="4 workers of the cluster died of the same task"):
        Cluster("tcp://127.0.0.1:8786").outcome(future)


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'sim'"),
        AttributeError("Can't get attribute '_open' on <module 'sim.workers.cluster'>"),
    ],
)
def test_a_cluster_without_our_code_is_one_message(error: Exception) -> None:
    """It cannot read a task."""
    future: Future[int] = Future()
    future.set_exception(error)
    with pytest.raises(WorkerError, match="needs the same open-balancer as here"):
        Cluster("tcp://127.0.0.1:8786").outcome(future)


def test_an_error_of_our_code_stays_what_it_is() -> None:
    """It is a bug to be seen."""
    future: Future[int] = Future()
    future.set_exception(AttributeError("of a task"))
    with pytest.raises(AttributeError, match="of a task"):
        Cluster("tcp://127.0.0.1:8786").outcome(future)
