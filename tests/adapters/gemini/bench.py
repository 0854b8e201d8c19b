"""A wrapped client of any kind, its balancer and the script that answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types

from balancer.adapters.gemini import CallOptions, Scorer, Wrapped, wrap
from balancer.core.modes import Mode
from balancer.core.observations import FAILURES, ModeObservations, Observations
from balancer.core.policy import Policy, Strategy
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import CallSettings
from balancer.runtime.clock import ManualClock

__all__ = ["FLASH", "HIDDEN_RETRY", "KINDS", "LITE", "Bench", "failures", "policy", "served_models"]

HIDDEN_RETRY = genai.__version__.startswith("2.")
"""Over aiohttp, google-genai 2 makes one retry by itself, seconds later, and cannot be told not
to; the deadline of the plan bounds it."""

FLASH, LITE = "gemini-2.5-flash", "gemini-2.5-flash-lite"
KINDS = ("sync", "httpx", "aiohttp")
PLAIN = Strategy(model=FLASH, timeout_s=60.0, retries=0)


def policy(normal: Strategy = PLAIN, **changes: Any) -> Policy:
    """The default policy with another strategy in normal, free of expectations."""
    default = default_policy()
    strategies = (normal, *default.strategies[1:])
    return replace(default, strategies=strategies, baseline=None, **changes)


class NotingClock(ManualClock):
    """Keeps what was to be waited for, in scenario seconds."""

    def __init__(self, now_s: float = 0.0, speed: float = 1.0) -> None:
        super().__init__(now_s, speed)
        self.waits: list[float] = []

    def wall_s(self, seconds: float) -> float:
        """Wall seconds of so many scenario seconds."""
        self.waits.append(seconds)
        return super().wall_s(seconds)


@dataclass(kw_only=True)
class Bench:
    """See the module.

    Attributes:
        url: of the script.
        kind: blocking, or asynchronous over httpx or aiohttp.
        balancer: its clock stands still, and its delays pass ten times as quickly.
    """

    url: str
    kind: str
    policy: Policy
    settings: CallSettings | None = None
    shadow: bool = False
    scorer: Scorer | None = None
    vertex: bool = False
    options: types.HttpOptions | None = None
    speed: float = 10.0
    api_key: str = "k"

    def __post_init__(self) -> None:
        self.clock = NotingClock(speed=self.speed)
        self.balancer = Balancer(
            self.policy, clock=self.clock, settings=self.settings, shadow=self.shadow
        )

    def client(self) -> genai.Client:
        """A new client of the kind."""
        options = (self.options or types.HttpOptions()).model_copy(update={"base_url": self.url})
        if self.kind == "httpx":
            options.async_client_args = {"transport": _httpx_transport()}
        if self.vertex:
            return genai.Client(
                vertexai=True,
                project="p",
                location="us-central1",
                credentials=_Credentials(),
                http_options=options,
            )
        return genai.Client(api_key=self.api_key, http_options=options)

    def run(self, use: Callable[[Wrapped], Any]) -> Any:
        """Use a wrapped client, and close it.

        Args:
            use: gives a value, or something to be awaited if the kind is asynchronous.
        """
        if self.kind == "sync":
            with wrap(self.client(), self.balancer, scorer=self.scorer) as client:
                return use(client)
        return asyncio.run(self._use(use))

    async def _use(self, use: Callable[[Wrapped], Awaitable[Any]]) -> Any:
        client = wrap(self.client(), self.balancer, scorer=self.scorer)
        try:
            return await use(client)
        finally:
            await client.aio.aclose()
            client.close()

    def ask(
        self,
        contents: Any = "Say hello.",
        config: Any = None,
        *,
        model: str = FLASH,
        options: CallOptions | None = None,
    ) -> types.GenerateContentResponse:
        """A whole answer."""
        arguments = {"model": model, "contents": contents, "config": config, "options": options}

        def use(client: Wrapped) -> Any:
            models = client.models if self.kind == "sync" else client.aio.models
            return models.generate_content(**arguments)

        found: types.GenerateContentResponse = self.run(use)
        return found

    def stream(
        self,
        contents: Any = "Say hello.",
        config: Any = None,
        *,
        most: int | None = None,
        read: Callable[[], object] = int,
    ) -> list[types.GenerateContentResponse]:
        """Chunks of a streamed answer, which is given up after so many; each is read."""
        arguments = {"model": FLASH, "contents": contents, "config": config}
        found: list[types.GenerateContentResponse] = []

        async def use(client: Wrapped) -> None:
            stream = await client.aio.models.generate_content_stream(**arguments)
            async for chunk in stream:
                found.append(chunk)
                read()
                if len(found) == most:
                    await stream.aclose()
                    return

        def use_blocking(client: Wrapped) -> None:
            stream = client.models.generate_content_stream(**arguments)
            for chunk in stream:
                found.append(chunk)
                read()
                if len(found) == most:
                    stream.close()
                    return

        self.run(use_blocking if self.kind == "sync" else use)
        return found

    def seen(self) -> Observations:
        """Observations of the tick under way, which ends."""
        found: list[Observations] = []
        self.balancer.listeners.ticks.add(lambda observations, _: found.append(observations))
        self.clock.advance(1.0)
        self.balancer.tick()
        return found[-1]


def served_models(seen: Observations) -> dict[str, ModeObservations]:
    """What each model served in normal."""
    return {entry.model: entry for entry in seen.served if entry.mode == Mode.NORMAL}


def failures(entry: ModeObservations) -> dict[str, int]:
    """Failures by name."""
    return {name: n for name, n in zip(FAILURES, entry.failures, strict=True) if n}


class _Credentials(AnonymousCredentials):
    """A token that needs no one to give it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = "t"  # noqa: S105
        self.expiry = None


def _httpx_transport() -> Any:
    # google-genai 3 brings httpx2, and 2 httpx.
    name = "httpx" if genai.__version__.startswith("2.") else "httpx2"
    return import_module(name).AsyncHTTPTransport()
