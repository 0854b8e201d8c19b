"""Tasks on worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from balancer.core.errors import ScenarioError
from sim.pool import WorkerError, fan_out


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


def hang_up(value: int) -> int:
    """A task whose terminal closes."""
    os.kill(os.getpid(), signal.SIGHUP)
    return value


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such terminals here")
def test_a_terminal_that_closes_is_left_to_the_parent() -> None:
    """A worker that dies of it would look like one that broke."""
    assert fan_out(hang_up, [1, 2], workers=2, done=print) == [1, 2]


def test_an_interrupt_leaves_no_worker_behind() -> None:
    """The interrupt goes on to the caller; the processes are gone."""
    before = set(multiprocessing.active_children())

    def interrupt(result: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fan_out(square, [1, 2, 3, 4], workers=2, done=interrupt)
    assert set(multiprocessing.active_children()) <= before
