"""Where reports go: one folder, a sub-folder for each run, and `latest` beside them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final

from ..core.errors import InputError

__all__ = ["LATEST", "REPORTS", "mark_latest", "run_folder"]

REPORTS: Final = Path("balancer-reports")
"""Of all commands and of the pytest plugin, where nothing else is said."""
LATEST: Final = "latest"
"""A link to the newest run's folder; systems without links do without it."""


@contextmanager
def run_folder(out: Path | None, command: str) -> Iterator[Path]:
    """The folder of a run: the one that was named, or a new one that nobody else is given.

    A new one is there, and empty, from the beginning, so that runs of one second have a folder
    each; it is taken away again if nothing was put there.

    Args:
        out: as it was named; None: it was not.
        command: begins the new one's name, as in `run-20261129-214500`.

    Raises:
        InputError: no new one can be made.
    """
    if out is not None:
        yield out
        return
    was_there = REPORTS.exists()
    try:
        REPORTS.mkdir(exist_ok=True)
        folder = _new_folder(f"{command}-{datetime.now().astimezone():%Y%m%d-%H%M%S}")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(REPORTS)) from None
    try:
        yield folder
    finally:
        with suppress(OSError):  # it holds something: what was asked for
            folder.rmdir()
            if not was_there:
                REPORTS.rmdir()


def _new_folder(name: str) -> Path:
    for more in count(1):
        folder = REPORTS / (name if more == 1 else f"{name}-{more}")
        with suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


def mark_latest(folder: Path) -> None:
    """Let `latest` lead to a folder, if it is one of those in `REPORTS`."""
    if folder.parent.name != REPORTS.name or folder.name == LATEST:
        return
    link = folder.with_name(LATEST)
    if link.exists() and not link.is_symlink():
        return
    partial = link.with_name(f".{LATEST}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    with suppress(OSError):  # no links here: nothing that a report needs
        partial.symlink_to(folder.name, target_is_directory=True)
        try:
            partial.replace(link)
        finally:
            partial.unlink(missing_ok=True)
