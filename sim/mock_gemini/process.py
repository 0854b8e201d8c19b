"""A mock Gemini in a process of its own, started and stopped by this one.

The child is told what to play in one line of JSON on its standard input and answers with one
line when it listens. It ends when its input ends, so it never outlives its parent.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from balancer.core.errors import BalancerError, InputError

from ..child_start import start_child
from .admin_client import Admin
from .server import Addresses, keep_for_good, run_loop, serve
from .settings import Settings, load_settings

__all__ = ["MockProcess", "spawn"]

_STARTS_WITHIN_S = 600.0  # the first start on a machine compiles, perhaps a busy one
_STOPS_WITHIN_S = 10.0


class MockProcess:
    """A running mock Gemini; a context manager that stops it.

    Attributes:
        addresses: where it listens.
        admin: its admin API.
        pid: of the process.
    """

    __slots__ = ("_child", "addresses", "admin", "pid")

    def __init__(self, child: subprocess.Popen[str], addresses: Addresses) -> None:
        self._child = child
        self.pid = child.pid
        self.addresses = addresses
        self.admin = Admin(addresses.admin_url, addresses.token)

    def stop(self) -> None:
        """Stop it, whatever it is doing."""
        _stop(self._child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def spawn(
    scenario: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    policy: str | Path | None = None,
    replication: int = 0,
    speed: float = 1.0,
    latency: bool = True,
    host: str = "127.0.0.1",
) -> MockProcess:
    """Start a mock Gemini and wait until it is healthy.

    Args:
        scenario, overrides, policy, replication, speed, latency, host: see
            `sim.mock_gemini.settings.load_settings`.

    Raises:
        InputError: it cannot be started like this; says why.
    """
    asked = {
        "scenario": None if scenario is None else str(scenario),
        "overrides": list(overrides),
        "policy": None if policy is None else str(policy),
        "replication": replication,
        "speed": speed,
        "latency": latency,
        "host": host,
    }
    child = start_child(
        [sys.executable, "-m", "sim.mock_gemini.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdin is not None
        child.stdin.write(json.dumps(asked) + "\n")
        child.stdin.flush()
        process = MockProcess(child, _addresses(child))
        process.admin.health()
    except BaseException:
        _stop(child)
        raise
    return process


def _addresses(child: subprocess.Popen[str]) -> Addresses:
    """Where the child says that it listens.

    Raises:
        InputError: it says why it does not, or says nothing.
    """
    late = threading.Timer(_STARTS_WITHIN_S, child.kill)
    late.start()
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
    finally:
        late.cancel()
    if not line:
        raise InputError(f"the mock Gemini ended before it listened, with exit code {child.wait()}")
    said: dict[str, Any] = json.loads(line)
    if "error" in said:
        raise InputError(said["error"])
    return Addresses(**said)


def _stop(child: subprocess.Popen[str]) -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(_STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _child() -> None:
    try:
        settings = load_settings(**json.loads(sys.stdin.readline()))
        run_loop(_serve_until_input_ends(settings))
    except BalancerError as error:
        _say({"error": str(error)})
    except KeyboardInterrupt:
        return


async def _serve_until_input_ends(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def watch() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, daemon=True).start()

    def ready(addresses: Addresses) -> None:
        keep_for_good()
        _say(asdict(addresses))

    await serve(settings, ready, stop)


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _child()
