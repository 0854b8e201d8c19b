"""Where telemetry goes: the standard variables, Datadog's intake, and what cannot be meant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from balancer.adapters.telemetry.destination import (
    DATADOG_METRICS,
    Destination,
    datadog_destination,
    destination,
)
from balancer.adapters.telemetry.live import Telemetry
from balancer.adapters.telemetry.verify import verify
from balancer.core.errors import InputError
from tests.adapters.telemetry.taker import Taker, taker
from tests.runtime.bench import Bench

BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def here() -> Iterator[Taker]:
    """A receiver."""
    with taker() as found:
        yield found


def outcomes(to: Destination) -> dict[str, bool | None]:
    """Whether each signal arrived."""
    return {step.name: step.ok for step in verify(to)}


def spoken(to: Destination) -> list[str]:
    """Protocol of each exporter."""
    exporters = (to.metrics, to.spans, to.logs)
    return ["grpc" if ".grpc." in type(each).__module__ else "http" for each in exporters]


def test_endpoint_protocol_and_headers_come_from_the_environment(
    here: Taker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path for each signal is added to the base address."""
    monkeypatch.setenv(BASE, here.url)
    monkeypatch.setenv(PROTOCOL, "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret,x-other=1")
    to = destination()
    assert outcomes(to) == {"metrics": True, "traces": True, "logs": True}
    assert here.paths == ["/v1/metrics", "/v1/traces", "/v1/logs"]
    assert {headers["api-key"] for headers in here.headers} == {"s3cret"}
    assert "s3cret" not in to.name


def test_a_signal_may_go_elsewhere(here: Taker, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own address, which is taken as it is."""
    monkeypatch.setenv(BASE, here.url)
    monkeypatch.setenv(PROTOCOL, "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{here.url}/somewhere/else")
    outcomes(destination())
    assert here.paths == ["/v1/metrics", "/somewhere/else", "/v1/logs"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ["grpc", "grpc", "grpc"]),
        ({BASE: "http://127.0.0.1:4317"}, ["grpc", "grpc", "grpc"]),
        ({BASE: "http://127.0.0.1:4318"}, ["http", "http", "http"]),
        ({BASE: "http://127.0.0.1:4318/"}, ["http", "http", "http"]),
        ({BASE: "http://127.0.0.1:43180"}, ["grpc", "grpc", "grpc"]),
        ({BASE: "http://127.0.0.1:4318", PROTOCOL: "grpc"}, ["grpc", "grpc", "grpc"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, ["grpc", "http", "grpc"]),
        (
            {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:4318/v1/logs"},
            ["grpc", "grpc", "http"],
        ),
    ],
)
def test_the_protocol_is_by_signal_then_for_all_then_by_port(
    environment: dict[str, str], expected: list[str]
) -> None:
    """GRPC unless something says otherwise."""
    assert spoken(destination(environment=environment)) == expected


def test_an_argument_goes_before_the_environment(here: Taker) -> None:
    """Address and protocol."""
    to = destination(here.url, "http/protobuf", {BASE: "not looked at", PROTOCOL: "grpc"})
    assert spoken(to) == ["http", "http", "http"]
    assert set(outcomes(to).values()) == {True}


@pytest.mark.parametrize(
    ("said", "delta"), [("", False), ("cumulative", False), ("delta", True), ("LowMemory", True)]
)
def test_temporality_is_by_the_standard_variable(said: str, delta: bool) -> None:
    """Cumulative unless it says otherwise."""
    name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    assert destination(environment={name: said}).delta is delta


def test_a_signal_can_be_switched_off(here: Taker) -> None:
    """It is then neither sent nor missed."""
    off = {"OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
    for to in (destination(environment={BASE: here.url, **off}), destination(here.url, None, off)):
        assert (to.metrics, to.logs) == (None, None)
    assert to.spans is not None
    bench = Bench()
    without = Destination(name="here", metrics=None, spans=None, logs=None, delta=False)
    with Telemetry(bench.balancer, without, interval_s=60) as telemetry:
        bench.balancer.request().close()
        bench.seen()
    assert telemetry.sender.dropped == 0
    assert telemetry.sender.failures == {"metrics": 0, "spans": 0, "logs": 0}


def test_everything_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, here: Taker) -> None:
    """By the standard variable: nobody listens, and nothing is sent."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "True")
    bench = Bench()
    with Telemetry(bench.balancer, destination(here.url, "http/protobuf"), interval_s=60):
        bench.calls(3)
        bench.seen()
        assert not bench.balancer.listeners.ended
    assert here.paths == []


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        (
            {PROTOCOL: "http/protobof"},
            r"^OTEL_EXPORTER_OTLP_PROTOCOL: found 'http/protobof' \(did you mean 'http/protobuf'",
        ),
        (
            {"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json"},
            r"^OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: found 'http/json'.*expected one of grpc, http/pro",
        ),
        (
            {BASE: "localhost:4318", PROTOCOL: "http/protobuf"},
            r"^OTEL_EXPORTER_OTLP_ENDPOINT: found 'localhost:4318', expected a URL",
        ),
        (
            {BASE: "http://127.0.0.1:4318/v1/metrics"},
            r"^OTEL_EXPORTER_OTLP_ENDPOINT: found the path /v1/metrics, expected the address with",
        ),
        ({BASE: "http://127.0.0.1:99999"}, r"^OTEL_EXPORTER_OTLP_ENDPOINT: .*expected a URL"),
        ({BASE: "file:///tmp/x"}, r"^OTEL_EXPORTER_OTLP_ENDPOINT: .*expected a URL"),
        (
            {
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "no url",
            },
            r"^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: found 'no url', expected a URL",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            r"^OTEL_TRACES_EXPORTER: found 'zipkin'; expected one of otlp, none",
        ),
        (
            {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "deltas"},
            r"found 'deltas' \(did you mean 'delta'\?\)",
        ),
    ],
)
def test_what_cannot_be_meant_names_its_variable(environment: dict[str, str], problem: str) -> None:
    """What was found, what was expected, and the nearest."""
    with pytest.raises(InputError, match=problem):
        destination(environment=environment)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "http://localhost:4317 (gRPC)"),
        ({PROTOCOL: "http/protobuf"}, "http://localhost:4318 (HTTP)"),
        (
            {
                BASE: "http://a:4318",
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://u:p@b:4318/v1/logs",
            },
            "http://a:4318 and http://b:4318/v1/logs (HTTP)",
        ),
        ({f"OTEL_{s}_EXPORTER": "none" for s in ("METRICS", "TRACES", "LOGS")}, "nowhere (gRPC)"),
    ],
)
def test_a_name_says_where_each_signal_goes(environment: dict[str, str], name: str) -> None:
    """Without anything said to the exporters' own default; and without secrets."""
    assert destination(environment=environment).name == name


