"""Whether telemetry runs beside the service, and what is said where it cannot."""

from __future__ import annotations

import pytest

from balancer.core.errors import InputError
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import ManualClock
from balancer.service.integrations.integration import State
from balancer.service.integrations.telemetry import Reporting, reporting_of
from balancer.service.otlp import Otlp
from tests.waiting import threads, until


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if OpenTelemetry were not installed."""
    monkeypatch.setattr("balancer.installation._EXTRAS", {"telemetry": ("no_such_package",)})


def report(otlp: Otlp) -> object:
    """What is made for a balancer."""
    with_clock = Balancer(clock=ManualClock())
    return reporting_of(with_clock, otlp)


def test_nothing_runs_where_nothing_is_wanted() -> None:
    """And nothing is imported."""
    assert report("") is None


def test_variables_without_the_extra_are_no_reason_not_to_serve(without_the_extra: None) -> None:
    """They may be set for everything on a machine; it is said."""
    found = reporting_of(Balancer(clock=ManualClock()), "environment")
    assert found is not None
    found.start()
    health = found.health()
    assert health.state is State.OFF
    assert "no_such_package" in health.error
    found.close(1.0)


def test_datadogs_intake_without_the_extra_is_refused(without_the_extra: None) -> None:
    """It was asked for by name."""
    with pytest.raises(InputError, match="no_such_package"):
        report("datadog")


def test_datadogs_intake_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one sentence."""
    for name in ("DD_API_KEY", "DATADOG_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="set DATADOG_API_KEY or DD_API_KEY"):
        report("datadog")


def test_a_variable_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "soon")
    with pytest.raises(InputError, match="OTEL_METRIC_EXPORT_INTERVAL"):
        report("environment")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_why_nothing_arrives_is_told_without_secrets(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, protocol: str
) -> None:
    """By either transport, which repeat the address that they cannot reach."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:s3cr3t-word@127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    # Long enough for a second try: only then does an exporter say what was wrong.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    found = reporting_of(Balancer(clock=ManualClock()), "environment")
    assert isinstance(found, Reporting)
    found.start()
    until(lambda: found.health().state is State.TROUBLE)
    health = found.health()
    found.close(0.1)
    until(lambda: "balancer-telemetry" not in threads(), "nothing is tried any more")
    assert health.error.startswith("metrics do not arrive: ")
    assert "metrics do not arrive at http://127.0.0.1:1 (" in caplog.text
    assert "s3cr3t" not in health.error + caplog.text
