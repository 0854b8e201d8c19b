"""Streams to whoever looks: drawn once a tick for all of them, the newest only for the slow.

Nothing is drawn while nobody looks. A viewer holds one message: who reads slowly misses some, and
neither the ticker nor another viewer waits for anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from ..problems import Problem

__all__ = ["Live", "event", "html"]

_MOST_VIEWERS = 500
_BEAT_S = 2.0
"""Something is sent this often, even if the controller's ticks stop: the page then says so."""
_LEAST_S = 0.25
"""Between two drawings, where the clock runs faster."""
_log = logging.getLogger("balancer.service.console")

Draw = Callable[[], bytes]


def html(text: str) -> bytes:
    """A message that htmx swaps in."""
    return b"".join(b"data: %s\n" % line.encode() for line in text.splitlines()) + b"\n"


def event(name: str, value: Any) -> bytes:
    """A message that reaches scripts as a DOM event of that name."""
    return f"event: {name}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


class _Viewer:
    def __init__(self) -> None:
        self._newest: bytes | None = None
        self._there = asyncio.Event()

    def give(self, message: bytes | None) -> None:
        self._newest = message
        self._there.set()

    async def take(self) -> bytes | None:
        await self._there.wait()
        self._there.clear()
        return self._newest


class Live:
    """What is streamed, by the name of its view."""

    def __init__(self) -> None:
        self._views: dict[str, Draw] = {}
        self._viewers: dict[str, set[_Viewer]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticked = asyncio.Event()
        self._drawing: asyncio.Task[None] | None = None
        self._closed = False

    def add(self, view: str, draw: Draw) -> None:
        """Offer a view.

        Args:
            view: its name; pages connect to `/console/live/VIEW`.
            draw: makes its messages (`html`, `event`) as they are now; on another thread.
        """
        self._views[view] = draw
        self._viewers[view] = set()

    def tick(self, *_news: object) -> None:
        """A tick is over. On the ticker: returns at once."""
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self._ticked.set)
            except RuntimeError:  # the loop has ended
                self._loop = None

    def close(self) -> None:
        """End all streams; in the event loop."""
        self._closed = True
        for viewer in self._all():
            viewer.give(None)

    def watch(self, view: str) -> AsyncIterator[bytes]:
        """The messages of a view, from now on.

        Raises:
            Problem: 404 for a view that is not there, 503 where too many look.
        """
        if view not in self._views:
            raise Problem(404, "there is no such view")
        if len(self._all()) >= _MOST_VIEWERS or self._closed:
            raise Problem(503, "too many look at once; close a page", headers={"retry-after": "5"})
        return self._watch(view)

    async def _watch(self, view: str) -> AsyncIterator[bytes]:
        viewer = _Viewer()
        viewers = self._viewers[view]
        viewers.add(viewer)
        self._loop = asyncio.get_running_loop()
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.create_task(self._draw())
        self._ticked.set()
        try:
            while True:
                message = await viewer.take()
                if message is None or self._closed:
                    return
                yield message
        finally:
            viewers.discard(viewer)

    def _all(self) -> list[_Viewer]:
        return [viewer for viewers in self._viewers.values() for viewer in viewers]

    async def _draw(self) -> None:
        while self._all() and not self._closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ticked.wait(), _BEAT_S)
            self._ticked.clear()
            begun = time.monotonic()
            for view, viewers in self._viewers.items():
                if viewers:
                    await self._give(view, viewers)
            await asyncio.sleep(max(0.0, _LEAST_S - (time.monotonic() - begun)))
        self._loop = None

    async def _give(self, view: str, viewers: set[_Viewer]) -> None:
        try:
            message = await asyncio.to_thread(self._views[view])
        except Exception:  # noqa: BLE001 - a page that cannot be drawn says that it is stale
            _log.exception("%s cannot be drawn", view)
            return
        for viewer in viewers:
            viewer.give(message)
