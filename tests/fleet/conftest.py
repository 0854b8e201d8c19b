"""A store of one's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from socket import AF_UNIX, socket

import pytest

from tests.waiting import until

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")


class Server:
    """A redis-server on a socket, without files; it can be killed and started again.

    Attributes:
        url: of its socket.
    """

    def __init__(self, home: Path, *options: str) -> None:
        self._home = home
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = home / "socket"
        self.url = f"unix://{self.socket}"
        self.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, with nothing in it."""
        assert SERVER is not None
        self._process = subprocess.Popen(
            [
                *(SERVER, "--port", "0", "--unixsocket", str(self.socket), "--save", ""),
                # It looks ten times a second whose wait for lines is over, unless it is told to.
                *("--hz", "500", "--appendonly", "no", "--dir", str(self._home), *self._options),
            ],
            stdout=subprocess.DEVNULL,
        )
        until(self._listens, "the store listens")

    def _listens(self) -> bool:
        # Its socket is there a moment before it is listened at.
        with suppress(OSError), socket(AF_UNIX) as one:
            one.connect(str(self.socket))
            return True
        return False

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def tell(self, *words: str) -> str:
        """A command, and its answer."""
        import redis

        with redis.Redis(unix_socket_path=str(self.socket), decode_responses=True) as client:
            return str(client.execute_command(*words))


@pytest.fixture
def store() -> Iterator[Server]:
    """A store; skips where none is installed."""
    if SERVER is None:
        pytest.skip("no redis-server or valkey-server on this machine")
    # The path of a socket is short.
    with tempfile.TemporaryDirectory(prefix="fleet") as home:
        server = Server(Path(home))
        try:
            yield server
        finally:
            server.stop()
