"""What is no request, or only a part of one, or far too much of one; and pages of other sites."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from .asking import Answered, ask, head, refused_well
from .target import AUTHORIZED, BODY, PATH, Target, Waiting, call
from .tried import Tried
from .wrong_requests import begun, wrong_requests

__all__ = ["crowds", "floods", "half_sent", "malformed", "other_sites"]

_AT_ONCE = 16


def malformed(target: Target) -> Tried:
    """Send each of them on a connection of its own."""
    cases = list(wrong_requests())

    async def run() -> tuple[list[str], Waiting]:
        waiting, fell = Waiting(), []
        async with waiting.beside(target.port):
            for found in await _each([[raw] for _, raw in cases], target):
                name = cases[found[0]][0]
                if wrong := _wrong(found[1]):
                    fell.append(f"{name}: {wrong}")
        return fell, waiting

    fell, waiting = asyncio.run(run())
    return Tried(
        what="malformed requests",
        wanted="2xx or 4xx in Gemini's form",
        cases=len(cases),
        fell=(*fell, *waiting.unanswered(), *target.left_over()),
        measured=f"others waited {waiting.most_s:.2f} s at most",
    )


def _wrong(found: Answered, *allowed: int) -> str:
    if not found.status:
        return f"no answer within {found.seconds:.1f} s"
    if not (found.status in allowed if allowed else found.status < 500):
        return f"answered {found.status}: {found.body[:120]!r}"
    if not found.whole:
        return f"the answer {found.status} is cut"
    if found.status >= 400 and not refused_well(found):
        return f"a refusal ({found.status}) in no form of ours: {found.body[:120]!r}"
    return ""


async def _each(
    asked: Sequence[Sequence[bytes]],
    target: Target,
    *,
    at_once: int = _AT_ONCE,
    within_s: float = 20.0,
) -> list[tuple[int, Answered]]:
    places = asyncio.Semaphore(at_once)

    async def one(number: int, pieces: Sequence[bytes]) -> tuple[int, Answered]:
        async with places:
            return number, await ask(target.port, pieces, within_s=within_s)

    return await asyncio.gather(*(one(*each) for each in enumerate(asked)))


# --- far too much -----------------------------------------------------------------------------


def floods(target: Target, *, at_once: int, megabytes: int = 8) -> Tried:
    """Headers without end, by several at once."""
    piece = b"a" * (1 << 14)
    many = b"".join(b"X-%d: a\r\n" % number for number in range(1000))
    start = head().removesuffix(b"\r\n")
    starts = {
        "one header": (start + b"X: ", piece),
        "a header's name": (start, piece),
        "many headers": (start, many),
        "a path": (b"GET /", piece),
        "a method": (b"", piece),
        "a chunk's extension": (begun(b"Transfer-Encoding: chunked", body=b"1;"), piece),
        "what follows the chunks": (
            begun(b"Transfer-Encoding: chunked", body=b"0\r\nX: "), piece,
        ),
    }  # fmt: skip
    names = [name for name in starts for _ in range(at_once)]
    before_mb = target.memory_mb()

    async def run() -> tuple[list[str], Waiting]:
        waiting, fell = Waiting(), []
        asked = []
        for name in names:
            first, more = starts[name]
            asked.append([first, *([more] * (megabytes * (1 << 20) // len(more)))])
        async with waiting.beside(target.port):
            for number, found in await _each(asked, target, at_once=len(asked)):
                if wrong := _wrong(found, 431, 400):
                    fell.append(f"{names[number]}: {wrong}")
        return fell, waiting

    fell, waiting = asyncio.run(run())
    grown_mb = target.memory_mb() - before_mb
    if grown_mb > 64:
        fell.append(f"memory grew by {grown_mb:.0f} MB")
    return Tried(
        what=f"headers without end, {megabytes} MB each, {len(names)} at once",
        wanted="431, memory flat",
        cases=len(names),
        fell=(*fell, *waiting.unanswered(), *target.left_over()),
        measured=f"memory {grown_mb:+.0f} MB, others waited {waiting.most_s:.2f} s at most",
    )


# --- too little -------------------------------------------------------------------------------


def half_sent(target: Target, *, each: int, within_s: float) -> Tried:
    """Requests that stop in the midst, many at once.

    Args:
        target: the service.
        each: how many of every kind.
        within_s: longest that a head, or a piece of a body, may take; with some time to spare.
    """
    whole = call()
    kinds = {
        "nothing": b"",
        "one byte": b"P",
        "half a line": whole[:20],
        "half a head": whole[:100],
        "a head": whole[: -len(BODY)],
        "half a body": whole[:-5],
        "half a chunk": begun(b"Transfer-Encoding: chunked", body=b"100\r\nhello"),
        "half of what is passed on": call("/v1beta/cachedContents")[:-5],
        "half of an order": call("/api/brownout")[:-5],
    }
    names = [name for name in kinds for _ in range(each)]

    async def run() -> tuple[list[str], Waiting, float]:
        waiting, fell, longest = Waiting(), [], 0.0
        async with waiting.beside(target.port):
            found = await _each(
                [[kinds[name]] for name in names],
                target,
                at_once=len(names),
                within_s=within_s + 1.0,
            )
        for number, answered in found:
            longest = max(longest, answered.seconds)
            if answered.seconds > within_s:
                fell.append(f"{names[number]}: still open after {answered.seconds:.1f} s")
            elif not answered.status and kinds[names[number]]:
                fell.append(f"{names[number]}: let go without an answer")
            elif answered.status and (wrong := _wrong(answered, 408, 429)):
                fell.append(f"{names[number]}: {wrong}")
        return fell, waiting, longest

    fell, waiting, longest = asyncio.run(run())
    return Tried(
        what=f"half-sent requests, {len(names):,} at once",
        wanted="408 when the time is up, or 429",
        cases=len(names),
        fell=(*fell, *waiting.unanswered(), *target.left_over()),
        measured=f"over after {longest:.1f} s, others waited {waiting.most_s:.2f} s at most",
    )


def crowds(target: Target, *, most: int, more: int) -> Tried:
    """More connections than there may be.

    Args:
        target: the service.
        most: it takes.
        more: are tried beyond.
    """

    async def run() -> list[str]:
        fell = []
        opened = [await asyncio.open_connection("127.0.0.1", target.port) for _ in range(most)]
        # Each has said something, so that all of them are known to the service.
        for _, writer in opened:
            writer.write(b"G")
        found = await _each([[head("Connection: close")]] * more, target)
        for _, answered in found:
            wrong = _wrong(answered, 503)
            if not wrong and "retry-after" not in answered.headers:
                wrong = "no Retry-After"
            if wrong:
                fell.append(wrong)
        for _, writer in opened:
            writer.transport.abort()
        end = time.monotonic() + 10.0
        while (await ask(target.port, [head("Connection: close")])).status != 200:
            if time.monotonic() > end:
                fell.append("no room after they left")
                break
            await asyncio.sleep(0.05)
        return fell

    fell = asyncio.run(run())
    return Tried(
        what=f"{most + more:,} connections where {most:,} are taken",
        wanted="503 with Retry-After, then room again",
        cases=more,
        fell=(*fell, *target.left_over()),
    )


# --- pages of other sites ---------------------------------------------------------------------


def other_sites(target: Target) -> Tried:
    """Foreign origins and unknown names, on every kind of path."""
    paths = [
        ("GET", "/healthz"), ("GET", "/api/metrics"), ("POST", "/api/brownout"), ("POST", PATH),
        ("POST", "/v1beta/cachedContents"), ("GET", "/v1beta/files/x"), ("GET", "/docs"),
    ]  # fmt: skip
    evils = {
        "a foreign origin": {"more": "Origin: https://evil.example"},
        "origin null": {"more": "Origin: null"},
        "a foreign name": {"host": "evil.example"},
        "a name with ours in it": {"host": "127.0.0.1.evil.example"},
        "a foreign name with a port": {"host": f"evil.example:{target.port}"},
    }
    asked, names = [], []
    for verb, path in paths:
        for name, evil in evils.items():
            lines = [AUTHORIZED, "Content-Type: text/plain", f"Content-Length: {len(BODY)}"]
            if "more" in evil:
                lines.append(evil["more"])
            host = evil.get("host", "127.0.0.1")
            asked.append([head(*lines, path=path, verb=verb, host=host) + BODY])
            names.append(f"{name} at {verb} {path}")
    found = asyncio.run(_each(asked, target))
    fell = [f"{names[number]}: {wrong}" for number, each in found if (wrong := _wrong(each, 403))]
    return Tried(
        what="pages of other sites (Origin, Host)",
        wanted="403 on every path",
        cases=len(asked),
        fell=(*fell, *target.left_over()),
    )
