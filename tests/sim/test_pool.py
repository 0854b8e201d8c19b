"""Tasks on worker processes."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from balancer.core.errors import InputError, ScenarioError
from sim.workers.pool import WorkerError, fan_out, local_workers

pytestmark = pytest.mark.slow


def square(value: int) -> int:
    """A task."""
    return value * value


def refuse(value: int) -> int:
    """A task whose input is wrong."""
    raise ScenarioError(f"found {value}", where="here")


def die(value: int) -> int:
    """A task whose process is killed."""
    os.kill(os.getpid(), signal.SIGKILL)
    return value


def die_once(task: tuple[str, int]) -> int:
    """A task whose process is killed unless one has been: then its value."""
    mark, value = task
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return value
    os.kill(os.getpid(), signal.SIGKILL)
    return value


def process_id(_value: int) -> int:
    """A task that says where it is done."""
    return os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    """Whoever finishes first."""
    done: list[int] = []
    assert fan_out(square, [3, 1, 2], workers=workers, done=done.append) == [9, 1, 4]
    assert sorted(done) == [1, 4, 9]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_arrives_as_it_was_raised(workers: int) -> None:
    """Its place included, across the process boundary too."""
    with pytest.raises(ScenarioError) as caught:
        fan_out(refuse, [7, 7], workers=workers, done=print)
    assert (caught.value.problem, caught.value.where) == ("found 7", "here")


def test_the_death_of_a_worker_is_one_clear_error() -> None:
    """And not a hang."""
    with pytest.raises(WorkerError, match="try --workers 1"):
        fan_out(die, [1, 2], workers=2, done=print)


def test_what_a_lost_worker_had_been_given_runs_again(tmp_path: Path) -> None:
    """Nothing of it is missing, nothing is there twice."""
    done: list[int] = []
    tasks = [(str(tmp_path / "killed"), value) for value in range(8)]
    assert fan_out(die_once, tasks, workers=2, done=done.append) == list(range(8))
    assert sorted(done) == list(range(8))


def test_workers_stay_for_several_rounds() -> None:
    """The same processes; and after a round that failed, others."""
    with local_workers(2) as workers:
        first = set(fan_out(process_id, range(8), workers=workers, done=print))
        assert os.getpid() not in first
        assert set(fan_out(process_id, range(8), workers=workers, done=print)) <= first
        with pytest.raises(ScenarioError):
            fan_out(refuse, range(8), workers=workers, done=print)
        assert not set(fan_out(process_id, range(8), workers=workers, done=print)) & first


def test_a_failed_round_ends_no_process_of_others() -> None:
    """Another pool goes on."""
    with local_workers(2) as workers, local_workers(2) as others:
        there = set(fan_out(process_id, range(8), workers=others, done=print))
        with pytest.raises(ScenarioError):
            fan_out(refuse, range(8), workers=workers, done=print)
        assert set(fan_out(process_id, range(8), workers=others, done=print)) <= there


def test_small_rounds_add_up_to_what_is_worth_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody asked for a number; one that was asked for is used."""
    monkeypatch.setattr("sim.workers.pool.cores", lambda: 2)
    with local_workers() as workers:
        assert [workers.worth(2.5) for _ in range(3)] == [False, False, True]
    with local_workers(2) as workers:
        assert workers.worth(0.0)
    with local_workers(1) as workers:
        assert not workers.worth(100.0)


def test_fewer_workers_than_one_are_refused() -> None:
    """With what was expected."""
    with pytest.raises(InputError, match="workers is 0; expected 1 or more"):
        local_workers(0)


def hang_up(value: int) -> int:
    """A task whose terminal closes."""
    os.kill(os.getpid(), signal.SIGHUP)
    return value


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such terminals here")
def test_a_terminal_that_closes_is_left_to_the_parent() -> None:
    """A worker that dies of it would look like one that broke."""
    assert fan_out(hang_up, [1, 2], workers=2, done=print) == [1, 2]


def hold(fifo: str) -> None:
    """A task that never ends; while it lives, it holds a FIFO open."""
    with Path(fifo).open("wb", buffering=0) as stream:
        stream.write(b"x")
        threading.Event().wait()


def read(stream: int) -> bytes:
    """What comes out of a FIFO; b"" when nobody holds it any more."""
    ready, _, _ = select.select([stream], [], [], 60.0)
    assert ready, "nothing happened"
    return os.read(stream, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_a_parent_that_is_killed_leaves_no_worker_behind(tmp_path: Path) -> None:
    """It cannot end them, so they watch it."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    script = "from tests.sim.test_pool import fan_out, hold; import sys\n"
    script += "if __name__ == '__main__': fan_out(hold, sys.argv[1:] * 2, workers=2, done=print)"
    program = tmp_path / "program.py"
    program.write_text(script)
    root = str(Path(__file__).parents[2])
    stream = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with subprocess.Popen(
            [sys.executable, str(program), str(fifo)], env={**os.environ, "PYTHONPATH": root}
        ) as child:
            held = b""
            while len(held) < 2:
                # Until the first writer comes, a FIFO may read as if at its end.
                held += read(stream)
                assert child.poll() is None, "it ended by itself"
            child.kill()
        assert read(stream) == b""
    finally:
        os.close(stream)


def test_an_interrupt_leaves_no_worker_behind() -> None:
    """The interrupt goes on to the caller; the processes are gone."""
    before = set(multiprocessing.active_children())

    def interrupt(result: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fan_out(square, [1, 2, 3, 4], workers=2, done=interrupt)
    assert set(multiprocessing.active_children()) <= before
