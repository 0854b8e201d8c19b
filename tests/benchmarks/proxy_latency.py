"""What the proxy adds to a call's latency: paired with direct calls, in the same run.

Mock, service and client are processes of their own on this machine. Calls are sent on a
schedule, whatever the answers do (an open loop): a proxied one and a direct one take turns, at
100 a second each. The mock answers at once, so that what is left is the way.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from sim.mock_gemini.process import spawn

__all__ = ["added_ms", "measure_proxy", "served"]

RATE_PER_S = 100.0
WARM_UP = 200
_PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
_BODY = json.dumps(
    {"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue? " * 50}]}]}
).encode()


def measure_proxy(calls: int = 2000) -> dict[str, float]:
    """Milliseconds: of direct calls, of proxied ones, and the difference of the medians.

    Args:
        calls: of each kind, at 100 a second.
    """
    with spawn(latency=False) as mock, served(mock.addresses.url) as url:
        direct, proxied = asyncio.run(_load(mock.addresses.url, url, WARM_UP + calls))
    direct, proxied = direct[WARM_UP:], proxied[WARM_UP:]
    return {
        "direct_p50_ms": median(direct) * 1e3,
        "proxy_p50_ms": median(proxied) * 1e3,
        "proxy_added_p50_ms": (median(proxied) - median(direct)) * 1e3,
        "proxy_added_p95_ms": (quantiles(proxied, n=20)[-1] - quantiles(direct, n=20)[-1]) * 1e3,
    }


async def added_ms(direct_url: str, proxy_url: str, calls: int) -> float:
    """The difference of the medians alone, in milliseconds."""
    direct, proxied = await _load(direct_url, proxy_url, WARM_UP + calls)
    return (median(proxied[WARM_UP:]) - median(direct[WARM_UP:])) * 1e3


@contextmanager
def served(upstream: str) -> Iterator[str]:
    """A service of its own, before an upstream; its URL."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "balancer.cli", "serve", "--port", "0"]
        environment = {**os.environ, "OPEN_BALANCER_DATA": data, "OPEN_BALANCER_UPSTREAM": upstream}
        environment.pop("GEMINI_API_KEY", None)
        child = subprocess.Popen(
            command,
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stdout is not None
            yield child.stdout.readline().split()[-1]
        finally:
            child.terminate()
            child.wait(30)


async def _load(direct_url: str, proxy_url: str, calls: int) -> tuple[list[float], list[float]]:
    direct, proxied = _Pool(direct_url), _Pool(proxy_url)
    step_s = 1.0 / RATE_PER_S
    begun = time.perf_counter()
    running = []
    for number in range(calls):
        for pool, offset_s in ((proxied, 0.0), (direct, step_s / 2)):
            await asyncio.sleep(begun + number * step_s + offset_s - time.perf_counter())
            running.append(asyncio.create_task(pool.call()))
    await asyncio.gather(*running)
    direct.close()
    proxied.close()
    return direct.seconds, proxied.seconds


class _Pool:
    """Connections to one server, with as little of a client around them as will do."""

    def __init__(self, url: str) -> None:
        self._host, _, port = url.partition("://")[2].partition(":")
        self._port = int(port)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.seconds: list[float] = []
        head = (
            f"POST {_PATH} HTTP/1.1\r\nHost: {self._host}:{port}\r\nx-goog-api-key: mock-key\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
        )
        self._request = head.encode() + _BODY

    async def call(self) -> None:
        """Make one call, and note how long it took."""
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        begun = time.perf_counter()
        writer.write(self._request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        self.seconds.append(time.perf_counter() - begun)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode("latin-1"))
        self._idle.append((reader, writer))

    def close(self) -> None:
        """Hang up."""
        for _, writer in self._idle:
            writer.close()


if __name__ == "__main__":
    print(json.dumps(measure_proxy(), indent=2))
