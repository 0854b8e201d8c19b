"""What a command tells while it works: how long it takes, a bar, a line for what is finished."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

__all__ = ["CORE_S_PER_HOUR", "Finished", "beforehand", "progress"]

CORE_S_PER_HOUR = 0.25
"""CPU of one core for a simulated hour, all in all: that of `docs/how-to/tune-a-policy.md`; a gate
took 0.22 (21 s of CPU for 80 hours) on a machine that much else used."""
_SHORT_MINUTES = 0.5
"""Of what takes no longer, nothing need be said before."""

Reporter = Callable[[float, int], None]
"""Told how much is done, and how much there is in all."""


class Reporters(Protocol):
    """A line of the bar for each name; `each_s`: simulated seconds of one of those counted."""

    def __call__(self, name: str, each_s: float | None = None) -> Reporter: ...


class Finished:
    """A line for each scenario that is finished, where there are several.

    Args:
        names: of all of them.
        quiet: say nothing.
    """

    __slots__ = ("_count", "_quiet", "_total")

    def __init__(self, names: Sequence[str], *, quiet: bool) -> None:
        self._total = len(names)
        self._count = 0
        self._quiet = quiet or self._total < 2

    def __call__(self, name: str, verdict: str) -> None:
        """One more is finished."""
        self._count += 1
        if not self._quiet:
            # At once, whatever standard output is: somebody follows a pipeline's log.
            sys.stdout.write(f"{self._count} of {self._total} {name}: {verdict}\n")
            sys.stdout.flush()


def beforehand(simulated_s: float, cores: int, *, quiet: bool, at_least: bool = False) -> None:
    """Say how long it will take, if that is long.

    Args:
        simulated_s: simulated seconds, of all runs.
        cores: that do it.
        quiet: say nothing.
        at_least: whether more may be needed.
    """
    minutes = simulated_s / 3600.0 * CORE_S_PER_HOUR / cores / 60.0
    if quiet or minutes < _SHORT_MINUTES:
        return
    least = "at least " if at_least else ""
    plural = "" if cores == 1 else "s"
    sys.stdout.write(
        f"{simulated_s / 3600.0:,.0f} simulated hours, {least}about {minutes:.2g} minutes of "
        f"{cores} quiet core{plural}\n"
    )
    sys.stdout.flush()


@contextmanager
def progress(*, quiet: bool) -> Iterator[Reporters]:
    """A progress bar on stderr, where somebody sees it; gives a reporter for each scenario."""
    if quiet or not sys.stderr.isatty():
        yield lambda _name, _each_s=None: lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    simulated = TextColumn("{task.fields[simulated]}")
    with Progress(*columns, simulated, TimeElapsedColumn(), console=Console(stderr=True)) as bar:

        def reporter(name: str, each_s: float | None = None) -> Reporter:
            task = bar.add_task(name, total=None, simulated="")

            def report(done: float, total: int) -> None:
                bar.update(task, completed=done, total=total, simulated=_hours(done, total, each_s))

            return report

        yield reporter


def _hours(done: float, total: int, each_s: float | None) -> str:
    if each_s is None:
        return ""
    passed, of = (count * each_s / 3600.0 for count in (done, total))
    return f"{passed:,.1f} of {of:,.1f} h simulated"
