"""A first scenario of one's own: a commented file that passes as it stands."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from balancer.core.errors import InputError
from balancer.documents import parse

from .loader import library

__all__ = ["check_new", "write_starter"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def write_starter(name: str, folder: Path) -> Path:
    """Write `NAME.yaml` into a folder.

    Returns:
        The path of the new file.

    Raises:
        InputError: as of `check_new`, or it cannot be written; nothing is.
    """
    path = check_new(name, folder)
    text = files("scenarios").joinpath("starter.yaml").read_text(encoding="utf-8")
    text = text.replace("THIS_FILE", path.name).replace(
        "scenario: NAME", f"scenario: {_as_text(name)}"
    )
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None
    return path


def check_new(name: str, folder: Path) -> Path:
    """The path of a new scenario's file.

    Raises:
        InputError: a name that no file or scenario can have, a folder that is none, or a file
            that is there already.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a scenario; expected letters, digits, _ and -, such "
            "as slow_model"
        )
    if name in library():
        raise InputError(
            f"{name!r} is a scenario of the library, which `open-balancer run {name}` would run "
            "in place of yours; choose another name"
        )
    if not folder.is_dir():
        raise InputError("is not a directory; create it first", where=str(folder))
    path = folder / f"{name}.yaml"
    if path.exists() or path.is_symlink():
        raise InputError("exists already; choose another name", where=str(path))
    return path


def _as_text(name: str) -> str:
    """The name as YAML text; some, such as 2026 and null, would be read as something else."""
    read = parse(f"name: {name}\n", "the name", InputError).values["name"]
    return name if isinstance(read, str) else f'"{name}"'
