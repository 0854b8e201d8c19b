"""An output directory that is either complete or not there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from balancer.core.errors import InputError
from balancer.records.backtest import BACKTEST
from balancer.records.comparison import COMPARISON
from balancer.records.folders import mark_latest
from balancer.records.gate import GATE
from balancer.records.tuning import TUNING
from balancer.records.verdict import VERDICT

from ..run.result import ARMS

__all__ = [
    "FITTED",
    "FRONT",
    "STUDY",
    "is_ours",
    "report_directory",
]

STUDY = "study.jsonl"
"""Of a tuning, and there before its record is."""
RECORDS = (VERDICT.file, COMPARISON.file, GATE.file, TUNING.file, STUDY, BACKTEST.file)
"""The files by one of which a report's directory is known."""

FRONT = "front"
"""Folder of a tuning's policy files."""
FITTED = "scenario.yaml"
"""The scenario that a backtest ran on."""
OURS = frozenset(
    {
        *RECORDS,
        FITTED,
        "candidate.yaml",
        "comparison.csv",
        "gate.csv",
        "gate.md",
        "junit.xml",
        "locust.html",
        "locust_exceptions.csv",
        "locust_failures.csv",
        "locust_stats.csv",
        "locust_stats_history.csv",
        "report.html",
        f"{STUDY}.lock",
        "tuning.csv",
    }
)
"""All that reports are made of but for what is named after scenarios."""
NAMED = re.compile(rf"[\w-]+\.(timeline\.csv|({'|'.join(ARMS)})\.[0-9]+\.jsonl)", re.ASCII)
"""A scenario's timeline, and its journals."""
POLICY_OF_FRONT = re.compile(r"[0-9]+\.yaml", re.ASCII)


@contextmanager
def report_directory(out: Path, inputs: Iterable[str | Path | None] = ()) -> Iterator[Path]:
    """A directory to fill; it becomes `out` when the block ends well, and vanishes otherwise.

    An earlier report at `out` is replaced, only then and in one step (file by file where the
    directory cannot be moved). Anything else that is in the way is left alone.

    Args:
        out: its place.
        inputs: files that are read for it, and names of scenarios: `out` must not hold one.

    Raises:
        InputError: `out` is a file, holds something that is no report of ours, or cannot
            be written.
    """
    try:
        out = out.resolve()
        _check_replaceable(out, inputs)
    except (OSError, RuntimeError) as error:
        # A name that is too long, a loop of links, a directory that must not be looked into.
        raise InputError(f"cannot be used: {_reason(error)}", where=str(out)) from None
    name = f".{out.name}.{os.getpid()}.partial"
    work = out / name if _must_stay(out) else out.with_name(name)
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


def _must_stay(out: Path) -> bool:
    """Whether a directory cannot be put in the place of another.

    A mount, as of `docker run -v`; one whose parent is not ours to write; where a shell stands.
    """
    with suppress(OSError):
        return out.is_dir() and (
            os.path.ismount(out)
            or not os.access(out.parent, os.W_OK)
            or Path.cwd().is_relative_to(out)
        )
    return False


def _swap(work: Path, out: Path) -> None:
    if work.parent == out:
        _fill(work, out)
        return
    if not out.exists():
        work.rename(out)
        return
    with suppress(OSError):  # one that is empty can be replaced in one step, on most systems
        work.rename(out)
        return
    earlier = out.with_name(f".{out.name}.{os.getpid()}.earlier")
    try:
        try:
            out.rename(earlier)
        except OSError:  # a mount that does not look like one
            _fill(work, out)
            return
        work.rename(out)
    except BaseException:
        if earlier.exists() and not out.exists():
            earlier.rename(out)
        raise
    for each in earlier.iterdir():
        if not is_ours(each):  # somebody put it there meanwhile
            each.rename(out / each.name)
    shutil.rmtree(earlier, ignore_errors=True)


def _fill(work: Path, out: Path) -> None:
    """Replace the report in a directory that stays; the earlier one is back if that fails."""
    earlier = out / f".{os.getpid()}.earlier"
    earlier.mkdir()
    placed: list[Path] = []
    try:
        for each in [each for each in out.iterdir() if is_ours(each)]:
            each.rename(earlier / each.name)
        for each in sorted(work.iterdir()):
            placed.append(out / each.name)
            shutil.move(each, placed[-1])
    except BaseException:
        for each in placed:
            shutil.rmtree(each) if each.is_dir() else each.unlink(missing_ok=True)
        for each in list(earlier.iterdir()):
            each.rename(out / each.name)
        earlier.rmdir()
        raise
    shutil.rmtree(earlier, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)


def is_ours(path: Path) -> bool:
    """Whether this is something that we put into a report's directory, by its name."""
    if path.name == FRONT and path.is_dir() and not path.is_symlink():
        return all(
            POLICY_OF_FRONT.fullmatch(each.name) and each.is_file() for each in path.iterdir()
        )
    # People keep notes, tables and journals of their own beside a report's.
    known = path.name in OURS or NAMED.fullmatch(path.name)
    return bool(known) and path.is_file()


def _check_replaceable(out: Path, inputs: Iterable[str | Path | None]) -> None:
    if out.is_symlink():  # from Python 3.13 on, a loop of links is resolved to itself
        raise InputError("cannot be used: a loop of links", where=str(out))
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError("is a file; expected a directory, or a name that is free", where=str(out))
    found = sorted(out.iterdir())
    if not found:
        return
    for each in inputs:
        if each is not None and Path(each).exists() and Path(each).resolve().is_relative_to(out):
            raise InputError(
                f"holds {str(each)!r}, which is read here, and would be replaced; choose another "
                "directory",
                where=str(out),
            )
    strange = [path.name for path in found if not is_ours(path)]
    if not any((out / name).is_file() for name in RECORDS):
        strange = strange or [found[0].name]
    if strange:
        raise InputError(
            f"holds {strange[0]!r}, so it is no report of ours and is not replaced; choose "
            "another directory",
            where=str(out),
        )
