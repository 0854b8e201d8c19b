"""Where reports go: one folder, a sub-folder for each run, and `latest` beside them."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

__all__ = ["LATEST", "REPORTS", "mark_latest", "run_folder"]

REPORTS: Final = Path("balancer-reports")
"""Of all commands and of the pytest plugin, where nothing else is said."""
LATEST: Final = "latest"
"""A link to the newest run's folder; systems without links do without it."""


def run_folder(out: Path | None, command: str) -> Path:
    """The folder of a run: the one that was named, or a new one that holds nothing.

    Args:
        out: as it was named; None: it was not.
        command: begins the new one's name, as in `run-20261129-214500`.
    """
    if out is not None:
        return out
    now = datetime.now().astimezone()
    name = f"{command}-{now:%Y%m%d-%H%M%S}"
    folder, more = REPORTS / name, 1
    while folder.exists():
        more += 1
        folder = REPORTS / f"{name}-{more}"
    return folder


def mark_latest(folder: Path) -> None:
    """Let `latest` lead to a folder, if it is one of those in `REPORTS`."""
    if folder.parent.name != REPORTS.name or folder.name == LATEST:
        return
    link = folder.with_name(LATEST)
    if link.exists() and not link.is_symlink():
        return
    partial = link.with_name(f".{LATEST}.{os.getpid()}.partial")
    with suppress(OSError):  # no links here: nothing that a report needs
        partial.unlink(missing_ok=True)
        partial.symlink_to(folder.name, target_is_directory=True)
        partial.replace(link)
