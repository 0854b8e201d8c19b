"""The file that `--json` names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from .whole_files import write_whole

__all__ = ["check_writable", "write_too"]


def check_writable(json_file: Path | None, inputs: Iterable[str | Path | None] = ()) -> None:
    """Refuse a file that could not be written, before anything runs.

    Args:
        json_file: what is to be written; None: nothing.
        inputs: files that are read, and names of scenarios: none of them is overwritten.

    Raises:
        InputError: it is a directory, in none that exists, must not be written, or is read.
    """
    if json_file is None:
        return
    if json_file.is_dir():
        raise InputError("found a directory, expected a file", where=str(json_file))
    if json_file.is_file():
        for each in inputs:
            if each is not None and Path(each).is_file() and json_file.samefile(each):
                raise InputError("is read here; choose another name", where=str(json_file))
    folder = json_file.resolve().parent
    if not folder.is_dir():
        raise InputError("is in no directory that exists", where=str(json_file))
    if not os.access(json_file if json_file.exists() else folder, os.W_OK):
        raise InputError("cannot be written: Permission denied", where=str(json_file))


def write_too(json_file: Path | None, record: Any) -> None:
    """Write a record where `--json` says, if it says so."""
    from balancer.records.files import json_text

    if json_file is not None:
        write_whole(json_file.parent, {json_file.name: json_text(record)})
