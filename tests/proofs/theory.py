"""Proof: the simulator against queueing theory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sim.workers.pool import Workers, fan_out
from tests.theory.table import FULL, Figures, Queue, Row

from .document import Proof, table, yes

__all__ = ["prove"]

LARGEST_Z = 4.0
WIDEST = 0.02
"""Four standard errors may be at most this share of what is expected."""

_TEXT = f"""\
Each queue runs through the simulator's own kernel, in independent replications after a warm-up of
twenty relaxation times; the standard error is that of their mean. |z| is at most {LARGEST_Z:g}, and
four standard errors are at most {WIDEST:.0%} of what is expected.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The figures of one replication of a queue."""

    queue: str
    figures: Figures


def prove(workers: int | Workers) -> Proof:
    """Measure every queue, a replication to a worker at a time."""
    rows = measured(FULL, workers=workers)
    return Proof(text="\n".join([_TEXT, _table(rows)]), holds=all(map(_agrees, rows)))


def measured(queues: Sequence[Queue], *, workers: int | Workers) -> list[Row]:
    """Rows of all queues, the same whatever the number of workers."""
    # The longest first, or one worker would be left with one in the end.
    by_length = sorted(queues, key=lambda queue: queue.requests, reverse=True)
    left = Counter({queue.name: queue.replications for queue in queues})

    def done(sample: Sample) -> None:
        left[sample.queue] -= 1
        if not left[sample.queue]:
            print(f"  {sample.queue}", flush=True)

    tasks = [(queue, k) for queue in by_length for k in range(queue.replications)]
    found: dict[str, list[Figures]] = {queue.name: [] for queue in queues}
    for sample in fan_out(_sample, tasks, workers=workers, done=done):
        found[sample.queue].append(sample.figures)
    return [row for queue in queues for row in queue.rows(found[queue.name])]


def _sample(task: tuple[Queue, int]) -> Sample:
    queue, replication = task
    return Sample(queue=queue.name, figures=queue.sample(replication))


def _agrees(row: Row) -> bool:
    return abs(row.z) <= LARGEST_Z and row.precision <= WIDEST


def _table(rows: Sequence[Row]) -> str:
    return table(
        ("queue", "expected", "measured", "standard error", "z", "n", "agrees"),
        (
            (
                row.name,
                f"{row.expected:.5g}",
                f"{row.measured:.5g}",
                f"{row.standard_error:.2g}",
                f"{row.z:+.2f}",
                f"{row.n:,}",
                yes(holds=_agrees(row)),
            )
            for row in rows
        ),
    )
