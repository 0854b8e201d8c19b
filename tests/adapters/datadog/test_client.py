"""Whatever goes wrong with Datadog is one line and a state, and holds no secret."""

from __future__ import annotations

import socket
import warnings
from types import SimpleNamespace

import pytest

from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.errors import DatadogError, Trouble
from balancer.adapters.datadog.settings import Settings, settings_from
from balancer.core.errors import InputError
from tests.adapters.datadog.fake import API_KEY, APP_KEY, Fake, hurry

KEYS = {"DD_API_KEY": "a" * 32, "DD_APP_KEY": "b" * 40}
LIST = "v1.dashboards.list_dashboards"


@pytest.mark.parametrize(
    ("how", "trouble", "problem"),
    [
        (
            401,
            Trouble.UNAUTHORISED,
            "API key was not accepted .401. by 127.0.0.1; check DD_API_KEY",
        ),
        (403, Trouble.FORBIDDEN, "not allowed .403. .*check that the application key"),
        (404, Trouble.NOT_FOUND, "list dashboards: not found"),
        (400, Trouble.REFUSED, "refused .400.: told to fail"),
        (429, Trouble.LIMITED, "rate limit is used up"),
        (500, Trouble.UNAVAILABLE, "Datadog has trouble itself .500."),
        ("text", Trouble.UNAVAILABLE, "did not answer with JSON"),
        ("drop", Trouble.UNAVAILABLE, "the connection to 127.0.0.1 was lost"),
        ("hang", Trouble.TIMEOUT, "127.0.0.1 did not answer in time"),
    ],
)
def test_trouble_is_one_line_and_a_state(
    client: Client, fake: Fake, how: int | str, trouble: Trouble, problem: str
) -> None:
    """After three tries where it may be repeated."""
    fake.failures = [("GET", "/api/v1/dashboard", how)] * 3
    if how == "hang":
        hurry(client)
    with pytest.raises(DatadogError, match=problem) as caught:
        client.read(LIST)
    assert caught.value.trouble is trouble
    assert "\n" not in str(caught.value)
    assert API_KEY not in str(caught.value)


@pytest.mark.parametrize("how", [429, 500, 503, "drop"])
def test_what_passes_is_waited_out(
    client: Client, fake: Fake, waits: list[float], how: int | str
) -> None:
    """Two failures, one after the other."""
    fake.failures = [("GET", "/api/v1/dashboard", how)] * 2
    assert client.read(LIST).body == {"dashboards": []}
    assert waits == [1.0, 2.0]


def test_a_rate_limit_says_how_long(client: Client, fake: Fake, waits: list[float]) -> None:
    """By its header."""
    fake.failures = [("POST", "/api/v1/monitor", 429)]
    fake.limits = {"X-RateLimit-Reset": "7"}
    client.create("v1.monitors.create_monitor", body={"type": "query alert", "query": "q"})
    assert waits == [7.0]


def test_a_long_wait_is_not_waited(client: Client, fake: Fake, waits: list[float]) -> None:
    """The caller is told instead."""
    fake.failures = [("GET", "/api/v1/dashboard", 429)]
    fake.limits = {"X-RateLimit-Reset": "600"}
    with pytest.raises(DatadogError, match="asked again in 600 s") as caught:
        client.read(LIST)
    assert (caught.value.wait_s, waits) == (600.0, [])


def test_a_creation_is_not_repeated(client: Client, fake: Fake, waits: list[float]) -> None:
    """It may have been made: the caller has to look."""
    fake.failures = [("POST", "/api/v1/monitor", 503)]
    with pytest.raises(DatadogError) as caught:
        client.create("v1.monitors.create_monitor", body={"type": "query alert", "query": "q"})
    assert caught.value.unknown_outcome
    assert waits == []


