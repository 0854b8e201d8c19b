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

from google.genai import errors, types

from balancer.wire import Answer, Usage, error_of, header_tier, read_answer, read_error

__all__ = ["Traffic", "mended"]


_CALLED = ('"functionCall"', '"function_call"')


class Traffic:
    """What the SDK sends for one attempt, which may be several calls, and what comes.

    Args:
        own_retries: whether its caller has the SDK try again.
        retry_options: how, where that was said for this call alone.

    Attributes:
        sent: HTTP calls by now, the SDK's retries aside; None where nobody sees them.
        called: an answer asks for functions, which the SDK may have called since.
    """

    __slots__ = ("_answers", "_own_retries", "_retry_options", "_waiting", "called", "sent")

    def __init__(
        self, *, own_retries: bool = False, retry_options: types.HttpRetryOptions | None = None
    ) -> None:
        self._own_retries = own_retries
        self._retry_options = retry_options
        self._answers: list[Any] = []
        self._waiting = False
        self.sent: int | None = 0
        self.called = False

    @property
    def nothing(self) -> bool:
        """Whether nothing was sent, for certain."""
        return self.sent == 0

    @property
    def in_functions(self) -> bool:
        """Whether functions are what is waited for, and not the upstream."""
        return self.called and not self._waiting

    @property
    def answer(self) -> Answer | None:
        """The last whole answer; None where there is none."""
        return self._read(self._answers[-1]) if self._answers else None

    @property
    def usage(self) -> Usage | None:
        """Of all whole answers together; None where none says."""
        total: Usage | None = None
        for response in self._answers:
            usage = self._read(response).usage
            if usage is not None:
                total = usage if total is None else total + usage
        return total

    def begin(self) -> None:
        """A call is made."""
        assert self.sent is not None
        self.sent += 1
        self._waiting = True

    def come(self, response: Any, *, whole: bool) -> None:
        """An answer has come, or a piece of one."""
        self._waiting = False
        body = getattr(response, "body", None)
        if isinstance(body, str) and any(word in body for word in _CALLED):
            self.called = True
        if whole:
            self._answers.append(response)

    def wait(self) -> None:
        """The next piece is waited for."""
        self._waiting = True

    def options(self, given: Any) -> Any:
        """Options of a call. What comes after functions were called is not tried again by anybody
        else, so the SDK does as its caller told it.
        """
        if not (self.called and self._own_retries and isinstance(given, types.HttpOptions)):
            return given
        return given.model_copy(update={"retry_options": self._retry_options})

    def _read(self, response: Any) -> Answer:
        try:
            body = json.loads(response.body)
        except (TypeError, ValueError):
            body = None
        headers = {name.lower(): text for name, text in (response.headers or {}).items()}
        return read_answer(body, header_tier(headers))


def mended(models: Any, traffic: Traffic) -> Any:
    """The SDK's `models`, whose streams raise an error in a list and end at a sentinel.

    The object itself, where a version of the SDK keeps its connection elsewhere, or somebody put
    methods in place of its own, which may send by other ways.

    Args:
        models: the SDK's.
        traffic: is told what is sent.
    """
    inner = getattr(models, "_api_client", None)
    replaced = (
        not getattr(models, "__dict__", {})
        .keys()
        .isdisjoint(("generate_content", "generate_content_stream"))
    )
    if replaced or not hasattr(inner, "request_streamed"):
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

    def request(self, method: str, path: str, body: Any, options: Any = None) -> Any:
        self._traffic.begin()
        response = self._inner.request(method, path, body, self._traffic.options(options))
        self._traffic.come(response, whole=True)
        return response

    async def async_request(self, method: str, path: str, body: Any, options: Any = None) -> Any:
        self._traffic.begin()
        options = self._traffic.options(options)
        response = await self._inner.async_request(method, path, body, options)
        self._traffic.come(response, whole=True)
        return response

    def request_streamed(
        self, method: str, path: str, body: Any, options: Any = None
    ) -> Iterator[Any]:
        self._traffic.begin()
        options = self._traffic.options(options)
        with closing(self._inner.request_streamed(method, path, body, options)) as responses:
            try:
                for response in responses:
                    _refuse_an_error(response)
                    self._traffic.come(response, whole=False)
                    yield response
                    self._traffic.wait()
            except errors.UnknownApiResponseError as error:
                if not _is_sentinel(error):
                    raise

    async def async_request_streamed(
        self, method: str, path: str, body: Any, options: Any = None
    ) -> AsyncIterator[Any]:
        self._traffic.begin()
        options = self._traffic.options(options)
        stream = await self._inner.async_request_streamed(method, path, body, options)
        return _read_along(stream, self._traffic)


async def _read_along(stream: Any, traffic: Traffic) -> AsyncIterator[Any]:
    async with aclosing(stream) as responses:
        try:
            async for response in responses:
                _refuse_an_error(response)
                traffic.come(response, whole=False)
                yield response
                traffic.wait()
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
