"""Unary calls a second of the mock Gemini without latency, beside an empty application's.

Both run on the same server in processes of their own, and one saturating client (this process,
over connections that are always busy) calls them in turns in the same run. The figure is the ratio
of calls in a second of their processors' time: it is about the application alone, and on a machine
that has other things to do a busy process is not given all of a core. The client never sleeps. On a
virtual machine, waking a sleeping one can cost the server that answers it as much as the call,
and more often the one that leaves it time to fall asleep.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from sim.mock_gemini.process import spawn
from sim.mock_gemini.server import run_loop

__all__ = ["mock_throughput"]

_CONNECTIONS = 16
_ROUNDS = 5
_ROUND_S = 1.0
_PROMPT = "Explain in plain words why a queue grows without bound when load exceeds capacity. " * 8


class _Caller(asyncio.Protocol):
    """One connection on which the same request is made again and again."""

    def __init__(self, request: bytes, until: float, done: asyncio.Future[int]) -> None:
        self._request = request
        self._until = until
        self._done = done
        self._got = bytearray()
        self._count = 0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make the first call."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up, if that was not meant."""
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Make the next call once this one is answered."""
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._got.find(b"content-length: ") + len(b"content-length: ")
        length = int(self._got[at : self._got.find(b"\r", at)])
        if len(self._got) < head + 4 + length:
            return
        if not self._got.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(AssertionError(bytes(self._got[:200])))
            return
        self._count += 1
        self._got.clear()
        if time.perf_counter() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()
            self._done.set_result(self._count)


def _request() -> bytes:
    body = {
        "contents": [{"role": "user", "parts": [{"text": _PROMPT}]}],
        "generationConfig": {"maxOutputTokens": 400, "thinkingConfig": {"thinkingBudget": 0}},
    }
    raw = json.dumps(body).encode()
    return (
        b"POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1\r\n"
        b"host: 127.0.0.1\r\nx-goog-api-key: mock-key\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(raw)
    ) + raw


def _stay_awake(until: float) -> None:
    """Keep the loop from waiting for its sockets."""
    if time.perf_counter() < until:
        asyncio.get_running_loop().call_soon(_stay_awake, until)


@dataclass(slots=True)
class _Server:
    """What was measured of one.

    Attributes:
        port: where it listens.
        pid: of its process.
        best_per_s: calls a second of its best round.
        calls: of all rounds.
        cpu_s: that it took for them.
    """

    port: int
    pid: int
    best_per_s: float = 0.0
    calls: int = 0
    cpu_s: float = 0.0


def _cpu_s(pid: int) -> float:
    """Seconds of processors that a process has had."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")


async def _round(server: _Server, request: bytes) -> None:
    """Call it for one round."""
    loop = asyncio.get_running_loop()
    before_s, began = _cpu_s(server.pid), time.perf_counter()
    _stay_awake(began + _ROUND_S)
    counts: list[asyncio.Future[int]] = [loop.create_future() for _ in range(_CONNECTIONS)]
    for done in counts:
        await loop.create_connection(
            lambda done=done: _Caller(request, began + _ROUND_S, done),  # type: ignore[misc]
            "127.0.0.1",
            server.port,
        )
    total = sum(await asyncio.wait_for(asyncio.gather(*counts), 30.0))
    server.best_per_s = max(server.best_per_s, total / (time.perf_counter() - began))
    server.calls += total
    server.cpu_s += _cpu_s(server.pid) - before_s


async def _rounds(*servers: _Server) -> None:
    request = _request()
    for _ in range(_ROUNDS):
        for server in servers:
            await _round(server, request)


def mock_throughput() -> dict[str, float]:
    """Calls a second of both, and the ratio of those in a second of their processors' time."""
    with (
        # In no tier it has no quota, which a saturating client would use up.
        spawn(overrides=["upstream.tier=null"], latency=False) as mock,
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.empty_server"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as empty,
    ):
        assert empty.stdout is not None and empty.stdin is not None
        of_empty = _Server(int(empty.stdout.readline()), empty.pid)
        of_mock = _Server(urlsplit(mock.addresses.url).port or 0, mock.pid)
        run_loop(_rounds(of_empty, of_mock))
        empty.stdin.close()
    of_a_call = [server.cpu_s / server.calls for server in (of_empty, of_mock)]
    return {
        "empty_asgi_per_s": of_empty.best_per_s,
        "mock_unary_per_s": of_mock.best_per_s,
        "mock_unary_ratio": of_a_call[0] / of_a_call[1],
    }


if __name__ == "__main__":
    print(json.dumps(mock_throughput(), indent=2))
