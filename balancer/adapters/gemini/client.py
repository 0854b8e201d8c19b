"""A google-genai client whose calls go through a balancer.

It is composed around the client's public methods: what is not named here is passed through,
and `isinstance` sees what it wraps, because the SDK's own chats look at the type.
"""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from google.genai import Client, types
from google.genai.chats import AsyncChats, Chats

from balancer.core.errors import MisuseError
from balancer.runtime.balancer import Balancer
from balancer.wire import project_of

from . import awaiting, blocking
from .calls import WrappedCall
from .editing import Sending
from .given import Given, Scorer, Wrapping
from .interactions import AsyncWrappedInteractions, WrappedInteractions
from .mending import Traffic, mended
from .options import CallOptions
from .passing import Passing

__all__ = ["AsyncWrapped", "AsyncWrappedModels", "Wrapped", "WrappedModels", "wrap"]


class WrappedModels(Passing):
    """`client.models`: what generates content is balanced, everything else is passed through.

    `count_tokens` too: it is free, it is no answer, and its speed says nothing about answers.
    """

    def generate_content(
        self,
        *,
        model: str,
        contents: Any,
        config: types.GenerateContentConfigOrDict | None = None,
        options: CallOptions | None = None,
    ) -> types.GenerateContentResponse:
        """As the SDK's, under the plan in force.

        Args:
            model, contents, config: as the SDK's; never changed.
            options: about this call; a `balancing` block and headers say the same.

        Raises:
            ShedError: the request was refused.
        """
        call = self._call(model, contents, config, options)
        response: types.GenerateContentResponse = blocking.generate(self._send, call)
        return response

    def generate_content_stream(
        self,
        *,
        model: str,
        contents: Any,
        config: types.GenerateContentConfigOrDict | None = None,
        options: CallOptions | None = None,
    ) -> blocking.Stream:
        """As the SDK's, under the plan in force; see `generate_content`."""
        return blocking.Stream(self._open, self._call(model, contents, config, options))

    def _call(self, *given: Any) -> WrappedCall:
        return WrappedCall(self._wrapping, Given(self._wrapping, *given))

    def _send(self, sending: Sending, traffic: Traffic) -> Any:
        return mended(self._inner, traffic).generate_content(
            model=sending.model, contents=sending.contents, config=sending.config
        )

    def _open(self, sending: Sending, traffic: Traffic) -> Any:
        return mended(self._inner, traffic).generate_content_stream(
            model=sending.model, contents=sending.contents, config=sending.config
        )


class AsyncWrappedModels(Passing):
    """`client.aio.models`, as `WrappedModels`."""

    async def generate_content(
        self,
        *,
        model: str,
        contents: Any,
        config: types.GenerateContentConfigOrDict | None = None,
        options: CallOptions | None = None,
    ) -> types.GenerateContentResponse:
        """As the SDK's, under the plan in force; see `WrappedModels.generate_content`."""
        call = self._call(model, contents, config, options)
        response: types.GenerateContentResponse = await awaiting.generate(self._send, call)
        return response

    async def generate_content_stream(
        self,
        *,
        model: str,
        contents: Any,
        config: types.GenerateContentConfigOrDict | None = None,
        options: CallOptions | None = None,
    ) -> awaiting.AsyncStream:
        """As the SDK's, under the plan in force; see `WrappedModels.generate_content`."""
        call = self._call(model, contents, config, options, times_itself=True)
        return awaiting.AsyncStream(self._open, call)

    def _call(self, *given: Any, times_itself: bool = False) -> WrappedCall:
        return WrappedCall(self._wrapping, Given(self._wrapping, *given, times_itself=times_itself))

    async def _send(self, sending: Sending, traffic: Traffic) -> Any:
        return await mended(self._inner, traffic).generate_content(
            model=sending.model, contents=sending.contents, config=sending.config
        )

    async def _open(self, sending: Sending, traffic: Traffic) -> Any:
        return await mended(self._inner, traffic).generate_content_stream(
            model=sending.model, contents=sending.contents, config=sending.config
        )


class AsyncWrapped(Passing):
    """`client.aio`."""

    def __init__(self, inner: Any, wrapping: Wrapping) -> None:
        super().__init__(inner, wrapping)
        self.models = AsyncWrappedModels(inner.models, wrapping)
        chatting = AsyncWrappedModels(inner.models, replace(wrapping, chat=True))
        self.chats = AsyncChats(modules=chatting)  # type: ignore[arg-type]
        self._interactions: AsyncWrappedInteractions | None = None

    @property
    def interactions(self) -> AsyncWrappedInteractions:
        """`client.aio.interactions`, balanced; of a version of the SDK that has it."""
        if self._interactions is None:
            self._interactions = AsyncWrappedInteractions(self._inner.interactions, self._wrapping)
        return self._interactions

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)


class Wrapped(Passing):
    """A `genai.Client` whose `models`, `chats` and `interactions` are balanced, also of `aio`."""

    def __init__(self, inner: Client, wrapping: Wrapping) -> None:
        super().__init__(inner, wrapping)
        self.models = WrappedModels(inner.models, wrapping)
        chatting = WrappedModels(inner.models, replace(wrapping, chat=True))
        self.chats = Chats(modules=chatting)  # type: ignore[arg-type]
        self.aio = AsyncWrapped(inner.aio, wrapping)
        self._interactions: WrappedInteractions | None = None

    @property
    def interactions(self) -> WrappedInteractions:
        """`client.interactions`, balanced; of a version of the SDK that has it."""
        if self._interactions is None:
            self._interactions = WrappedInteractions(self._inner.interactions, self._wrapping)
        return self._interactions

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inner.__exit__(kind, error, trace)


def wrap(client: Client, balancer: Balancer, *, scorer: Scorer | None = None) -> Wrapped:
    """A client whose calls go through a balancer.

    Args:
        client: of the Gemini API or of Vertex AI; it goes on working by itself.
        balancer: started by whoever made it.
        scorer: gives every complete answer a quality from 0 to 1, for `served(...).quality`
            and the balancer's listeners; without one, the quality of a mode is what the
            policy's author assumes.

    Raises:
        MisuseError: the client is wrapped already.
    """
    if issubclass(type(client), Wrapped):
        raise MisuseError("this client is wrapped already; wrap the genai.Client itself")
    http = _http_options(client)
    timeout_ms = getattr(http, "timeout", None)
    wrapping = Wrapping(
        balancer=balancer,
        timeout_s=None if timeout_ms is None else timeout_ms / 1000,
        retries=getattr(http, "retry_options", None) is not None,
        project=_project(client),
        scorer=scorer,
        vertex=bool(getattr(client, "vertexai", False)),
        headers=getattr(http, "headers", None),
        extra_body=getattr(http, "extra_body", None),
    )
    return Wrapped(client, wrapping)


def _project(client: Client) -> str:
    """Whose bill the client's calls go on: a project of Vertex AI, or that of its key."""
    inner = getattr(client, "_api_client", None)
    project = getattr(inner, "project", None)
    return f"project {project}" if project else project_of(getattr(inner, "api_key", None) or "")


def _http_options(client: Client) -> types.HttpOptions | None:
    """What the client was made with. The SDK keeps it out of sight; where a version hides it
    better, plans go before the client's own deadline and retries.
    """
    return getattr(getattr(client, "_api_client", None), "_http_options", None)
