"""What Datadog is used for: said by name, with keys, or not at all."""

from __future__ import annotations

import pytest

from balancer.core.errors import InputError
from balancer.service.settings import Settings

KEYS = {"DD_API_KEY": "a" * 32, "DD_APP_KEY": "b" * 40}


def test_keys_alone_ask_for_nothing() -> None:
    """They may be there for somebody else."""
    assert Settings.from_environment(KEYS).datadog is None


def test_uses_are_named() -> None:
    """With commas; the command goes before the variable."""
    environment = {**KEYS, "OPEN_BALANCER_DATADOG": "poll", "DD_ENV": "prod"}
    use = Settings.from_environment({**environment, "OTEL_SERVICE_NAME": "shop"}).datadog
    assert use is not None
    assert (use.poll, use.mirror, use.otlp) == (True, False, False)
    assert (use.target.service, use.target.environment) == ("shop", "prod")
    use = Settings.from_environment(environment, datadog="mirror, otlp").datadog
    assert use is not None
    assert (use.poll, use.mirror, use.otlp) == (False, True, True)


def test_telemetry_goes_where_the_standard_variables_say() -> None:
    """Or to Datadog's intake, or nowhere."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
    assert Settings.from_environment({}).otlp == ""
    assert Settings.from_environment(endpoint).otlp == "environment"
    assert Settings.from_environment({**endpoint, "OTEL_SDK_DISABLED": "true"}).otlp == ""
    assert Settings.from_environment(KEYS, datadog="otlp").otlp == "datadog"


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"OPEN_BALANCER_DATADOG": "pol", **KEYS}, "OPEN_BALANCER_DATADOG: found 'pol'.*poll"),
        ({"OPEN_BALANCER_DATADOG": "poll"}, "the API key is missing; set DATADOG_API_KEY"),
        (
            {"OPEN_BALANCER_DATADOG": "mirror", "DD_API_KEY": "a"},
            "the application key is missing",
        ),
        (
            {"OPEN_BALANCER_DATADOG": "poll", **KEYS, "DD_SITE": "datadoghq.de"},
            "DD_SITE: found 'datadoghq.de'",
        ),
        (
            {"OPEN_BALANCER_DATADOG": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:1"},
            "telemetry goes to one place",
        ),
        (
            {"OPEN_BALANCER_DATADOG": "poll", **KEYS, "OTEL_SERVICE_NAME": "My Shop"},
            "^OTEL_SERVICE_NAME: found 'My Shop'",
        ),
        ({"OPEN_BALANCER_DATADOG": "poll", **KEYS, "DD_ENV": "a b"}, "^DD_ENV: found 'a b'"),
    ],
)
def test_what_cannot_be_meant_is_refused(environment: dict[str, str], problem: str) -> None:
    """By one sentence, which names it, and never a key."""
    with pytest.raises(InputError, match=problem) as refused:
        Settings.from_environment(environment)
    assert "a" * 32 not in str(refused.value)


def test_keys_are_not_shown() -> None:
    """Wherever settings are."""
    assert "b" * 40 not in repr(Settings.from_environment(KEYS, datadog="poll"))