def test_grpc_takes_an_address_without_a_scheme() -> None:
    """As its own clients do; an argument is a URL all the same."""
    assert spoken(destination(environment={BASE: "collector:4317"})) == ["grpc"] * 3
    with pytest.raises(InputError, match=r"^the OTLP endpoint: found 'collector:4317', expected"):
        destination("collector:4317")


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip")],
)
def test_what_an_exporter_cannot_use_is_one_message(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Not a traceback."""
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=rf"^OTEL_EXPORTER_OTLP_\*, for metrics: .*{value}"):
        destination("http://127.0.0.1:9", "grpc")


def test_a_name_holds_no_secret() -> None:
    """Neither password nor query."""
    to = destination("http://user:s3cret@127.0.0.1:4318/base?token=s3cret")
    assert to.name == "http://127.0.0.1:4318/base (HTTP)"
    with pytest.raises(InputError) as caught:
        destination("htp://user:s3cret@host")
    assert "s3cret" not in str(caught.value)


# --------------------------------------------------------------------------------- Datadog


def test_datadogs_intake_gets_its_key_and_how_to_take_histograms(here: Taker) -> None:
    """Differences only, by HTTP; traces go by an agent."""
    to = datadog_destination({"DD_API_KEY": f" {KEY}\n"}, here.url)
    assert to.delta
    assert outcomes(to) == {"metrics": True, "traces": None, "logs": True}
    assert here.paths == ["/v1/metrics", "/v1/logs"]
    for headers in here.headers:
        assert headers["dd-api-key"] == KEY
        assert headers["dd-otel-metric-config"] == DATADOG_METRICS
    assert KEY not in to.name


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "https://otlp.datadoghq.com (HTTP)"),
        ({"DD_SITE": "datadoghq.eu"}, "https://otlp.datadoghq.eu (HTTP)"),
        ({"DATADOG_SITE": "us5.datadoghq.com"}, "https://otlp.us5.datadoghq.com (HTTP)"),
    ],
)
def test_the_site_says_where_the_intake_is(environment: dict[str, str], name: str) -> None:
    """Under either name of the variable."""
    assert datadog_destination({"DATADOG_API_KEY": KEY, **environment}).name == name


def test_traces_go_to_an_agent_that_is_named(here: Taker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Datadog's key."""
    address = f"{here.url}/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", address)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("DD_API_KEY", KEY)
    to = datadog_destination(endpoint=here.url)
    assert set(outcomes(to).values()) == {True}
    assert "dd-api-key" not in here.headers[here.paths.index("/v1/traces")]


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({}, r"^Datadog: the API key is missing; set DATADOG_API_KEY or DD_API_KEY$"),
        ({"DD_API_KEY": "  "}, r"^Datadog: the API key is missing"),
        ({"DD_API_KEY": "a\nb"}, r"^DD_API_KEY: holds characters that no API key has"),
        (
            {"DD_API_KEY": KEY, "DD_SITE": "datadog.eu"},
            r"^DD_SITE: found 'datadog.eu', .* \(did you mean 'datadoghq.eu'\?\)",
        ),
        ({"DD_API_KEY": KEY, "DATADOG_SITE": "example.org"}, r"^DATADOG_SITE: found 'example.org'"),
    ],
)
def test_a_datadog_that_cannot_be_reached_is_said_so(
    environment: dict[str, str], problem: str
) -> None:
    """The key is in no message."""
    with pytest.raises(InputError, match=problem) as caught:
        datadog_destination(environment)
    assert KEY not in str(caught.value)
