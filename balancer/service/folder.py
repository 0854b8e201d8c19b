"""One owner for a data folder: a second service would spend its budget again and tear its files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ..core.errors import InputError

try:
    import fcntl
except ImportError:  # there is none on Windows, where nobody is kept out
    fcntl = None  # type: ignore[assignment]

__all__ = ["held"]

_FILE = "lock"


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Hold a data folder. The system lets go of it however this process ends.

    Raises:
        InputError: another process holds it; says which, and since when.
    """
    path = data / _FILE
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", where=str(path)) from None
    try:
        try:
            _lock(handle)
        except BlockingIOError:
            holder = os.read(handle, 1000).decode(errors="replace").strip() or "another process"
            raise InputError(
                f"is in use by {holder}; a second service would spend its budget again. Stop that "
                "one, or give this one a folder of its own with --data",
                where=str(data),
            ) from None
        except OSError as error:
            raise InputError(f"cannot be locked: {error.strerror}", where=str(path)) from None
        _say_who(handle)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _say_who(handle: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    who = f"process {os.getpid()} on {socket.gethostname()} since {since}\n"
    with suppress(OSError):  # a full disk: it is held all the same
        os.ftruncate(handle, 0)
        os.write(handle, who.encode())
