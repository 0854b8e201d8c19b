"""What a study costs, and what is lost in fanning it out: figures of `docs/explanation/scale.md`.

    python -m tests.benchmarks.scale [--turns N] [--scenarios N]

CPU time, as whatever else the machine does stretches wall time: of a run of each scenario of the
library; of the same work by processes and by Dask workers, with all that these, the scheduler
and this process take for it; and of a Dask task that does nothing. The least of several turns
but for the library, where the noise of each scenario is one of many.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from statistics import fmean, median

from distributed import Client

from balancer.policy_file import default_policy
from scenarios.loader import library, load
from sim.study.replications import Plan, replicate
from sim.workers.cluster import cluster_workers
from sim.workers.pool import Workers, fan_out, local_workers
from tests.benchmarks.policies import apart
from tests.sim.dask_cluster import scheduler, worker

__all__ = ["main"]

ARMS = 5
"""Policies that share the requests of a replication."""
REPLICATIONS = 6
TASKS = 300
STUDY = {"policies": 10_000, "scenarios": 40, "replications": 10}

Processes = Callable[[], Sequence[int]]
"""Ids of the processes that take part, beside this one."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale")
    parser.add_argument("--turns", type=int, default=5, help="the least of so many counts")
    parser.add_argument(
        "--scenarios", type=int, metavar="N", help="only so many, spread over the library"
    )
    asked = parser.parse_args()
    _library(asked.scenarios)
    base = 0.0, 0.0
    for name, number, workers, processes in _crews():
        found = _least(workers, processes, _simulate, asked.turns)
        base = found if number == 1 and name == "processes" else base
        cpu, wall = found
        print(
            f"{number} {name}: {cpu:.2f} s of CPU, {wall:.2f} s of wall time; efficiency "
            f"{base[0] / cpu:.0%} by CPU, {base[1] / wall:.2f} times as fast",
            flush=True,
        )
        if name != "processes":
            cpu, wall = _least(workers, processes, _idle, asked.turns)
            print(
                f"  a task that does nothing: {cpu / TASKS * 1e3:.1f} ms of CPU, "
                f"{wall / TASKS * 1e3:.1f} ms of wall time",
                flush=True,
            )


def _plan(name: str, replications: int) -> Plan:
    """Arms that share nothing but their requests: no controller decides for another's plant."""
    scenario, own = load(name)
    arms = {str(number): apart(own or default_policy(), number) for number in range(ARMS)}
    return Plan(scenario=scenario, arms=arms, replications=range(replications))


def _library(most: int | None) -> None:
    """Cost of a run, by scenario, and of a study of such runs."""
    names = list(library())
    plans = [_plan(name, 1) for name in names[:: 1 if most is None else len(names) // most]]
    replicate(plans[:1], workers=1)  # compiles
    costs_s, hours = [], 0.0
    for plan in plans:
        began = time.process_time()
        replicate([plan], workers=1)
        costs_s.append((time.process_time() - began) / ARMS)
        hours += plan.scenario.duration / 3600.0
    print(
        f"a run: {fmean(costs_s) * 1e3:.0f} ms of CPU on average over {len(costs_s)} scenarios, "
        f"median {median(costs_s) * 1e3:.0f}, from {min(costs_s) * 1e3:.0f} to "
        f"{max(costs_s) * 1e3:.0f}; {hours / sum(costs_s) * 60:.0f} simulated hours of a policy a "
        "minute of a core"
    )
    runs = STUDY["policies"] * STUDY["scenarios"] * STUDY["replications"]
    print(f"a study of {STUDY}: {runs * fmean(costs_s) / 3600:.0f} core hours", flush=True)


def _crews() -> Iterator[tuple[str, int, Workers, Processes]]:
    for number in (1, 2, 4):
        with local_workers(number) as workers:
            yield "processes", number, workers, _children
    for number in (1, 2, 4):
        with _dask(number) as (workers, pids):
            yield "Dask workers", number, workers, pids.copy


@contextmanager
def _dask(number: int) -> Iterator[tuple[Workers, list[int]]]:
    with ExitStack() as stack:
        address = stack.enter_context(scheduler())
        pids = [stack.enter_context(worker(address)) for _ in range(number)]
        with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            pids.append(client.run_on_scheduler(os.getpid))
        yield stack.enter_context(cluster_workers(address)), pids


def _children() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def _simulate(workers: Workers) -> None:
    replicate([_plan("steady", REPLICATIONS)], workers=workers)


def _idle(workers: Workers) -> None:
    fan_out(_nothing, range(TASKS), workers=workers, done=_nothing)


def _nothing(_task: object) -> None:
    """What is left is what handing it out costs."""


def _least(
    workers: Workers, processes: Processes, work: Callable[[Workers], None], turns: int
) -> tuple[float, float]:
    """Least CPU and wall time of some work, once everybody has compiled."""
    work(workers)
    cpu, wall = [], []
    for _ in range(turns):
        pids = [os.getpid(), *processes()]
        before, began = sum(map(_cpu_s, pids)), time.perf_counter()
        work(workers)
        wall.append(time.perf_counter() - began)
        cpu.append(sum(map(_cpu_s, pids)) - before)
    return min(cpu), min(wall)


def _cpu_s(pid: int) -> float:
    """CPU time that a process has taken so far; as Linux tells it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    # Workers elsewhere know its functions by the module's name only.
    import_module("tests.benchmarks.scale").main()