def test_a_call_takes_no_filter_of_warnings_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters are of the process: another thread may set one in the midst of a call, and lost it,
    so that the warning of an unstable operation stood in the service's log.
    """

    class Api:
        def search_incidents(self, query: str) -> SimpleNamespace:
            warnings.warn("Using unstable operation 'search_incidents'", stacklevel=1)
            warnings.filterwarnings("ignore", message="of another thread")
            return SimpleNamespace(data=b"{}", headers={})

    monkeypatch.setattr(client, "_api", lambda *_names: Api())
    client.read("v2.incidents.search_incidents", query="x")
    warnings.warn("of another thread", stacklevel=1)


def test_a_body_that_is_not_valid_is_refused_here(client: Client, fake: Fake) -> None:
    """By Datadog's own client, before anything is sent."""
    with pytest.raises(DatadogError, match="create monitor: not a valid request"):
        client.create("v1.monitors.create_monitor", body={"type": "query alert", "query": 7})
    assert fake.requests == []


def test_a_secret_that_datadog_repeats_is_not_shown(client: Client, fake: Fake) -> None:
    """Some errors quote the request."""
    client.hide("hush-hush")
    fake.failures = [("POST", "/api/v1/integration", 400)]
    with pytest.raises(DatadogError) as caught:
        client.create(
            "v1.webhooks_integration.create_webhooks_integration_custom_variable",
            body={"name": "A", "value": "hush-hush", "is_secret": True},
        )
    assert "***" in str(caught.value)
    assert "hush-hush" not in repr(caught.value)


def test_a_wrong_key_is_told(fake: Fake) -> None:
    """Both of them."""
    for keys, trouble in (
        ({"api_key": "x", "app_key": APP_KEY}, Trouble.UNAUTHORISED),
        ({"api_key": API_KEY, "app_key": "x"}, Trouble.FORBIDDEN),
    ):
        with Client(Settings(**keys, host=fake.url)) as client:
            with pytest.raises(DatadogError) as caught:
                client.read(LIST)
            assert caught.value.trouble is trouble


def test_a_host_that_is_not_there_is_told() -> None:
    """Without a try that hangs."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        settings = Settings(api_key="k", app_key="k", host=f"http://127.0.0.1:{port}")
        with (
            Client(settings) as client,
            pytest.raises(DatadogError, match="cannot be reached; check DD_SITE"),
        ):
            client.read(LIST)


def test_settings_come_from_either_name() -> None:
    """DATADOG_ comes first."""
    found = settings_from(KEYS | {"DATADOG_API_KEY": "c" * 32, "DD_SITE": "datadoghq.eu"})
    assert (found.api_key, found.url) == ("c" * 32, "https://api.datadoghq.eu")
    assert settings_from(KEYS).url == "https://api.datadoghq.com"
    assert settings_from(KEYS | {"DD_HOST": "https://proxy.example.org/"}).url == (
        "https://proxy.example.org"
    )


def test_settings_do_not_show_their_keys() -> None:
    """Neither in logs nor in tracebacks."""
    assert "a" * 32 not in repr(settings_from(KEYS))


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({}, "the API key is missing; set DATADOG_API_KEY or DD_API_KEY"),
        ({"DD_API_KEY": "a"}, "the application key is missing; set DATADOG_APP_KEY"),
        (KEYS | {"DD_API_KEY": "a b"}, "DD_API_KEY: holds characters that no API key has"),
        (KEYS | {"DD_SITE": "datadog.eu"}, r"DD_SITE: found 'datadog.eu'.*did you mean 'datadoghq"),
        (KEYS | {"DD_SITE": "https://app.datadoghq.eu"}, "did you mean 'datadoghq.eu'"),
        (KEYS | {"DD_HOST": "http://proxy.example.org"}, "DD_HOST: .*over https only"),
    ],
)
def test_a_wrong_environment_is_told(environment: dict[str, str], problem: str) -> None:
    """With the name of the variable."""
    with pytest.raises(InputError, match=problem):
        settings_from(environment)
