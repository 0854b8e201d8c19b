"""Several files into one directory, each of them whole or not there."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
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
    interrupt or a full disk leaves earlier files as they were, and never half a file. A link
    stays one, and what it leads to is written; a file keeps its owner and its mode. What
    is no file, such as a pipe, is written to.

    Raises:
        InputError: the directory or a file cannot be written.
    """
    check_directory(out)
    partial: list[tuple[Path, Path]] = []
    streams: list[tuple[Path, bytes]] = []
    path = out
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            path = out / name
            content = text.encode("utf-8")
            if path.is_dir():
                raise InputError("is a directory; a file is written there", str(path))
            if _is_fixed(path):
                streams.append((path, content))
                continue
            place = path.resolve()
            beside = place.with_name(f".{place.name}.{os.getpid()}.partial")
            partial.append((beside, place))
            _write_like(beside, content, place)
        for beside, path in partial:
            beside.replace(path)
        for path, content in streams:
            with path.open("wb") as stream:
                stream.write(content)
    except UnicodeEncodeError as error:
        found = error.object[error.start : error.end]
        raise InputError(f"cannot be written: {found!r} is no text", where=str(path)) from None
    except (OSError, RuntimeError) as error:  # a loop of links is the latter before Python 3.13
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise InputError(f"cannot be written: {reason}", where=str(path)) from None
    finally:
        for beside, _ in partial:
            beside.unlink(missing_ok=True)


def _is_fixed(path: Path) -> bool:
    """Whether nothing can be put in this place: it is no file, or its directory is another's."""
    if not path.exists():
        return False
    if not path.is_file():
        return True
    place = path.resolve()
    # As a file that is a mount, too: `docker run -v verdict.json:/verdict.json`.
    return os.path.ismount(place) or not os.access(place.parent, os.W_OK)


def _write_like(path: Path, content: bytes, earlier: Path) -> None:
    """Write a new file that whoever may read or write the earlier one may read or write."""
    with path.open("wb") as stream:
        if earlier.exists():
            found = earlier.stat()
            with suppress(OSError, AttributeError):  # not ours to give away, or no owners here
                os.chown(path, found.st_uid, found.st_gid)
            path.chmod(stat.S_IMODE(found.st_mode))
        stream.write(content)
