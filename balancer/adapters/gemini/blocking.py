"""Drives calls of a blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from .calls import WrappedCall
from .served import Served

__all__ = ["Stream", "generate"]


def generate(send: Callable[[Any, Any], Any], call: WrappedCall) -> Any:
    """Make a call whose answer comes whole.

    The deadline holds for each wait on the connection, as the HTTP client has it.

    Args:
        send: makes an attempt with the SDK.
        call: says which.

    Raises:
        ShedError: it was refused.
        Exception: the SDK's, of the last attempt.
    """
    with call:
        while (sending := call.next()) is not None:
            try:
                response = send(sending, call.traffic)
            except Exception as error:  # noqa: BLE001 - it is sorted, and raised in the end
                call.failed(error)
            else:
                call.answered(response)
            delay_s = call.delay_s()
            if delay_s is None:
                break
            time.sleep(delay_s)
        return call.result()


class Stream(Iterator[Any]):
    """A streamed answer. Nothing is sent before the first chunk is asked for.

    Attributes:
        served: how it was served; None before the first chunk.
    """

    def __init__(self, send: Callable[[Any, Any], Any], call: WrappedCall) -> None:
        self._call = call
        self._chunks = _chunks(send, call)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def served(self) -> Served | None:
        """How it was served."""
        return self._call.served

    @property
    def _open_balancer_served(self) -> Served | None:
        return self._call.served

    def __next__(self) -> Any:
        return next(self._chunks)

    def close(self) -> None:
        """Give up what is left of it; the attempt under way is accounted as abandoned."""
        self._chunks.close()


def _chunks(send: Callable[[Any, Any], Any], call: WrappedCall) -> Generator[Any, None, None]:
    with call:
        while (sending := call.next()) is not None:
            try:
                yield from _attempt(send, call, sending)
            except Exception as error:  # noqa: BLE001 - it is sorted, and raised in the end
                call.failed(error)
            else:
                call.ended()
            delay_s = call.delay_s()
            if delay_s is None:
                break
            time.sleep(delay_s)
        yield from call.rest()


def _attempt(send: Callable[[Any, Any], Any], call: WrappedCall, sending: Any) -> Iterator[Any]:
    chunks = send(sending, call.traffic)
    timeout_s = sending.timeout_s
    ends = None if timeout_s is None else time.monotonic() + timeout_s
    with closing(chunks):
        for chunk in chunks:
            if ends is not None and time.monotonic() > ends:
                raise TimeoutError(f"the stream did not end within {timeout_s:g} s")
            for ready in call.chunk(chunk):
                handed_out = time.monotonic()
                call.pause()
                yield ready
                call.resume()
                if ends is not None:
                    # The reader's own time does not count against the upstream.
                    ends += time.monotonic() - handed_out
