"""Slow callers beside good ones: what the good ones wait."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
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
    target: Target,
    quiet: Target,
    upstream: Upstream,
    *,
    callers: int,
    calls: int,
    judged: Sequence[float],
) -> Tried:
    """Make good calls in pairs: one to a service with slow callers, one to a service without.

    Both of a pair begin at one moment, so that whatever else the machine does slows both alike.

    Args:
        target: the service with slow callers.
        quiet: the same without.
        upstream: of both.
        callers: slow ones at once: a third each send their headers, send their bodies, and take
            their answers, drop by drop.
        calls: pairs of good ones.
        judged: quantiles of the good calls' times that are held against each other.
    """
    large = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % _LARGE
    upstream.replies = [large + bytes(_LARGE)]
    alone: list[float] = []
    beside: list[float] = []
    fell: list[str] = []

    async def one(service: Target, number: int, times: list[float]) -> None:
        body = b'{"contents": [{"parts": [{"text": "good %d"}]}]}' % number
        found = await ask(service.port, [call(body=body)])
        if found.status != 200 or not found.whole:
            fell.append(f"a good call came to {found.status}: {found.body[:200]!r}")
        times.append(found.seconds)

    async def pairs(count: int, alone: list[float], beside: list[float]) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def pair(number: int) -> None:
            both = [one(quiet, number, alone), one(target, number, beside)]
            async with places:
                # Whichever is asked second waits a little for the first.
                await asyncio.gather(*(both if number % 2 else reversed(both)))

        await asyncio.gather(*map(pair, range(count)))

    async def run() -> None:
        await pairs(_AT_ONCE, [], [])  # what happens once only
        async with _crowd(target, callers):
            await pairs(calls, alone, beside)

    asyncio.run(run())
    measured = []
    for share in judged:
        without, with_them = quantile(alone, share), quantile(beside, share)
        times = with_them / without
        measured.append(
            f"P{share * 100:g} {without * 1000:.1f} ms alone, {with_them * 1000:.1f} ms beside"
        )
        if times > _MOST_TIMES:
            fell.append(f"P{share * 100:g} of good calls is {times:.2f} times what it is alone")
    names = " and ".join(f"P{share * 100:g}" for share in judged)
    return Tried(
        what=f"{callers} slow callers beside good ones",
        wanted=f"{names} of good ones within {_MOST_TIMES:g} times of a service without them",
        cases=calls,
        fell=(*fell, *target.left_over(), *quiet.left_over()),
        measured="; ".join(measured),
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
