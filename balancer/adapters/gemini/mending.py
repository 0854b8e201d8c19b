"""The SDK one layer below its public methods, where what is sent and what comes can be seen.

Streams are read there as if gateways sent what Gemini does: google-genai (2.20 and 3.6 were tried)
gives a chunk without content for an error in a list, which so is lost, and raises at the sentinel
`[DONE]` after a whole answer. Both are seen there only, where an event of a stream is still JSON.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any

from google.genai import errors

from balancer.wire import error_of, read_error

__all__ = ["Traffic", "mended"]


class Traffic:
    """What the SDK sends for one attempt.

    Attributes:
        sent: HTTP calls by now, the SDK's retries aside; None where nobody sees them.
    """

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent: int | None = 0

    @property
    def nothing(self) -> bool:
        """Whether nothing was sent, for certain."""
        return self.sent == 0

    def begin(self) -> None:
        """A call is made."""
        assert self.sent is not None
        self.sent += 1


def mended(models: Any, traffic: Traffic) -> Any:
    """The SDK's `models`, whose streams raise an error in a list and end at a sentinel.

    The object itself, where a version of the SDK keeps its connection elsewhere.

    Args:
        models: the SDK's.
        traffic: is told what is sent.
    """
    inner = getattr(models, "_api_client", None)
    if not hasattr(inner, "request_streamed"):
        traffic.sent = None
        return models
    copied = copy.copy(models)
    copied._api_client = _Mending(inner, traffic)  # noqa: SLF001 - there is no public place for it
    return copied


class _Mending:
    """Gives what it does not have itself from the SDK's connection."""

    def __init__(self, inner: Any, traffic: Traffic) -> None:
        self._inner = inner
        self._traffic = traffic

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # not set yet, as while it is being copied
            raise AttributeError(name)
        return getattr(self._inner, name)

    def request(self, *arguments: Any, **options: Any) -> Any:
        self._traffic.begin()
        return self._inner.request(*arguments, **options)

    async def async_request(self, *arguments: Any, **options: Any) -> Any:
        self._traffic.begin()
        return await self._inner.async_request(*arguments, **options)

    def request_streamed(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        self._traffic.begin()
        with closing(self._inner.request_streamed(*arguments, **options)) as responses:
            try:
                for response in responses:
                    _refuse_an_error(response)
                    yield response
            except errors.UnknownApiResponseError as error:
                if not _is_sentinel(error):
                    raise

    async def async_request_streamed(self, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        self._traffic.begin()
        return _read_along(await self._inner.async_request_streamed(*arguments, **options))


async def _read_along(stream: Any) -> AsyncIterator[Any]:
    async with aclosing(stream) as responses:
        try:
            async for response in responses:
                _refuse_an_error(response)
                yield response
        except errors.UnknownApiResponseError as error:
            if not _is_sentinel(error):
                raise


def _refuse_an_error(response: Any) -> None:
    body = response.body
    if isinstance(body, str) and body.startswith("["):
        error = error_of(json.loads(body))
        if error is not None:
            errors.APIError.raise_error(read_error(0, error).code, error, response)


def _is_sentinel(error: errors.UnknownApiResponseError) -> bool:
    return str(error).rstrip().endswith("Raw response: [DONE]")
