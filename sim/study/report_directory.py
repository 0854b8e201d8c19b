"""An output directory that is either complete or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from balancer.core.errors import InputError
from balancer.records.backtest import BACKTEST
from balancer.records.comparison import COMPARISON
from balancer.records.folders import mark_latest
from balancer.records.gate import GATE
from balancer.records.tuning import TUNING
from balancer.records.verdict import VERDICT

__all__ = [
    "FITTED",
    "FRONT",
    "STUDY",
    "report_directory",
]

STUDY = "study.jsonl"
"""Of a tuning, and there before its record is."""
RECORDS = (VERDICT.file, COMPARISON.file, GATE.file, TUNING.file, STUDY, BACKTEST.file)
"""The files by one of which a report's directory is known."""

FRONT = "front"
"""Folder of a tuning's policy files."""
POLICIES = frozenset({"candidate.yaml", f"{STUDY}.lock"})
OURS = frozenset({".html", ".json", ".jsonl", ".md", ".png", ".svg", ".xml"})
FITTED = "scenario.yaml"
"""The scenario that a backtest ran on."""
TABLES = frozenset(
    {
        "comparison.csv",
        "gate.csv",
        "locust_exceptions.csv",
        "locust_failures.csv",
        "locust_stats.csv",
        "locust_stats_history.csv",
        "tuning.csv",
    }
)


@contextmanager
def report_directory(out: Path) -> Iterator[Path]:
    """A directory to fill; it becomes `out` when the block ends well, and vanishes otherwise.

    An earlier report at `out` is replaced, in one step and only then. Anything else that is
    in the way is left alone.

    Raises:
        InputError: `out` is a file, holds something that is no report of ours, or cannot
            be written.
    """
    try:
        out = out.resolve()
        _check_replaceable(out)
    except (OSError, RuntimeError) as error:
        # A name that is too long, a loop of links, a directory that must not be looked into.
        raise InputError(f"cannot be used: {_reason(error)}", where=str(out)) from None
    work = out.with_name(f".{out.name}.{os.getpid()}.partial")
    was_there = out.parent.exists()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(out)) from None
    try:
        yield work
        _swap(work, out)
        mark_latest(out)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        if not was_there:
            with suppress(OSError):
                out.parent.rmdir()
        raise


def _reason(error: OSError | RuntimeError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _swap(work: Path, out: Path) -> None:
    if not out.exists():
        work.rename(out)
        return
    earlier = out.with_name(f".{out.name}.{os.getpid()}.earlier")
    out.rename(earlier)
    work.rename(out)
    shutil.rmtree(earlier, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    if path.name == FRONT and path.is_dir():
        return all(each.stem.isdigit() and each.suffix == ".yaml" for each in path.iterdir())
    if not path.is_file() and not path.is_symlink():
        return False
    # People keep tables of their own: of those, only what a report writes is one of ours.
    if path.suffix == ".csv":
        return path.name in TABLES or path.name.endswith(".timeline.csv")
    return path.suffix in OURS or path.name in POLICIES or path.name == FITTED


def _check_replaceable(out: Path) -> None:
    if out.is_symlink():  # from Python 3.13 on, a loop of links is resolved to itself
        raise InputError("cannot be used: a loop of links", where=str(out))
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError("is a file; expected a directory, or a name that is free", where=str(out))
    found = sorted(out.iterdir())
    if not found:
        return
    strange = [path.name for path in found if not _is_ours(path)]
    if not any((out / name).is_file() for name in RECORDS):
        strange = strange or [found[0].name]
    if strange:
        raise InputError(
            f"holds {strange[0]!r}, so it is no report of ours and is not replaced; choose "
            "another directory",
            where=str(out),
        )
