"""The service under load, in a process of its own, by the scenario's clock and draws.

It is told what to play in one line of JSON on its standard input, and ends when that closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn

from balancer.core.errors import BalancerError
from balancer.service.app import create_app
from balancer.service.settings import Settings

from .governed import Governed
from .rendezvous import Meeting
from .scene import Scene

__all__ = ["NAME"]

NAME = "target"

_NAP_S = 0.02
_KEEP_ALIVE_S = 600
_DRAIN_S = 2
_MOST_BODY_BYTES = 25_000_000
_LONGEST_PROMPT = 8_000_000
_UNLIMITED_PER_S = 1e6


def _settings(told: dict[str, Any], directory: Path) -> Settings:
    return Settings(
        host="127.0.0.1",
        port=0,
        data=directory / "service",
        upstream=told["upstream"],
        vertex_upstream=told["upstream"],
        gemini_key=told["api_key"],
        # What is measured is the controller, and not these doors.
        reads_per_s=_UNLIMITED_PER_S,
        mutations_per_s=_UNLIMITED_PER_S,
        largest_api_body=_MOST_BODY_BYTES,
        longest_prompt=_LONGEST_PROMPT,
    )


async def _serve(told: dict[str, Any]) -> None:
    scene = Scene.of(told["scene"])
    scenario, policy = scene.load()
    directory = Path(told["meeting"])
    meeting = Meeting(directory)
    with Governed(scene, scenario, policy, directory) as governed:
        app = create_app(governed.balancer, _settings(told, directory))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_DRAIN_S,
                host="127.0.0.1",
                port=0,
            )
        )
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has no event
            await asyncio.sleep(_NAP_S)
        if not serving.done():
            host, port = server.servers[0].sockets[0].getsockname()[:2]
            meeting.ready(NAME, url=f"http://{host}:{port}")
            _end_with_input(server)
            await _begin_in_time(meeting, governed, serving)
        await serving


async def _begin_in_time(meeting: Meeting, governed: Governed, serving: asyncio.Task[None]) -> None:
    while not serving.done():
        epoch = meeting.epoch()
        if epoch is not None:
            governed.begin(epoch)
            return
        await asyncio.sleep(_NAP_S)


def _end_with_input(server: uvicorn.Server) -> None:
    """Stop serving when whoever started this process closes its input, or dies."""

    def watch() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()


def _main() -> int:
    told = json.loads(sys.stdin.buffer.readline())
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_serve(told))
    except BalancerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main())
