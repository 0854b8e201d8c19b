"""Minutes of streams of which half are abandoned, and what is left of them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator

from .asking import ask, connection
from .replies import EVENT, Pieces
from .target import PATH, STREAM, Target, call
from .tried import Tried
from .upstreams import Upstream

__all__ = ["soak"]

_EVENTS = 10
_PAUSE_S = 0.02
_MOST_GROWN_MB = 40.0
_MOST_FILES = 20


def _stream() -> Pieces:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        for _ in range(_EVENTS):
            yield EVENT
            await asyncio.sleep(_PAUSE_S)

    return pieces


def soak(target: Target, upstream: Upstream, *, seconds: float, callers: int) -> Tried:
    """Call, and leave half of the calls at a random moment.

    Args:
        target: the service.
        upstream: of it.
        seconds: for so long; a tenth of it is a warm-up, after which memory is to stay as it is.
        callers: at once.
    """
    upstream.replies = [_stream()]
    chance = random.Random(1)
    made = left = 0
    fell: list[str] = []

    async def one(number: int, end: float) -> None:
        nonlocal made, left
        count = 0
        while time.monotonic() < end:
            count += 1
            body = b'{"contents": [{"parts": [{"text": "%d of %d"}]}]}' % (count, number)
            path = STREAM if chance.random() < 0.8 else PATH
            raw = call(path, "X-Case: 0", body=body)
            made += 1
            if chance.random() < 0.5:
                left += 1
                with contextlib.suppress(ConnectionError):
                    async with connection(target.port) as (reader, writer):
                        writer.write(raw)
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(chance.random() * _EVENTS * _PAUSE_S * 1.5):
                                await reader.read(-1)
                continue
            found = await ask(target.port, [raw])
            if not (found.status and found.whole):
                fell.append(f"a call came to {found.status}, whole: {found.whole}")

    async def run(for_s: float) -> None:
        end = time.monotonic() + for_s
        await asyncio.gather(*(one(number, end) for number in range(callers)))

    asyncio.run(run(seconds / 10))
    fell += target.left_over()
    before_mb, before_files = target.memory_mb(), target.files()
    asyncio.run(run(seconds * 9 / 10))
    fell += target.left_over()
    grown_mb = target.memory_mb() - before_mb
    files = target.files() - before_files
    if grown_mb > _MOST_GROWN_MB:
        fell.append(f"memory grew by {grown_mb:.0f} MB")
    if files > _MOST_FILES:
        fell.append(f"{files} more files are open")
    return Tried(
        what=f"{seconds / 60:.1f} minutes of streams, half of them abandoned",
        wanted="nothing in flight or reserved, memory and files flat",
        cases=made,
        fell=tuple(fell),
        measured=f"{left:,} abandoned, memory {grown_mb:+.0f} MB, files {files:+}",
    )
