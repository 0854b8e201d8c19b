"""Upstreams that answer as no upstream should, by the hundred."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .asking import Answered, ask, read_response, refused_well
from .replies import GOOD, Reply, replies
from .target import PATH, STREAM, Target, Waiting, call
from .tried import Tried

__all__ = ["Upstream", "hostile", "upstream_thread"]

_AT_ONCE = 16


@dataclass(slots=True, kw_only=True)
class Upstream:
    """Answers each request as its header `x-case` says, well without one.

    Attributes:
        url: base URL.
        replies: by the case's number.
    """

    url: str = ""
    replies: list[Reply] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, until an answer is one that only its end ends."""
        lasts = True
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):
            while lasts:
                lasts = await self._answer(reader, writer)
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        top = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in top.split("\r\n")[1:])
        }
        await reader.readexactly(int(headers.get("content-length", "0")))
        case = headers.get("x-case")
        found = GOOD["stream" in top] if case is None else self.replies[int(case)]
        if isinstance(found, bytes):
            writer.write(found)
        else:
            async for piece in found():
                if reader.at_eof():
                    break
                writer.write(piece)
                await writer.drain()
        await writer.drain()
        return case is None or (isinstance(found, bytes) and _lasts(found))


def _lasts(sent: bytes) -> bool:
    """Whether a connection may go on after a response."""
    try:
        return read_response(sent, ended=False)[3]
    except ValueError:
        return False


@contextmanager
def upstream_thread() -> Iterator[Upstream]:
    """One on a thread of its own, for the time of the block."""
    made, ready = Upstream(), threading.Event()
    loop: list[asyncio.AbstractEventLoop] = []
    stop = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=1 << 20)
        made.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        loop.append(asyncio.get_running_loop())
        ready.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(20)
    try:
        yield made
    finally:
        loop[0].call_soon_threadsafe(stop.set)
        thread.join(20)


_WAYS = {"whole": PATH, "stream": STREAM, "passed on": "/v1beta/cachedContents"}


def hostile(target: Target, upstream: Upstream, *, bomb_mb: int, every: int = 1) -> Tried:
    """Ask for each of them, governed whole and as a stream, and passed on.

    Args:
        target: the service.
        upstream: of it.
        bomb_mb: that compressed ones are unpacked to.
        every: tries only one of so many.
    """
    cases = list(replies(bomb_mb).items())[::every]
    upstream.replies = [each for _, each in cases]
    tries = [(way, number) for way in _WAYS for number in range(len(cases))]
    before_mb = target.memory_mb()

    async def run() -> tuple[list[str], Waiting]:
        waiting, places = Waiting(), asyncio.Semaphore(_AT_ONCE)

        async def one(way: str, number: int) -> str:
            name, raw = cases[number]
            # No two are the same: what failed is not asked again for whoever repeats it.
            text = json.dumps(f"{name}, {way}").encode()
            body = b'{"contents": [{"parts": [{"text": %s}]}]}' % text
            async with places:
                found = await ask(target.port, [call(_WAYS[way], f"X-Case: {number}", body=body)])
            wrong = _wrong(way, found, raw)
            return wrong and f"{name}, {way}: {wrong}"

        async with waiting.beside(target.port):
            said = await asyncio.gather(*(one(*each) for each in tries))
        return [each for each in said if each], waiting

    fell, waiting = asyncio.run(run())
    grown_mb = target.memory_mb() - before_mb
    if grown_mb > 200:
        fell.append(f"memory grew by {grown_mb:.0f} MB")
    fell += waiting.unanswered()
    return Tried(
        what=f"hostile upstreams, three ways each, bombs of {bomb_mb} MB",
        wanted="an answer, cut off only where its start was sent",
        cases=len(tries),
        fell=(*fell, *target.left_over()),
        measured=f"memory {grown_mb:+.0f} MB, others waited {waiting.most_s:.2f} s at most",
    )


def _wrong(way: str, found: Answered, raw: Reply) -> str:
    if not found.status:
        if way == "passed on" and not isinstance(raw, bytes) and found.seconds > 19:
            return ""  # it has no deadline of ours
        return f"no answer within {found.seconds:.1f} s"
    sent = raw if isinstance(raw, bytes) else b""
    status = f"HTTP/1.1 {found.status} ".encode()
    theirs = status in sent or (bool(found.body) and found.body in sent)
    if found.status >= 500 and not theirs and not refused_well(found):
        return f"a refusal ({found.status}) in no form of ours: {found.body[:120]!r}"
    if found.status == 500 and not theirs:
        return f"answered 500: {found.body[:120]!r}"
    if not found.whole and way != "passed on":
        return f"the answer {found.status} is cut after {found.seconds:.1f} s"
    return ""
