"""Waiting for what another thread or process does, where nothing tells when it is done.

The one place where tests look again and again; whatever has an event or a future is awaited.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

__all__ = ["GIVE_UP_S", "at_once", "free_port", "listens", "threads", "until", "until_ready"]

Found = TypeVar("Found")

GIVE_UP_S = 300.0
"""Wall seconds after which what has not come is taken to hang.

No measure of anything: a slow machine that does much else is given the time that it needs.
"""
_AGAIN_S = 0.005
FREE_PORTS = range(20_000, 32_768)


def until(look: Callable[[], Found], what: str = "") -> Found:
    """What is seen, once there is something to see.

    Args:
        look: gives something true once it is so.
        what: is waited for, for the message.

    Raises:
        AssertionError: it did not come to be; see `GIVE_UP_S`.
    """
    end_s = time.monotonic() + GIVE_UP_S
    while not (found := look()):
        assert time.monotonic() < end_s, f"it did not happen: {what} (last seen: {found!r})"
        time.sleep(_AGAIN_S)
    return found


def threads() -> set[str]:
    """Names of those that run."""
    return {thread.name for thread in threading.enumerate()}


@contextmanager
def at_once() -> Iterator[None]:
    """What is done within the block waits for nothing that does not come: for `GIVE_UP_S`, say."""
    begun_s = time.monotonic()
    yield
    assert time.monotonic() - begun_s < GIVE_UP_S / 2, "it waited"


def until_ready(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    """Wait for a server that was started.

    Raises:
        RuntimeError: it ended before; with the end of its log.
    """

    def look() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"it ended before it was ready: {log.read_text()[-2000:]}")
        return ready()

    until(look, f"{process.args!r} is ready")


def listens(port: int) -> bool:
    """Whether somebody takes connections there, on 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=GIVE_UP_S):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on now, for servers that cannot choose one themselves.

    Below those that systems give away by themselves, of which a connection may get one before a
    server that takes its time to start does.
    """
    while True:
        port = FREE_PORTS.start + secrets.randbelow(len(FREE_PORTS))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
