"""A store of one's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from socket import AF_UNIX, socket

import pytest

from tests.certificates import self_signed
from tests.waiting import free_port, until

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")


class Server:
    """A redis-server on a socket, without files; it can be killed and started again.

    Args:
        home: of its socket.
        options: more of the command's.
        within: words before the command's.

    Attributes:
        url: of its socket.
    """

    def __init__(self, home: Path, *options: str, within: Sequence[str] = ()) -> None:
        self._home = home
        self._options = options
        self._within = within
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
                *(*self._within, SERVER, "--port", "0", "--unixsocket", str(self.socket)),
                # It looks ten times a second whose wait for lines is over, unless it is told to.
                *("--save", "", "--hz", "500", "--appendonly", "no"),
                *("--dir", str(self._home), *self._options),
            ],
            stdout=subprocess.DEVNULL,
        )
        until(lambda: self._listens() or self.ended, "the store listens")

    @property
    def ended(self) -> bool:
        """Whether it does not run."""
        return self._process is None or self._process.poll() is not None

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


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Server]:
    """A store that speaks TLS on a port, by a certificate in `tmp_path` that nobody trusts."""
    if SERVER is None:
        pytest.skip("no redis-server or valkey-server on this machine")
    made, port = str(self_signed(tmp_path / "certificate.pem")), str(free_port())
    options = ("--tls-port", port, "--bind", "127.0.0.1", "--tls-auth-clients", "no")
    with tempfile.TemporaryDirectory(prefix="fleet") as home:
        server = Server(Path(home), *options, "--tls-cert-file", made, "--tls-key-file", made)
        server.url = f"rediss://127.0.0.1:{port}/0"
        try:
            if server.ended:
                pytest.skip("the store of this machine was built without TLS")
            yield server
        finally:
            server.stop()
