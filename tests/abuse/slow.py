"""Slow callers beside good ones: what the good ones wait."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.control.rates import quantile

from .asking import ask, connection
from .target import Target, call
from .tried import Tried
from .upstreams import Upstream

__all__ = ["slow"]

_MOST_TIMES = 2.0
_AT_ONCE = 4
_EVERY_S = 1.0
_LARGE = 4 << 20
_LONG = 10_000


def slow(
    target: Target, upstream: Upstream, *, callers: int, calls: int, rounds: int, timed: bool = True
) -> Tried:
    """Measure good calls alone and beside slow callers, in turn.

    Args:
        target: the service.
        upstream: of it.
        callers: slow ones at once: a third each send their headers, send their bodies, and take
            their answers, drop by drop.
        calls: good ones in a round.
        rounds: of both; the one counts that disturbed least, as others are busy here too.
        timed: whether the times are judged.
    """
    large = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % _LARGE
    upstream.replies = [large + bytes(_LARGE)]
    ratios: list[tuple[float, float, float]] = []
    fell: list[str] = []

    async def p99_s() -> float:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> float:
            body = b'{"contents": [{"parts": [{"text": "good %d"}]}]}' % number
            async with places:
                found = await ask(target.port, [call(body=body)])
            if found.status != 200 or not found.whole:
                fell.append(f"a good call came to {found.status}: {found.body[:200]!r}")
            return found.seconds

        return quantile(await asyncio.gather(*map(one, range(calls))), 0.99)

    async def run() -> None:
        await p99_s()  # what happens once only
        for _ in range(rounds):
            alone = await p99_s()
            async with _crowd(target, callers):
                beside = await p99_s()
            ratios.append((beside / alone, alone, beside))

    asyncio.run(run())
    ratio, alone, beside = min(ratios)
    if timed and ratio > _MOST_TIMES:
        fell.append(f"P99 of good calls is {ratio:.2f} times what it is alone")
    return Tried(
        what=f"{callers} slow callers beside good ones",
        wanted=f"P99 of good ones within {_MOST_TIMES:g} times of alone",
        cases=calls * rounds,
        fell=(*fell, *target.left_over()),
        measured=f"P99 {alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside",
    )


@asynccontextmanager
async def _crowd(target: Target, callers: int) -> AsyncIterator[None]:
    """In a process of its own, so that it takes no time from those who are measured."""
    words = ("-m", "tests.abuse.slow", str(target.port), str(callers))
    crowd = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE
    )
    assert crowd.stdout is not None
    try:
        await asyncio.wait_for(crowd.stdout.readline(), 60)
        yield
    finally:
        crowd.kill()
        await crowd.wait()


async def _be_slow(port: int, callers: int) -> None:
    """Until this process is killed; says so once all of them are there."""
    whole = call()
    large = call("/v1beta/files/x:download", "X-Case: 0", body=b"", verb="GET")
    kinds = (whole, call(body=b" " * _LONG), large)
    arrived = 0

    async def one(number: int) -> None:
        nonlocal arrived
        raw = kinds[number % 3]
        # Some send their headers slowly, some their bodies, and some only take slowly.
        begun = (20, len(raw) - _LONG, len(raw))[number % 3]
        first = True
        while True:
            with contextlib.suppress(ConnectionError):
                async with connection(port, 1024) as (reader, writer):
                    writer.write(raw[:begun])
                    at = begun
                    while not reader.at_eof():
                        await asyncio.sleep(_EVERY_S)
                        arrived += first
                        if first and arrived == callers:
                            sys.stdout.write("all are here\n")
                            sys.stdout.flush()
                        first = False
                        if at < len(raw):
                            writer.write(raw[at : at + 1])
                            await writer.drain()
                            at += 1
                        else:
                            await reader.read(1024)

    await asyncio.gather(*map(one, range(callers)))


if __name__ == "__main__":
    asyncio.run(_be_slow(int(sys.argv[1]), int(sys.argv[2])))
