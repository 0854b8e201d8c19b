"""A store and replicas that the kernel keeps apart: a network namespace each, joined by a bridge.

All of it is in namespaces that are made here, and goes with them: nothing outside is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["Network", "network"]

_NET = "10.77.0"
_PORT = 6379


class Network:
    """See the module. Replicas are numbered from 0.

    Attributes:
        host, url: of the store.
    """

    def __init__(self, replicas: int) -> None:
        mark = f"balancer-{os.getpid()}"
        self._store = f"{mark}-store"
        self._replicas = [f"{mark}-{number}" for number in range(replicas)]
        self.host = f"{_NET}.1"
        self.url = f"redis://{self.host}:{_PORT}/0"
        self.options = ("--port", str(_PORT), "--bind", self.host, "--protected-mode", "no")

    def make(self) -> None:
        """The namespaces, and a pair of devices for each replica."""
        for name in (self._store, *self._replicas):
            _ip("netns", "add", name)
        at = ("-n", self._store)
        _ip(*at, "link", "add", "bridge", "type", "bridge")
        _ip(*at, "address", "add", f"{self.host}/24", "dev", "bridge")
        _ip(*at, "link", "set", "bridge", "up")
        for number, name in enumerate(self._replicas):
            port = ("dev", f"to-{number}")
            _ip(*at, "link", "add", f"to-{number}", "type", "veth", "peer", "eth", "netns", name)
            _ip(*at, "link", "set", *port, "master", "bridge", "up")
            _ip("-n", name, "address", "add", f"{_address(number)}/24", "dev", "eth")
            _ip("-n", name, "link", "set", "eth", "up")

    def remove(self) -> None:
        """All of it, as far as it was made."""
        for name in (self._store, *self._replicas):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def at_store(self) -> tuple[str, ...]:
        """Words before a command that is to run beside the store."""
        return ("ip", "netns", "exec", self._store)

    def at(self, number: int) -> tuple[str, ...]:
        """Words before a command of a replica's."""
        return ("ip", "netns", "exec", self._replicas[number])

    def cut(self, number: int, *, heal: bool = False) -> None:
        """Nothing comes through between a replica and the store, and nobody is told."""
        state = "up" if heal else "down"
        _ip("-n", self._store, "link", "set", "dev", f"to-{number}", state)

    def mute(self, number: int, *, heal: bool = False) -> None:
        """The store hears a replica, and what it answers is lost."""
        do = "delete" if heal else "add"
        _ip("-n", self._store, "route", do, "blackhole", f"{_address(number)}/32")


def _address(number: int) -> str:
    return f"{_NET}.{number + 2}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, text=True, check=True)


@contextmanager
def network(replicas: int) -> Iterator[Network]:
    """Namespaces for a store and replicas; skips where this machine allows none."""
    if shutil.which("ip") is None:
        pytest.skip("ip of iproute2 is not installed: it makes network namespaces")
    made = Network(replicas)
    try:
        try:
            made.make()
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip().splitlines()[-1:]
            pytest.skip(f"this machine allows no network namespaces: {' '.join(said)}")
        yield made
    finally:
        made.remove()
