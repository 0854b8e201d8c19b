"""A progress bar for whoever watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["progress"]


Reporter = Callable[[float, int], None]
"""Told how much is done, and how much there is in all."""


class Reporters(Protocol):
    """A line of the bar for each name; `each_s`: simulated seconds of one of those counted."""

    def __call__(self, name: str, each_s: float | None = None) -> Reporter: ...


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
