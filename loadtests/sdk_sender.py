"""Requests by google-genai, wrapped in this process: what an application in Python does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from google import genai
from google.genai import errors, types

from balancer.adapters.gemini import CallOptions, ShedError, served, wrap
from balancer.runtime.balancer import Balancer
from scenarios.schema import Scenario

from .bodies import generation_config, prompt
from .player import Sent
from .rows import ANSWER, FAILED, FALLBACK, SHED
from .senders import request_name
from .traffic import Planned

__all__ = ["SdkSender"]


class SdkSender:
    """Sends requests by the SDK.

    Args:
        balancer: that the client is wrapped with.
        scenario: its clients' model and settings.
        url: base URL of the API.
        api_key: that pays.
        count: tells Locust of a request that is over: name, wall seconds, and error or None.
    """

    __slots__ = ("_client", "_config", "_count", "_model", "_wrapped")

    def __init__(
        self,
        balancer: Balancer,
        scenario: Scenario,
        *,
        url: str,
        api_key: str,
        count: Callable[[str, float, Exception | None], None],
    ) -> None:
        options = types.HttpOptions(base_url=url, client_args={"limits": _no_limits()})
        self._client = genai.Client(api_key=api_key, http_options=options)
        self._wrapped = wrap(self._client, balancer)
        self._model = scenario.clients.model
        said = generation_config(scenario.clients)
        self._config = types.GenerateContentConfig.model_validate(said) if said else None
        self._count = count

    def probe(self) -> None:
        """Make a call that is answered at once."""
        self._client.models.count_tokens(model=self._model, contents="How long does this take?")

    def send(self, planned: Planned) -> Sent:
        """Send one and wait for its end."""
        began = time.perf_counter()
        failure: Exception | None = None
        try:
            response = self._wrapped.models.generate_content(
                model=planned.model or self._model,
                contents=prompt(planned.prompt_tokens),
                config=self._config,
                options=CallOptions(
                    priority=planned.priority, key=planned.key, request=planned.number
                ),
            )
            ended = _how_it_ended(response)
        except ShedError as error:
            failure, ended = error, Sent(SHED, 0)
        except errors.APIError as error:
            failure, ended = error, Sent(FAILED, error.code)
        except Exception as error:  # noqa: BLE001  # the HTTP client's own, of whichever it is
            failure, ended = error, Sent(FAILED, 0)
        self._count(request_name(planned), time.perf_counter() - began, failure)
        return ended


def _how_it_ended(response: Any) -> Sent:
    how = served(response)
    if how is None or how.outcome is not None:
        return Sent(FAILED, 200)
    return Sent(FALLBACK if how.fallback else ANSWER, 200)


def _no_limits() -> Any:
    """No bound on connections: a load test's requests must not wait for one another."""
    try:
        import httpx2 as httpx
    except ImportError:  # google-genai 2
        import httpx  # type: ignore[no-redef]
    return httpx.Limits(max_connections=None, max_keepalive_connections=None)
