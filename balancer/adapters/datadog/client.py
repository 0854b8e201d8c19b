"""The one place that calls Datadog, by its own client, with time-outs and errors of ours.

The client's own retries repeat a POST after a 5xx, which can create a thing twice, so they are
off. Here a rate limit is waited out for any call, and trouble on Datadog's side for calls that
may be repeated; whoever creates looks up first and afterwards.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from ...core.errors import InputError
from ...core.retry import doubled_s
from ...installation import how_to_install
from .errors import DatadogError, Trouble, error_of_status
from .settings import Settings

__all__ = ["Answer", "Client"]

_TRIES: Final = 3
_LONGEST_WAIT_S: Final = 60.0
_UNSTABLE: Final = ("create_incident", "update_incident", "search_incidents")


@dataclass(frozen=True, slots=True)
class Answer:
    """What Datadog answered.

    Attributes:
        body: plain values.
        headers: names in lower case.
    """

    body: Any
    headers: Mapping[str, str]


class Client:
    """Calls operations of Datadog's client by name, with plain values.

    Args:
        settings: keys and site.
        connect_s, read_s: time-outs of one request.
        sleep: waits between tries.

    Raises:
        InputError: the extra `datadog` is not installed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        connect_s: float = 5.0,
        read_s: float = 20.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        try:
            import datadog_api_client as datadog
        except ImportError:
            raise InputError(
                "this needs datadog_api_client, which the extra 'datadog' brings; install it: "
                f"{how_to_install('datadog')}"
            ) from None
        self._secrets = [settings.api_key, settings.app_key]
        configuration = datadog.Configuration(  # type: ignore[no-untyped-call]
            host=settings.url,
            api_key={"apiKeyAuth": settings.api_key, "appKeyAuth": settings.app_key},
        )
        configuration.request_timeout = (connect_s, read_s)
        configuration.preload_content = False  # plain values, and headers beside them
        configuration.retry_policy = False
        for name in _UNSTABLE:
            configuration.unstable_operations[name] = True
        self.host = urlsplit(settings.url).hostname or settings.url
        self._client = datadog.ApiClient(configuration)
        self._sleep = sleep
        self._apis: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._client.rest_client.pool_manager.clear()

    def hide(self, secret: str) -> None:
        """Let no error show a secret, not even where Datadog repeats it."""
        self._secrets.append(secret)

    def read(self, operation: str, *arguments: Any, **named: Any) -> Answer:
        """Call an operation that may be repeated: reads, updates and deletions.

        Args:
            operation: version, class and method: "v1.monitors.list_monitors".
            arguments, named: of the method.

        Raises:
            DatadogError: see `Trouble`.
        """
        return self._tried(operation, arguments, named, repeatable=True)

    update = delete = read

    def create(self, operation: str, *arguments: Any, **named: Any) -> Answer:
        """Call an operation that creates: repeated only when a rate limit turned it away.

        Raises:
            DatadogError: with `unknown_outcome` the thing may exist now.
        """
        return self._tried(operation, arguments, named, repeatable=False)

    def _tried(
        self, operation: str, arguments: tuple[Any, ...], named: dict[str, Any], *, repeatable: bool
    ) -> Answer:
        for attempt in range(1, _TRIES + 1):
            try:
                return self._call(operation, arguments, named)
            except DatadogError as error:
                error.hide(self._secrets)
                limited = error.trouble is Trouble.LIMITED
                again = limited or (repeatable and error.unknown_outcome)
                wait_s = error.wait_s
                if wait_s is None:
                    wait_s = doubled_s(1.0, attempt, math.inf)
                if not again or attempt == _TRIES or wait_s > _LONGEST_WAIT_S:
                    raise
                self._sleep(wait_s)
        raise AssertionError("unreachable: the last try returns or raises")

    def _call(self, operation: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Answer:
        from datadog_api_client.exceptions import ApiException, OpenApiException
        from urllib3.exceptions import HTTPError

        version, api, method = operation.split(".")
        what = method.replace("_", " ")
        try:
            if method in _UNSTABLE:
                # Known, and of no use to whoever runs the service. Not for a block of code only:
                # what one thread puts back there, another has just set.
                warnings.filterwarnings("ignore", message="Using unstable operation")
            response = getattr(self._api(version, api), method)(*arguments, **named)
            content = response.data
        except ApiException as error:
            if not error.status:
                raise DatadogError(
                    Trouble.UNREACHABLE, f"{what}: {self.host}: no trust in its certificate"
                ) from None
            raise error_of_status(
                error.status, error.body, error.headers or {}, what, self.host
            ) from None
        except OpenApiException as error:
            reason = " ".join(str(error).split())[:300]
            raise DatadogError(Trouble.REFUSED, f"{what}: not a valid request: {reason}") from None
        except HTTPError as error:
            raise self._lost(what, error) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        try:
            return Answer(json.loads(content) if content else None, headers)
        except (ValueError, RecursionError):
            raise DatadogError(
                Trouble.UNAVAILABLE,
                f"{what}: {self.host} did not answer with JSON; is it Datadog's API?",
            ) from None

    def _lost(self, what: str, error: Exception) -> DatadogError:
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
        from urllib3.exceptions import TimeoutError as NoAnswer

        place = f"{what}: {self.host}"
        if isinstance(error, NewConnectionError):
            return DatadogError(
                Trouble.UNREACHABLE, f"{place} cannot be reached; check DD_SITE and the network"
            )
        if isinstance(error, ConnectTimeoutError):
            return DatadogError(Trouble.UNREACHABLE, f"{place}: no connection in time")
        if isinstance(error, NoAnswer):
            return DatadogError(Trouble.TIMEOUT, f"{place} did not answer in time")
        # Lost after it was sent: it may have had its effect.
        return DatadogError(Trouble.UNAVAILABLE, f"{what}: the connection to {self.host} was lost")

    def _api(self, version: str, name: str) -> Any:
        key = f"{version}.{name}"
        if key not in self._apis:
            module = import_module(f"datadog_api_client.{version}.api.{name}_api")
            api = "".join(part.title() for part in name.split("_")) + "Api"
            self._apis[key] = getattr(module, api)(self._client)
        return self._apis[key]
