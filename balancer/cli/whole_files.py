"""Several files into one directory, each of them whole or not there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..core.errors import InputError

__all__ = ["check_directory", "write_whole"]


def check_directory(out: Path) -> None:
    """Refuse what cannot become a directory, before anything is made for it.

    Raises:
        InputError: it, or what it would be in, is a file.
    """
    for place in (out, *out.absolute().parents):
        if place.is_dir():
            return
        if place.exists() or place.is_symlink():
            raise InputError("is no directory; name one, or a new one", where=str(place))


def write_whole(out: Path, texts: Mapping[str, str]) -> None:
    """Write files, by name, in UTF-8; those of another name are left alone.

    All of them are written beside their places before the first is put there, so that an
    interrupt or a full disk leaves earlier files as they were, and never half a file.

    Raises:
        InputError: the directory or a file cannot be written.
    """
    check_directory(out)
    partial = {name: out / f".{name}.{os.getpid()}.partial" for name in texts}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            if (out / name).is_dir():
                raise InputError("is a directory; a file is written there", str(out / name))
            partial[name].write_text(text, encoding="utf-8", newline="\n")
        for name, path in partial.items():
            path.replace(out / name)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(out)) from None
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
