"""Waiting for what another thread or process does, where nothing tells when it is done.

The one place where tests look again and again; whatever has an event or a future is awaited.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

__all__ = ["free_port", "listens", "until", "until_ready"]

Found = TypeVar("Found")

_AGAIN_S = 0.005


def until(look: Callable[[], Found], what: str = "", within_s: float = 10.0) -> Found:
    """What is seen, once there is something to see.

    Args:
        look: gives something true once it is so.
        what: is waited for, for the message.
        within_s: wall seconds.

    Raises:
        AssertionError: it did not come to be in time.
    """
    end_s = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < end_s, f"it did not happen: {what} (last seen: {found!r})"
        time.sleep(_AGAIN_S)
    return found


def until_ready(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    """Wait for a server that was started.

    Raises:
        RuntimeError: it ended before; with the end of its log.
    """

    def look() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"it ended before it was ready: {log.read_text()[-2000:]}")
        return ready()

    until(look, f"{process.args!r} is ready", within_s=60.0)


def listens(port: int) -> bool:
    """Whether somebody takes connections there, on 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on now, for servers that cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
