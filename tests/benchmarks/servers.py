"""What servers of ASGI bound, and what they cost a call: `python -m tests.benchmarks.servers`.

Each serves the same application, which answers as the proxy does to a short call, in a process of
its own on one core's worth of work. The bounds are tried over raw sockets, with the server's own
settings for them wherever it has some; calls are timed one after the other, the servers taking
turns, so that whatever else the machine does strikes all of them. Medians of the best round.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from tests.waiting import free_port, listens, until

__all__ = ["measure_servers"]

CALLS, ROUNDS = 300, 5
_HEADER_TIME_S, _BODY_TIME_S = 1, 1
_PATIENCE_S = 6.0
_CONNECTIONS = 20
_MOST_SENT = 32 << 20
_BODY = json.dumps({"contents": [{"parts": [{"text": "Why is the sky blue? " * 50}]}]}).encode()
_ANSWER = _BODY
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Read the body, and answer."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER})


def _uvicorn(port: int, http: str) -> None:
    import uvicorn

    uvicorn.run(
        app, port=port, http=http, loop="uvloop", log_config=None, access_log=False,
        limit_concurrency=_CONNECTIONS, h11_max_incomplete_event_size=64 << 10,
        timeout_keep_alive=75, server_header=False, date_header=False,
    )  # fmt: skip


def _ours(port: int, _: str) -> None:
    import uvicorn

    from balancer.service.bounds import Bounds
    from balancer.service.connection import connection_class

    bounds = Bounds(
        connections=_CONNECTIONS, header_time_s=_HEADER_TIME_S, body_time_s=_BODY_TIME_S,
        reader_time_s=_BODY_TIME_S,
    )  # fmt: skip
    uvicorn.run(
        app, port=port, http=connection_class(bounds), loop="uvloop", log_config=None,
        access_log=False, timeout_keep_alive=75, server_header=False, date_header=False,
    )  # fmt: skip


def _hypercorn(port: int, _: str) -> None:
    import uvloop
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = config.errorlog = None
    config.h11_max_incomplete_size = 64 << 10
    config.read_timeout = _BODY_TIME_S
    config.keep_alive_timeout = 75
    config.keep_alive_max_requests = 10**9
    config.include_date_header = config.include_server_header = False
    uvloop.run(serve(app, config))  # type: ignore[arg-type]


def _granian(port: int, _: str) -> None:
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.server import Server

    Server(
        "tests.benchmarks.servers:app", port=port, interface=Interfaces.ASGI, http=HTTPModes.http1,
        loop=Loops.uvloop, log_enabled=False, backpressure=_CONNECTIONS, backlog=128,
        http1_settings=HTTP1Settings(
            header_read_timeout=_HEADER_TIME_S * 1000, max_buffer_size=64 << 10
        ),
    ).serve()  # fmt: skip


SERVERS: dict[str, tuple[Callable[[int, str], None], str]] = {
    "uvicorn, h11": (_uvicorn, "h11"),
    "uvicorn, httptools": (_uvicorn, "httptools"),
    "hypercorn": (_hypercorn, ""),
    "granian": (_granian, ""),
    "uvicorn, httptools, Connection": (_ours, ""),
}


def _head(*lines: str) -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def _endless(connection: socket.socket) -> str:
    sent = 0
    connection.sendall(_head().removesuffix(b"\r\n") + b"X: ")
    with contextlib.suppress(OSError):
        while sent < _MOST_SENT and not select.select([connection], [], [], 0)[0]:
            connection.sendall(b"a" * (1 << 16))
            sent += 1 << 16
    return _seen(connection) if sent < _MOST_SENT else "taken without end"


def _half_a_head(connection: socket.socket) -> str:
    connection.sendall(_head().removesuffix(b"\r\n"))
    return _seen(connection)


def _half_a_body(connection: socket.socket) -> str:
    connection.sendall(_head("Content-Length: 100") + b"{")
    return _seen(connection)


def _seen(connection: socket.socket) -> str:
    """How it is ended, if it is."""
    try:
        data = connection.recv(1 << 16)
    except TimeoutError:
        return "stays open"
    except OSError:
        return "reset"
    return data.split(b" ")[1].decode() if data.startswith(b"HTTP/1.1 ") else "hung up"


def _one_too_many(port: int) -> str:
    with ExitStack() as stack:
        for _ in range(2 * _CONNECTIONS):
            made = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            made.sendall(_head("Content-Length: 100"))
        with socket.create_connection(("127.0.0.1", port), timeout=_BODY_TIME_S / 2) as last:
            try:
                last.sendall(_head("Content-Length: 0"))
                data = last.recv(1 << 16)
            except TimeoutError:
                return "waits"
            except OSError:
                return "reset"
    status = data.split(b" ")[1].decode()
    return status + (", Retry-After" if b"retry-after" in data.lower() else "")


@contextmanager
def _running(name: str) -> Iterator[int]:
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.servers", name, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: listens(port), name)
        yield port
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
        child.kill()
        child.wait()


def _bounds(port: int) -> dict[str, str]:
    tried = {"endless header": _endless, "half a head": _half_a_head, "half a body": _half_a_body}
    found = {}
    for what, attempt in tried.items():
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as connection:
            found[what] = attempt(connection)
    return found | {"one connection too many": _one_too_many(port)}


async def _round(ports: dict[str, int]) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in ports}
    request = _head(f"Content-Length: {len(_BODY)}") + _BODY
    pairs = {name: await asyncio.open_connection("127.0.0.1", port) for name, port in ports.items()}
    for _ in range(CALLS):
        for name, (reader, writer) in pairs.items():
            begun = time.perf_counter()
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(_ANSWER))
            taken[name].append(time.perf_counter() - begun)
    for _, writer in pairs.values():
        writer.close()
    return taken


def measure_servers() -> dict[str, dict[str, Any]]:
    """Of each: what became of what has no bound, and milliseconds of a call."""
    with ExitStack() as stack:
        ports = {name: stack.enter_context(_running(name)) for name in SERVERS}
        rounds = [asyncio.run(_round(ports)) for _ in range(ROUNDS)]
        found: dict[str, dict[str, Any]] = {name: {**_bounds(ports[name])} for name in SERVERS}
    for name in SERVERS:
        found[name]["call_p50_ms"] = round(min(median(each[name]) for each in rounds) * 1e3, 3)
    return found


if __name__ == "__main__":
    if len(sys.argv) == 3:
        serve, how = SERVERS[sys.argv[1]]
        serve(int(sys.argv[2]), how)
    else:
        print(json.dumps(measure_servers(), indent=2))
