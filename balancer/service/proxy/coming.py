"""What a caller sends, as it comes, and whether the caller is still there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Self

from .reading import Gone, Receive

__all__ = ["Coming", "while_there"]


def _at_once() -> float:
    return 0.0


class Coming:
    """The body of a call, to be sent on piece by piece; iterated once.

    Args:
        receive: of ASGI.
        headers: of the call, by name, lower case.
        held: what was read of it already, all there is; None: nothing was.

    Attributes:
        expected: whether there is a body.
        gone: the caller left.
    """

    __slots__ = ("_ended", "_held", "_receive", "_taken", "expected", "gone")

    def __init__(
        self, receive: Receive, headers: Mapping[bytes, bytes], held: bytes | None = None
    ) -> None:
        self._receive = receive
        self._held = held
        self.gone = self._taken = False
        self._ended = asyncio.Event()
        length = headers.get(b"content-length", b"0")
        self.expected = length not in (b"", b"0") or b"transfer-encoding" in headers
        if not self.expected or held is not None:
            self._ended.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        # aiohttp sends some calls again when a kept connection turns out to be dead.
        if self._taken:
            raise ConnectionResetError("what a caller sends can be passed on once")
        self._taken = True
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        if self._held is not None:
            yield self._held
            return
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                self._ended.set()
                raise Gone
            if data := message.get("body", b""):
                yield data
            more = message.get("more_body", False)
        self._ended.set()

    async def left(self) -> None:
        """Until the caller leaves; who listens for it must not take what is still to be sent."""
        await self._ended.wait()
        while not self.gone:
            self.gone = (await self._receive())["type"] == "http.disconnect"

    @classmethod
    def read(cls, receive: Receive) -> Self:
        """A body that was read to its end."""
        return cls(receive, {})


async def while_there(
    coming: Coming, work: Awaitable[None], left: Callable[[], float] = _at_once
) -> None:
    """Do it for as long as the caller is there; then it is cancelled, and accounted so.

    Args:
        coming: from the caller.
        work: to be done.
        left: called when the caller leaves; seconds until it is cancelled.

    Raises:
        Gone: the caller left.
    """
    task = asyncio.current_task()
    assert task is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        await coming.left()
        await asyncio.sleep(left())
        gone = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        await work
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise Gone from None
        raise
    finally:
        watcher.cancel()
