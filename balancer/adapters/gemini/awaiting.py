"""Drives calls of an asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from .calls import WrappedCall
from .served import Served

__all__ = ["AsyncStream", "generate"]

_Send = Callable[[Any, Any], Awaitable[Any]]


async def generate(send: _Send, call: WrappedCall) -> Any:
    """Make a call whose answer comes whole, within the deadline.

    Args:
        send: makes an attempt with the SDK.
        call: says which.

    Raises:
        ShedError: it was refused.
        Exception: the SDK's, of the last attempt, or TimeoutError.
    """
    with call:
        while (sending := call.next()) is not None:
            try:
                async with asyncio.timeout(sending.timeout_s):
                    response = await send(sending, call.traffic)
            except Exception as error:  # noqa: BLE001 - it is sorted, and raised in the end
                call.failed(error)
            else:
                call.answered(response)
            delay_s = call.delay_s()
            if delay_s is None:
                break
            await asyncio.sleep(delay_s)
        return call.result()


class AsyncStream(AsyncIterator[Any]):
    """A streamed answer. Nothing is sent before the first chunk is asked for.

    Attributes:
        served: how it was served; None before the first chunk.
    """

    def __init__(self, send: _Send, call: WrappedCall) -> None:
        self._call = call
        self._chunks = _chunks(send, call)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def served(self) -> Served | None:
        """How it was served."""
        return self._call.served

    @property
    def _open_balancer_served(self) -> Served | None:
        return self._call.served

    async def __anext__(self) -> Any:
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """Give up what is left of it; the attempt under way is accounted as abandoned."""
        await self._chunks.aclose()

    close = aclose  # as the SDK's streams of interactions have it


async def _chunks(send: _Send, call: WrappedCall) -> AsyncGenerator[Any, None]:
    with call:
        while (sending := call.next()) is not None:
            try:
                async with aclosing(_attempt(send, call, sending)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except Exception as error:  # noqa: BLE001 - it is sorted, and raised in the end
                call.failed(error)
            else:
                call.ended()
            delay_s = call.delay_s()
            if delay_s is None:
                break
            await asyncio.sleep(delay_s)
        for chunk in call.rest():
            yield chunk


async def _attempt(send: _Send, call: WrappedCall, sending: Any) -> AsyncGenerator[Any, None]:
    loop = asyncio.get_running_loop()
    timeout_s = sending.timeout_s
    ends = None if timeout_s is None else loop.time() + timeout_s
    async with asyncio.timeout_at(ends):
        stream = await send(sending, call.traffic)
    async with aclosing(stream) as chunks:
        while True:
            # Around every wait anew: no deadline may be running while the reader has control.
            async with asyncio.timeout_at(ends):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            for ready in call.chunk(chunk):
                handed_out = loop.time()
                call.pause()
                yield ready
                call.resume()
                if ends is not None:
                    # The reader's own time does not count against the upstream.
                    ends += loop.time() - handed_out
