"""`client.interactions`: what makes an interaction is balanced, what shows one is read along.

`create` goes under the plan in force. `get` and `cancel` tell how one ended that runs in the
background; `delete` ends waiting for it. Everything else is passed through.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Self

from balancer.runtime.watched import Watched
from balancer.wire.interactions import AnswerReader, id_of

from . import awaiting, blocking
from .calls import WrappedCall
from .interaction_given import InteractionGiven, InteractionSending, once
from .interaction_values import plain
from .mending import Traffic
from .options import CallOptions
from .passing import Passing

__all__ = ["AsyncWrappedInteractions", "WrappedInteractions"]


class WrappedInteractions(Passing):
    """`client.interactions`; see the module."""

    def create(self, *, options: CallOptions | None = None, **arguments: Any) -> Any:
        """As the SDK's, under the plan in force.

        Args:
            options: about this call; a `balancing` block and `extra_headers` say the same.
            arguments: as the SDK's; never changed.

        Returns:
            An interaction, or with `stream=True` its events.

        Raises:
            ShedError: the request was refused.
        """
        if arguments.get("request") is not None and _has_body(arguments):
            return self._inner.create(**arguments)  # which says what is wrong with that
        call = WrappedCall(self._wrapping, InteractionGiven(self._wrapping, arguments, options))
        if _streams(arguments):
            return blocking.Stream(self._send, call)
        return blocking.generate(self._send, call)

    def _send(self, sending: InteractionSending, _: Traffic) -> Any:
        inner = once(self._inner) if sending.once else self._inner
        answer = inner.create(**sending.arguments)
        return answer if hasattr(answer, "close") else _whole(answer, sending)

    def get(self, *arguments: Any, **more: Any) -> Any:
        """As the SDK's; how an interaction in the background ended is taken from it."""
        answer = self._inner.get(*arguments, **more)
        if more.get("stream"):
            return _Followed(answer, self._wrapping.watched)
        self._wrapping.watched.see(plain(answer))
        return answer

    def cancel(self, *arguments: Any, **more: Any) -> Any:
        """As the SDK's, likewise."""
        answer = self._inner.cancel(*arguments, **more)
        self._wrapping.watched.see(plain(answer))
        return answer

    def delete(self, id: str, **more: Any) -> Any:  # noqa: A002 - the SDK's name
        """As the SDK's; nobody will know how it ended."""
        answer = self._inner.delete(id, **more)
        self._wrapping.watched.drop(id)
        return answer


class AsyncWrappedInteractions(Passing):
    """`client.aio.interactions`, as `WrappedInteractions`."""

    async def create(self, *, options: CallOptions | None = None, **arguments: Any) -> Any:
        """As the SDK's, under the plan in force; see `WrappedInteractions.create`."""
        if arguments.get("request") is not None and _has_body(arguments):
            return await self._inner.create(**arguments)
        call = WrappedCall(self._wrapping, InteractionGiven(self._wrapping, arguments, options))
        if _streams(arguments):
            return awaiting.AsyncStream(self._open, call)
        return await awaiting.generate(self._send, call)

    async def _send(self, sending: InteractionSending, _: Traffic) -> Any:
        inner = once(self._inner) if sending.once else self._inner
        return await inner.create(**sending.arguments)

    async def _open(
        self, sending: InteractionSending, traffic: Traffic
    ) -> AsyncGenerator[Any, None]:
        return _closing(await self._send(sending, traffic))

    async def get(self, *arguments: Any, **more: Any) -> Any:
        """As the SDK's; how an interaction in the background ended is taken from it."""
        answer = await self._inner.get(*arguments, **more)
        if more.get("stream"):
            return _AsyncFollowed(answer, self._wrapping.watched)
        self._wrapping.watched.see(plain(answer))
        return answer

    async def cancel(self, *arguments: Any, **more: Any) -> Any:
        """As the SDK's, likewise."""
        answer = await self._inner.cancel(*arguments, **more)
        self._wrapping.watched.see(plain(answer))
        return answer

    async def delete(self, id: str, **more: Any) -> Any:  # noqa: A002 - the SDK's name
        """As the SDK's; nobody will know how it ended."""
        answer = await self._inner.delete(id, **more)
        self._wrapping.watched.drop(id)
        return answer


def _has_body(arguments: dict[str, Any]) -> bool:
    return "model" in arguments or "agent" in arguments or "input" in arguments


def _streams(arguments: dict[str, Any]) -> bool:
    request = plain(arguments.get("request"))
    body = request.get("body", {}) if isinstance(request, dict) else arguments
    return body.get("stream") is True


def _whole(answer: Any, sending: InteractionSending) -> Any:
    """An answer that came whole where a stream was asked for is all that there is of one."""
    return (each for each in [answer]) if sending.arguments.get("stream") is True else answer


async def _closing(stream: Any) -> AsyncGenerator[Any, None]:
    if not hasattr(stream, "close"):
        yield stream
        return
    try:
        async for event in stream:
            yield event
    finally:
        await stream.close()


class _Reading:
    """Reads along with the events of an interaction that is followed."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._reader = AnswerReader()
        self._last: dict[str, Any] = {}

    def see(self, event: Any) -> None:
        """Take in an event; the last one says how it ended."""
        body = plain(event)
        interaction = body.get("interaction") if isinstance(body, dict) else None
        self._reader.add(body)
        if isinstance(interaction, dict):
            self._last = interaction
        if self._reader.finished and id_of(self._last):
            usage = self._last.get("usage")
            steps = [{"type": "function_call"}] if self._reader.content else []
            self._watched.see({**self._last, "steps": steps, "usage": usage})


class _Followed(Passing, Iterator[Any]):
    """Events of an interaction that was made before."""

    def __init__(self, inner: Any, watched: Watched) -> None:
        super().__init__(inner, None)
        self._reading = _Reading(watched)

    def __next__(self) -> Any:
        event = next(self._inner)
        self._reading.see(event)
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inner.close()


class _AsyncFollowed(Passing, AsyncIterator[Any]):
    """The same, asynchronous."""

    def __init__(self, inner: Any, watched: Watched) -> None:
        super().__init__(inner, None)
        self._reading = _Reading(watched)

    async def __anext__(self) -> Any:
        event = await anext(self._inner)
        self._reading.see(event)
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._inner.close()
